"""Holding a traffic log: taking one, renewing its lease, taking another when it is lost.

Owns which log this process writes to. Safety is none of its business: it comes from the epoch in
each commit's swap; a lease only keeps processes from taking logs from each other all the time.

Invariant: a log is written only after its database was shown to continue what was signed; one
that doesn't is put aside for good, and another is taken.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from exchange.ledger.errors import LedgerError, LogBehind, LogUnavailable
from exchange.ledger.log_writer import LogWriter
from exchange.ledger.orphans import LeaseReads, OnTaken, Orphans
from exchange.storage.port import LogLeases
from exchange.storage.rows import ShardHead
from signing.errors import SealwayError

log = structlog.get_logger()

TAKES_MAX: Final = 64  # a restored database may have every log behind its mark
RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 2.0


class LeasedStore(LogLeases, Protocol):
    """Who writes which log, and what they left undone."""

    @property
    def reads(self) -> LeaseReads:
        """The reading side."""


OpenWriter = Callable[[ShardHead], Awaitable[LogWriter]]
Freeze = Callable[[ShardHead, LedgerError], Awaitable[None]]


class Holding:
    """The one traffic log this process writes. `start` first, `stop` last.

    ``open_writer`` opens what was taken; ``numbers`` says which logs' keys are here;
    ``open_another`` opens a new log and answers its number; ``freeze`` puts a log aside for good.
    ``on_taken`` begins to relay what is left of a taken log, and ends when the bus has it.
    ``lease_s`` None: no other process works on this database, so there is nothing to renew and
    nobody's log to finish.
    """

    def __init__(
        self,
        store: LeasedStore,
        open_writer: OpenWriter,
        numbers: Callable[[], Sequence[int]],
        open_another: Callable[[], Awaitable[int]],
        freeze: Freeze,
        on_taken: OnTaken,
        lease_s: float | None,
    ) -> None:
        self._store = store
        self._open_writer = open_writer
        self._numbers = numbers
        self._open_another = open_another
        self._freeze = freeze
        self._on_taken = on_taken
        self._lease_s = lease_s
        self._writer: LogWriter | None = None
        self._why = "This process holds no log yet; ask again in a moment."
        self._turn = asyncio.Lock()
        self._others: set[LogWriter] = set()
        """Logs that were lost or borrowed, until what they hold is signed and saved."""
        self._orphans = Orphans(self, store.reads, on_taken, lease_s or 0)
        self._leaving: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._groups = 0

    @property
    def writer(self) -> LogWriter:
        """The log's writer. Raises LogUnavailable while none is held."""
        if self._writer is None:
            raise LogUnavailable(self._why)
        return self._writer

    async def start(self) -> None:
        """Take a log; when none can be had now, go on trying. Then keep it."""
        async with self._turn:
            with suppress(LogUnavailable):
                await self._take_or_retry()
        if self._lease_s is not None:
            self._renewing = asyncio.create_task(self._renew(self._lease_s / 3), name="renew-log")
            self._orphans.start()

    async def stop(self) -> None:
        """Sign and save what is committed, and let others take the log at once."""
        await self._orphans.stop()
        tasks = [task for task in (self._renewing, self._retrying) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._turn:
            writer, self._writer = self._writer, None
            self._why = "The bus is stopping; send the same bytes again in a moment."
        if writer is not None:
            await self.give_back(writer)
        await asyncio.gather(*self._leaving)

    async def again(self, lost: LogWriter) -> LogWriter:
        """Take a log after `lost` was lost, or its head is in doubt; the same one perhaps.

        Meanwhile `writer` is still ``lost``, so that what arrives can wait for the next log. What
        was committed on it is still signed. When no log can be had now, this and `writer` refuse,
        and it goes on trying.

        Raises:
            LogUnavailable: no log can be had now.
        """
        async with self._turn:
            if self._writer is not None and self._writer is not lost:
                return self._writer
            if self._writer is None:
                return await self._take_or_retry()
            log.warning("log.lost", origin=lost.head.origin, epoch=lost.head.epoch)
            try:
                return await self._take_or_retry(lost.head.shard)
            finally:
                self._leave(lost)

    def _leave(self, lost: LogWriter) -> None:
        self._others.add(lost)
        leaving = asyncio.create_task(self.give_back(lost), name="leave-log")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def relayed(self, shard: int, end: int) -> None:
        """Entries of a log before ``end`` are with the bus; ignored for what isn't held here."""
        if self._writer is not None and self._writer.head.shard == shard:
            self._writer.relayed(end)
        for writer in self._others:
            if writer.head.shard == shard and end <= writer.head.size:
                writer.relayed(end)

    async def borrow(self, shard: int) -> LogWriter | None:
        """Take this very log for a while, besides the one that is held; None: it isn't free."""
        async with self._turn:
            held = None if self._writer is None else self._writer.head.shard
            if shard == held or shard not in self._numbers():
                return None
            head = await self._store.take_log(shard)
            writer = None if head is None else await self._opened(head)
        if writer is not None:
            self._others.add(writer)
        return writer

    async def give_back(self, writer: LogWriter) -> None:
        """Sign and save what was committed; then the log is anybody's."""
        try:
            await writer.close()
        except (SealwayError, TimeoutError) as problem:
            log.warning("log.left_unsaved", origin=writer.head.origin, reason=str(problem))
        self._others.discard(writer)
        await self._release(writer.head)

    async def _take_or_retry(self, first: int | None = None) -> LogWriter:
        try:
            writer = await self._take(first)
        except SealwayError as problem:
            self._writer = None
            self._why = f"No log can be written now; ask again in a moment. {problem.detail}"
            log.warning("log.none", code=problem.code, reason=problem.detail)
            if self._retrying is None or self._retrying.done():
                self._retrying = asyncio.create_task(self._retry(), name="take-log")
            raise LogUnavailable(self._why) from problem
        self._writer, self._groups = writer, writer.groups
        log.info("log.taken", origin=writer.head.origin, epoch=writer.head.epoch)
        self._on_taken(writer)
        return writer

    async def _retry(self) -> None:
        pause_s = RETRY_FIRST_S
        while self._writer is None:
            await asyncio.sleep(pause_s)
            pause_s = min(RETRY_MAX_S, pause_s * 2)
            async with self._turn:
                if self._writer is None:
                    with suppress(LogUnavailable):
                        await self._take_or_retry()

    async def _take(self, first: int | None) -> LogWriter:
        """Take the log ``first`` if it is still this process's, else any, else a new one."""
        for _ in range(TAKES_MAX):
            head = None if first is None else await self._store.take_log(first)
            first = None
            if head is None:
                head = await self._store.take_log(among=self._numbers())
            if head is None:
                head = await self._store.take_log(await self._open_another())
            if head is None:
                continue  # another process was faster with it
            writer = await self._opened(head)
            if writer is not None:
                return writer
        raise LogUnavailable("No log continues what was signed.")

    async def _opened(self, head: ShardHead) -> LogWriter | None:
        """A taken log's writer; None when it is behind and was put aside for good."""
        try:
            writer = await self._open_writer(head)
        except BaseException:
            await self._release(head)
            raise
        failed = writer.failed
        if failed is None:
            return writer
        await writer.stop()
        if not isinstance(failed, LogBehind):
            await self._release(head)
            raise failed
        await self._freeze(head, failed)
        return None

    async def _release(self, head: ShardHead) -> None:
        with suppress(SealwayError):  # its lease ends by itself
            await self._store.release_log(head.shard, head.epoch)

    async def _renew(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self._renew_once()
            except SealwayError as problem:  # the database is away: the next commit tells
                log.warning("log.not_renewed", code=problem.code)
            except Exception as problem:
                log.error("log.renewal_failed", error=repr(problem))

    async def _renew_once(self) -> None:
        writer = self._writer
        if writer is None:
            return
        if isinstance(writer.failed, LogBehind):
            await self._freeze(writer.head, writer.failed)
            await self.again(writer)
        elif writer.groups != self._groups:
            self._groups = writer.groups  # each commit has renewed it
        elif not await self._store.renew_log(writer.head.shard, writer.head.epoch):
            await self.again(writer)
        else:
            await writer.save()
