"""Connections to PostgreSQL, and what its errors mean to us.

Invariant: an error that PostgreSQL reported on a living connection aborted its statement; after
any other error the outcome is unknown, and whoever commits must ask (`is_in_doubt`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from exchange.storage.errors import StorageInDoubt, StorageUnavailable

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

_FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its way to say that a server hung up between two statements
    OSError,
    TimeoutError,
)
_RACES = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]


class _Lost(Exception):
    """The connection ended while work was on its way."""


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
                min_size=0,  # else the library keeps trying by itself, and says so each time
                max_size=self._max,
                command_timeout=COMMAND_TIMEOUT_S,
                timeout=CONNECT_TIMEOUT_S,
                server_settings=with_settings,
                reset=_keep,
            )
        except _FAILURES as problem:
            raise unavailable(problem) from problem
        try:
            async with self.acquire():
                pass
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let what is running finish, but not for ever; harmless to call twice."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT_S)
            except TimeoutError:
                pool.terminate()

    @property
    def in_use(self) -> int:
        """Connections that somebody works on now."""
        return 0 if self._pool is None else self._pool.get_size() - self._pool.get_idle_size()

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
        except asyncpg.InternalClientError:
            cut(connection)
            raise
        finally:
            await pool.release(connection)

    async def run(self, work: Work[T], again: Work[T] | None = None) -> T:
        """One piece of work, whole again after a deadlock, a lost race or a lost connection.

        ``again`` is what to do instead once a connection was lost: the first may have happened.
        Raises StorageUnavailable, at once when no connection can be had.
        """
        try:
            return await self._repeat(work, again or work)
        except _Lost as lost:
            raise unavailable(lost.__cause__) from lost

    async def write(self, work: Work[T], again: Work[T] | None = None) -> T:
        """As `run`, for what changes something.

        Raises:
            StorageUnavailable: nothing was written.
            StorageInDoubt: a connection was lost meanwhile, and no other could be had since.
        """
        try:
            return await self._repeat(work, again or work)
        except _Lost as lost:
            raise in_doubt(lost.__cause__) from lost

    async def _repeat(self, work: Work[T], again: Work[T]) -> T:
        """Raises _Lost when the work may have been done all the same."""
        lost: BaseException | None = None
        for attempt in range(TRIES):
            await asyncio.sleep(0.05 * attempt)
            try:
                async with self.acquire() as connection:
                    return await _once(connection, work if lost is None else again)
            except _RACES as problem:
                if attempt + 1 == TRIES and lost is None:
                    raise unavailable(problem) from problem
            except _Lost as problem:
                lost = problem.__cause__
                if isinstance(lost, TimeoutError):
                    break  # it was given its time, and more than that
            except StorageUnavailable:
                if lost is None:
                    raise
        raise _Lost from lost


async def _once(connection: Connection, work: Work[T]) -> T:
    try:
        return await work(connection)
    except _RACES:
        raise
    except _FAILURES as problem:
        if not is_in_doubt(problem, connection):
            raise unavailable(problem) from problem
        cut(connection)
        raise _Lost from problem


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


def in_doubt(problem: BaseException | None) -> StorageInDoubt:
    """The refusal when nobody knows."""
    return StorageInDoubt(
        "It may have been recorded; send the same bytes again later.", cause=repr(problem)
    )
