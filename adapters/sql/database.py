"""Connections to an agency's database that can only read.

Owns engines, threads, the statement's time limit, and the reading of the driver's errors.

Invariants: SQLite is opened with ``mode=ro``, ``query_only`` and an authorizer that lets nothing
but reading pass; PostgreSQL runs every statement in a read-only transaction with a
``statement_timeout``. At most ``rows_max + 1`` rows are fetched.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote

from sqlalchemy import Connection, Engine, TextClause, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool

from adapters.errors import AttemptFailed, ProviderMisbehaved, ProviderTimeout, ProviderUnreachable
from adapters.sql.statement import ParamUnfit

_CONNECT_TIMEOUT_S: Final = 5.0
# SQLite asks whether to go on after so many of its instructions: about every 0.1 ms.
_INSTRUCTIONS_BETWEEN_CHECKS: Final = 5_000
_GUARDED: Final = "sealway.guarded"
_READING: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)


class Rows(NamedTuple):
    """Column names, and the rows in the query's order."""

    names: tuple[str, ...]
    rows: list[Any]


class Database(Protocol):
    """What the adapter needs of a database."""

    async def fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, timeout_s: float
    ) -> Rows:
        """Run one query; at most ``rows_max + 1`` rows come back.

        Raises:
            ProviderUnreachable, ProviderTimeout, ProviderMisbehaved: as their names say.
            ParamUnfit: the database can't take one of the values.
        """
        ...

    async def close(self) -> None:
        """Close every connection and thread."""
        ...


def _only_reading(action: int, *_about: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


class SqliteDatabase:
    """A file, read by a few threads with a connection each."""

    def __init__(self, file: Path, connections_max: int) -> None:
        self._file = file
        self._engine: Engine = create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=connections_max,
            max_overflow=0,
            pool_reset_on_return=None,  # autocommit: there is nothing to roll back
        )
        self._threads = ThreadPoolExecutor(connections_max, thread_name_prefix="adapter-sql")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self._file))}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=1.0,
        )
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    async def fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, timeout_s: float
    ) -> Rows:
        """See ``Database``; the time limit counts from now, waiting for a thread included."""
        until_s = time.monotonic() + timeout_s
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._fetch, clause, params, rows_max, until_s
        )

    def _fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, until_s: float
    ) -> Rows:
        if time.monotonic() > until_s:
            raise ProviderTimeout("The database had no connection free in time.", maybe_sent=False)
        try:
            with self._engine.connect() as connection:
                return _read(
                    connection, clause, params, rows_max, lambda: time.monotonic() > until_s
                )
        except OverflowError as error:
            raise ParamUnfit("a number is beyond what the database takes") from error
        except SQLAlchemyError as error:
            raise _attempt_error(error) from error

    async def close(self) -> None:
        """See ``Database``."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


def _read(
    connection: Connection,
    clause: TextClause,
    params: dict[str, Any],
    rows_max: int,
    is_late: Callable[[], bool],
) -> Rows:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    if _GUARDED not in connection.info:  # not before: SQLAlchemy's own start reads a PRAGMA
        driver.set_authorizer(_only_reading)
        connection.info[_GUARDED] = True
    driver.set_progress_handler(is_late, _INSTRUCTIONS_BETWEEN_CHECKS)
    result = connection.execute(clause, params)
    try:
        return Rows(tuple(result.keys()), [tuple(row) for row in result.fetchmany(rows_max + 1)])
    finally:
        result.close()
        driver.set_progress_handler(None, 0)


class PostgresDatabase:
    """A PostgreSQL server, by asyncpg."""

    def __init__(self, url: URL, connections_max: int, timeout_s: float) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=timeout_s,
            connect_args={
                "timeout": _CONNECT_TIMEOUT_S,
                "server_settings": {
                    "application_name": "sealway",
                    "default_transaction_read_only": "on",
                    "statement_timeout": str(int(timeout_s * 1000)),
                },
            },
            execution_options={"postgresql_readonly": True},
        )

    async def fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, timeout_s: float
    ) -> Rows:
        """See ``Database``; rows come through a cursor on the server."""
        try:
            async with asyncio.timeout(timeout_s), self._engine.connect() as connection:
                result = await connection.stream(clause, params)
                rows = await result.fetchmany(rows_max + 1)
                names = tuple(result.keys())
                await result.close()
                return Rows(names, [tuple(row) for row in rows])
        except TimeoutError as error:
            raise ProviderTimeout("The database did not answer in time.") from error
        except OSError as error:
            raise ProviderUnreachable("The database is not there.", maybe_sent=False) from error
        except SQLAlchemyError as error:
            raise _attempt_error(error) from error

    async def close(self) -> None:
        """See ``Database``."""
        await self._engine.dispose()


def _attempt_error(error: SQLAlchemyError) -> AttemptFailed | ParamUnfit:
    """What a driver's error means; its text may hold data and goes nowhere."""
    if isinstance(error, PoolTimeout):
        return ProviderTimeout("The database had no connection free in time.", maybe_sent=False)
    cause = error.orig if isinstance(error, StatementError) else None
    kind = type(cause.__cause__ or cause).__name__ if cause is not None else ""
    if kind in ("DataError", "OverflowError", "InvalidTextRepresentationError") or (
        "invalid input for query argument" in str(cause)
    ):
        return ParamUnfit("the database can't take a value of the request")
    if kind == "QueryCanceledError" or str(cause) == "interrupted":
        return ProviderTimeout("The database did not answer in time.")
    if isinstance(error, InterfaceError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        return ProviderUnreachable("The connection to the database was lost.", cause=kind)
    if isinstance(error, OperationalError) and _is_away(str(cause)):
        return ProviderUnreachable("The database is not there, or is locked.", cause=kind)
    return ProviderMisbehaved("The database refused the query.", cause=kind)


def _is_away(text: str) -> bool:
    return text.startswith(("unable to open", "database is locked", "disk I/O"))
