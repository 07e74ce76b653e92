"""Opening the SQLite file, and the one thread that writes it.

Invariant: every write of the process goes through `WriterThread`, in the order it was asked for;
WAL, ``synchronous=FULL``, and an exclusive lock on ``<file>.lock`` stands for the shard's lease:
a second `serve` on the same file is refused.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from exchange.storage.errors import StorageInUse, StorageUnavailable
from exchange.storage.one_thread import OneThread

FILE_NAME: Final = "sealway.db"
LOCK_NAME: Final = "sealway.lock"
BUSY_TIMEOUT_MS: Final = 5_000  # only a checkpoint or a backup ever makes us wait
STATEMENTS_CACHED: Final = 512  # a handful of shapes, each for up to 64 rows
WAL_BYTES_MAX: Final = 64 * 1024 * 1024  # above this the WAL is folded back between groups
WAL_BYTES_FOLDED: Final = 1024 * 1024  # above this it is folded back beside the writer
LOOK_EVERY: Final = 64  # transactions between two looks at the WAL: some hundred exchanges


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


class WalFolder:
    """Folds the WAL back into the file, beside the writer, on a thread and connection of its own.

    A passive checkpoint waits for nobody and stops nobody; once all of the WAL is folded back the
    writer begins it anew, over bytes that are already on the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sealway-wal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def want(self) -> None:
        """Ask for a checkpoint; asking again while one runs is asking once."""
        self._wanted.set()

    def stop(self) -> None:
        """Finish the checkpoint that runs, and end."""
        self._stopping = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path)
        while self._wanted.wait() and not self._stopping:
            self._wanted.clear()
            with contextlib.suppress(sqlite3.Error):  # a long WAL costs room, not safety
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        connection.close()


class WriterThread:
    """Runs pieces of work on the one writing connection, in order.

    A piece of work is a whole transaction. When it raises, the transaction is rolled back and the
    caller gets the exception; `sqlite3.Error` becomes `StorageUnavailable`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = OneThread("sealway-writer")
        self._connection: sqlite3.Connection | None = None
        self._folder = WalFolder(path)
        self.transactions = 0
        """Transactions committed since the start, for metrics and tests."""

    def start(self) -> None:
        """Open the connection; call from the event loop."""
        self._connection = connect(self._path)
        self._folder.start()

    async def run(
        self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """Do one piece of work in a transaction of its own and wait for its commit.

        Cancelling the caller doesn't cancel the work. ``then`` is called on the writer's thread
        when it has committed; it is quick and doesn't raise.

        Raises:
            StorageUnavailable: the database refused; nothing was written.
        """
        return await self._thread.run(lambda: self._do(work, then))

    async def stop(self) -> None:
        """Finish what was asked, fold the WAL back, close."""
        await asyncio.to_thread(self._thread.stop)
        await asyncio.to_thread(self._folder.stop)
        if self._connection is not None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    def _do(self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None) -> T:
        try:
            result = self._transact(work)
        except sqlite3.Error as problem:
            raise _unavailable(problem) from problem
        if then is not None:
            then(result)
        self._look_at_wal()
        return result

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
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

    def _look_at_wal(self) -> None:
        if self.transactions % LOOK_EVERY:
            return
        with contextlib.suppress(OSError, sqlite3.Error):  # the next look tries again
            size = Path(f"{self._path}-wal").stat().st_size
            if size > WAL_BYTES_MAX and self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)")
            elif size > WAL_BYTES_FOLDED:
                self._folder.want()


def _unavailable(problem: sqlite3.Error) -> StorageUnavailable:
    return StorageUnavailable(
        "The log can't be written at the moment; nothing was recorded. Send the same bytes again.",
        cause=repr(problem),
    )
