"""A look at a database from outside the store: can it be reached, what is in it, who holds what.

For starts that wait, and for `doctor`: one connection, nothing is written, nothing is assumed to be
there. Invariant: no text of an error holds the password of the address.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from exchange.storage.errors import StorageError, StorageUnavailable
from exchange.storage.postgres.connection import SERVER_SETTINGS, Connection
from exchange.storage.postgres.schema import days_ahead

CONNECT_S: Final = 5.0
DURABILITY: Final = ("fsync", "full_page_writes", "synchronous_commit")
_NOW_MS: Final = "(extract(epoch from clock_timestamp()) * 1000)::bigint"
_AWAY: Final = (
    asyncpg.CannotConnectNowError,  # it starts, or it stops
    asyncpg.TooManyConnectionsError,
    asyncpg.PostgresConnectionError,
)


class StorageRefused(StorageError):
    """The server is there and doesn't let us in: name, password or database are wrong."""


@dataclass(frozen=True, slots=True)
class LogView:
    """One log, as its row says."""

    shard: int
    origin: str
    state: str
    owner: str | None
    is_held: bool
    size: int
    note_size: int
    relayed_to: int


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """What a look has found. `schema` is None where there are no tables."""

    version: str
    server_number: int
    durability: dict[str, str]
    clock_apart_ms: int
    round_trip_ms: float
    is_standby: bool
    is_encrypted: bool
    standbys: str
    connections_max: int
    schema: int | None = None
    bus: str = ""
    instance: str = ""
    days_ahead: int = 0
    logs: tuple[LogView, ...] = ()


async def reach(address: str) -> None:
    """Connect and go.

    Raises:
        StorageUnavailable: nobody answers, or not yet: trying again may help.
        StorageRefused: trying again won't.
    """
    connection = await _connect(address)
    with suppress(OSError, asyncpg.InterfaceError, TimeoutError):
        await connection.close(timeout=CONNECT_S)


async def look(address: str, clock: Callable[[], int]) -> DatabaseView:
    """Everything `doctor` asks. `clock` is this machine's. Raises as `reach` does."""
    connection = await _connect(address)
    try:
        return await asyncio.wait_for(_look(connection, clock), 4 * CONNECT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as problem:
        raise StorageUnavailable(
            f"The database can't be read ({told_safely(problem, address)})."
        ) from problem
    finally:
        connection.terminate()


async def _connect(address: str) -> Connection:
    try:
        return await asyncpg.connect(
            address,
            timeout=CONNECT_S,
            command_timeout=4 * CONNECT_S,
            server_settings=SERVER_SETTINGS,
        )
    except (*_AWAY, OSError, TimeoutError) as problem:
        if isinstance(problem, FileNotFoundError | PermissionError) and "ssl" in address:
            raise StorageRefused(_refused(problem, address)) from None
        raise StorageUnavailable(
            f"The database doesn't answer ({told_safely(problem, address)})."
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as problem:
        raise StorageRefused(_refused(problem, address)) from None


def _refused(problem: BaseException, address: str) -> str:
    return f"The database doesn't let us in ({told_safely(problem, address)})."


def told_safely(problem: BaseException, address: str) -> str:
    """An error in one line, without the password."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    for secret in _secrets(address):
        text = text.replace(secret, "…")
    return text.rstrip(".")


def _secrets(address: str) -> set[str]:
    try:
        url = urlsplit(address)
        raw = re.findall(r"password=([^&]*)", url.query)
        found = {url.password or "", *raw, *parse_qs(url.query).get("password", [])}
    except ValueError:
        return {address}
    return {form for one in found for form in (address, one, unquote(one)) if form}


async def _look(connection: Connection, clock: Callable[[], int]) -> DatabaseView:
    await connection.fetchval(f"SELECT {_NOW_MS}")  # whatever the first one warms up
    loop = asyncio.get_running_loop()
    start, now_ms = loop.time(), clock()
    clock_ms = await connection.fetchval(f"SELECT {_NOW_MS}")
    round_trip_ms = (loop.time() - start) * 1000
    seen: dict[str, Any] = {
        "version": await _setting(connection, "server_version"),
        "server_number": int(await _setting(connection, "server_version_num")),
        "durability": {name: await _setting(connection, name) for name in DURABILITY},
        "clock_apart_ms": round(clock_ms - now_ms - round_trip_ms / 2),
        "round_trip_ms": round_trip_ms,
        "is_standby": await connection.fetchval("SELECT pg_is_in_recovery()"),
        "is_encrypted": bool(
            await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        ),
        "standbys": await _setting(connection, "synchronous_standby_names"),
        "connections_max": int(await _setting(connection, "max_connections")),
    }
    if not await connection.fetchval("SELECT to_regclass('bus') IS NOT NULL"):
        return DatabaseView(**seen)
    row = await connection.fetchrow("SELECT schema_version, bus, instance FROM bus")
    return DatabaseView(
        **seen,
        schema=row["schema_version"],
        bus=row["bus"],
        instance=row["instance"],
        days_ahead=await days_ahead(connection, now_ms),
        logs=await _logs(connection),
    )


async def _setting(connection: Connection, name: str) -> str:
    return str(await connection.fetchval("SELECT current_setting($1)", name))


async def _logs(connection: Connection) -> tuple[LogView, ...]:
    rows = await connection.fetch(
        "SELECT shard, origin, state, owner, size, coalesce(note_size, 0) AS note_size, relayed_to,"
        f" coalesce(owner IS NOT NULL AND lease_until > {_NOW_MS}, false) AS is_held"
        " FROM log_shard ORDER BY shard"
    )
    return tuple(LogView(**dict(row)) for row in rows)
