"""Connections to PostgreSQL, and what its errors mean to us.

Invariant: an error that PostgreSQL reported on a living connection aborted its statement; after
any other error the outcome is unknown, and whoever commits must ask (`is_in_doubt`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from exchange.storage.errors import StorageUnavailable

Connection = Any
"""An asyncpg connection; the library ships no types."""

CONNECTIONS_MAX: Final = 8  # a committer for each log, a few reads, the sweeper
CONNECT_TIMEOUT_S: Final = 3.0  # a server that doesn't answer by then counts as away
ACQUIRE_TIMEOUT_S: Final = 5.0  # for a free connection, or a new one
CLOSE_TIMEOUT_S: Final = 5.0
COMMAND_TIMEOUT_S: Final = 20.0  # longer than any statement of ours; then the peer counts as gone
SERVER_SETTINGS: Final = {
    "application_name": "sealway",
    # A stopped process lets go of its locks; its epoch is judged by the swap, not by the clock.
    "idle_in_transaction_session_timeout": "10000",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "synchronous_commit": "on",
}
TRIES: Final = 4  # against deadlocks and lost races, each of which one side survives

_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_RACES = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
T = TypeVar("T")


class Connections:
    """A pool of connections. `open` first, `close` last."""

    def __init__(self, dsn: str, connections_max: int = CONNECTIONS_MAX) -> None:
        self._dsn = plain_dsn(dsn)
        self._max = connections_max
        self._pool: Any = None

    async def open(self) -> None:
        """Connect. Raises StorageUnavailable."""
        with_settings = dict(SERVER_SETTINGS)
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=self._max,
                command_timeout=COMMAND_TIMEOUT_S,
                timeout=CONNECT_TIMEOUT_S,
                server_settings=with_settings,
                reset=_keep,
            )
        except _FAILURES as problem:
            raise unavailable(problem) from problem

    async def close(self) -> None:
        """Let what is running finish, but not for ever; harmless to call twice."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT_S)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection; its errors come through as asyncpg's. Raises StorageUnavailable."""
        pool = self._pool
        if pool is None:
            raise unavailable(None)
        try:
            connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except _FAILURES as problem:
            raise unavailable(problem) from problem
        try:
            yield connection
        finally:
            await pool.release(connection)

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """One piece of work on a connection, again when a deadlock or a race chose it to lose.

        For work that may be repeated whole. Raises StorageUnavailable.
        """
        for attempt in range(TRIES):
            try:
                async with self.acquire() as connection:
                    return await work(connection)
            except _RACES as problem:
                if attempt + 1 == TRIES:
                    raise unavailable(problem) from problem
                await asyncio.sleep(0.005 * attempt)
            except _FAILURES as problem:
                raise unavailable(problem) from problem
        raise AssertionError("unreachable")


def plain_dsn(dsn: str) -> str:
    """An address as asyncpg takes it."""
    return dsn.replace("postgresql+asyncpg://", "postgresql://", 1)


async def _keep(connection: Connection) -> None:
    """Nothing to reset between uses: no session state is ever set, and a reset is a round trip."""


def is_failure(problem: BaseException) -> bool:
    """Whether an exception is the database's or the network's, and no mistake of ours."""
    return isinstance(problem, _FAILURES)


def is_in_doubt(problem: BaseException, connection: Connection) -> bool:
    """Whether a commit that ended so may have happened all the same."""
    if isinstance(problem, asyncpg.OperatorInterventionError | asyncpg.PostgresConnectionError):
        return True
    return not isinstance(problem, asyncpg.PostgresError) or _is_closed(connection)


def _is_closed(connection: Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # it ended, and the pool has taken it back
        return True


def cut(connection: Connection) -> None:
    """Never use a connection again whose state nobody knows."""
    if not _is_closed(connection):
        connection.terminate()


def unavailable(problem: BaseException | None) -> StorageUnavailable:
    """The refusal that callers see."""
    return StorageUnavailable(
        "The log can't be written at the moment; nothing was recorded. Send the same bytes again.",
        cause=repr(problem),
    )
