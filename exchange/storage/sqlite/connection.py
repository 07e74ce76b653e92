"""Opening the SQLite file, and the one thread that writes it.

Invariant: every write of the process goes through `WriterThread`, in the order it was asked for;
WAL, ``synchronous=FULL``, and an exclusive lock on ``<file>.lock`` stands for the shard's lease:
a second `serve` on the same file is refused.
"""

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, cast

from signing.errors import SealwayError

BUSY_TIMEOUT_MS: Final = 5_000  # only a checkpoint or a backup ever makes us wait
STATEMENTS_CACHED: Final = 256
WAL_BYTES_MAX: Final = 64 * 1024 * 1024  # above this the WAL is folded back between groups


class StorageError(SealwayError):
    """The branch of storage."""

    code = "log-unavailable"


class StorageInUse(StorageError):
    """Another process serves this file."""


class StorageUnavailable(StorageError):
    """The database refused to work; what was asked is surely not recorded."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with our settings; callers begin and end transactions themselves."""
    uri = f"file:{path}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


class FileLock:
    """The lock that stands for the lease while the store is one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> None:
        """Take the lock. Raises StorageInUse."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise StorageInUse(
                f"Another process already serves {self._path.parent}; stop it first."
            ) from error
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; harmless when it was never taken."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


T = TypeVar("T")
Work = Callable[[sqlite3.Connection], object]
_Job = tuple[Work, "asyncio.Future[object]"]


class WriterThread:
    """Runs pieces of work on the one writing connection, in order.

    A piece of work is a whole transaction. When it raises, the transaction is rolled back and the
    caller gets the exception; `sqlite3.Error` becomes `StorageUnavailable`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="sealway-writer", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self.transactions = 0
        """Transactions committed since the start, for metrics and tests."""

    def start(self) -> None:
        """Open the connection and start the thread; call from the event loop."""
        self._loop = asyncio.get_running_loop()
        self._connection = connect(self._path)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do one piece of work in a transaction of its own and wait for its commit.

        Cancelling the caller doesn't cancel the work.

        Raises:
            StorageUnavailable: the database refused; nothing was written.
        """
        assert self._loop is not None, "not started"
        future: asyncio.Future[object] = self._loop.create_future()
        self._jobs.put((work, future))
        return cast(T, await future)

    async def stop(self) -> None:
        """Finish what was asked, fold the WAL back, close."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._connection is not None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    def _run(self) -> None:
        assert self._connection is not None
        assert self._loop is not None
        while (job := self._jobs.get()) is not None:
            work, future = job
            result: object = None
            error: BaseException | None = None
            try:
                result = self._transact(work)
            except sqlite3.Error as problem:
                error = _unavailable(problem)
            except BaseException as problem:
                error = problem
            self._loop.call_soon_threadsafe(_settle, future, result, error)
            del job, work, future, result, error
            self._checkpoint_when_large()

    def _transact(self, work: Work) -> object:
        connection = self._connection
        assert connection is not None
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.transactions += 1
        return result

    def _checkpoint_when_large(self) -> None:
        if self.transactions % 64:
            return
        wal = Path(f"{self._path}-wal")
        try:
            if wal.stat().st_size > WAL_BYTES_MAX:
                assert self._connection is not None
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)")
        except (OSError, sqlite3.Error):
            return  # the next round tries again; a long WAL costs room, not safety


def _unavailable(problem: sqlite3.Error) -> StorageUnavailable:
    return StorageUnavailable(
        "The log can't be written at the moment; nothing was recorded. Send the same bytes again.",
        cause=repr(problem),
    )


def _settle(future: "asyncio.Future[object]", result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
