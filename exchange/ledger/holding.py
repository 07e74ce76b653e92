"""Holding a traffic log: taking one, renewing its lease, taking another when it is lost.

Owns which log this process writes to. Safety is none of its business: it comes from the epoch in
each commit's swap; a lease only keeps processes from taking logs from each other all the time.

Invariant: a log is written only after its database was shown to continue what was signed; one
that doesn't is frozen, and another is taken.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Final

import structlog

from exchange.ledger.errors import LedgerError, LogBehind, LogUnavailable
from exchange.ledger.log_writer import LogWriter
from exchange.storage.port import LogLeases
from exchange.storage.rows import ShardHead
from signing.errors import SealwayError

log = structlog.get_logger()

TAKES_MAX: Final = 64  # a restored database may have every log behind its mark
RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 2.0


OpenWriter = Callable[[ShardHead], Awaitable[LogWriter]]
Freeze = Callable[[ShardHead, LedgerError], Awaitable[None]]


class Holding:
    """The one traffic log this process writes. `start` first, `stop` last.

    ``open_writer`` opens what was taken; ``numbers`` says which logs' keys are here;
    ``open_another`` opens a new log and answers its number; ``freeze`` puts a log aside for good;
    ``on_taken`` is told of each log that is held from now on.
    """

    def __init__(
        self,
        store: LogLeases,
        open_writer: OpenWriter,
        numbers: Callable[[], Sequence[int]],
        open_another: Callable[[], Awaitable[int]],
        freeze: Freeze,
        on_taken: Callable[[LogWriter], None],
        lease_s: float,
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
        self._left: set[LogWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._groups = 0

    @property
    def writer(self) -> LogWriter:
        """The log's writer. Raises LogUnavailable while none is held."""
        if self._writer is None:
            raise LogUnavailable(self._why)
        return self._writer

    async def start(self) -> None:
        """Take a log; when none can be had now, go on trying. Renew it from now on."""
        async with self._turn:
            with suppress(LogUnavailable):
                await self._take_or_retry()
        self._spawn(self._renew(), "renew-log")

    async def stop(self) -> None:
        """Sign and save what is committed, and let others take the log at once."""
        for task in list(self._tasks):
            if task.get_name() != "leave-log":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        writer, self._writer = self._writer, None
        self._why = "The bus is stopping; send the same bytes again in a moment."
        if writer is not None:
            await self._leave(writer)

    async def again(self, lost: LogWriter) -> LogWriter:
        """Take a log after `lost` was lost, or its head is in doubt; the same one perhaps.

        What was committed on it before is still signed. When no log can be had this refuses at
        once, as does `writer`, and goes on trying.

        Raises:
            LogUnavailable: no log can be had now.
        """
        async with self._turn:
            if self._writer is not None and self._writer is not lost:
                return self._writer
            if self._writer is lost:
                log.warning("log.lost", origin=lost.head.origin, epoch=lost.head.epoch)
                self._writer = None
                await self._release(lost.head)
                self._spawn(self._leave(lost), "leave-log")
            return await self._take_or_retry()

    def relayed(self, shard: int, end: int) -> None:
        """Entries of a log before ``end`` are with the bus."""
        for writer in (self._writer, *self._left):
            if writer is not None and writer.head.shard == shard and end <= writer.head.size:
                writer.relayed(end)

    async def _take_or_retry(self) -> LogWriter:
        try:
            writer = await self._take()
        except SealwayError as problem:
            self._why = f"No log can be written now; ask again in a moment. {problem.detail}"
            log.warning("log.none", code=problem.code, reason=problem.detail)
            if not any(task.get_name() == "take-log" for task in self._tasks):
                self._spawn(self._retry(), "take-log")
            raise LogUnavailable(self._why) from problem
        self._writer, self._groups = writer, writer.groups
        self._on_taken(writer)
        log.info("log.taken", origin=writer.head.origin, epoch=writer.head.epoch)
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

    async def _take(self) -> LogWriter:
        for _ in range(TAKES_MAX):
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
        log.error("log.frozen", origin=head.origin, reason=failed.detail)
        await self._freeze(head, failed)
        return None

    async def _release(self, head: ShardHead) -> None:
        with suppress(SealwayError):  # its lease ends by itself
            await self._store.release_log(head.shard, head.epoch)

    async def _leave(self, writer: LogWriter) -> None:
        """Sign and save what was committed; then the log is anybody's."""
        self._left.add(writer)
        try:
            await writer.close()
        except (SealwayError, TimeoutError) as problem:
            log.warning("log.left_unsaved", origin=writer.head.origin, reason=str(problem))
        finally:
            self._left.discard(writer)
        await self._release(writer.head)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            with suppress(SealwayError):  # the database is away: the next commit tells
                await self._renew_once()

    async def _renew_once(self) -> None:
        writer = self._writer
        if writer is None:
            return
        if isinstance(writer.failed, LogBehind):
            await self._set_aside(writer, writer.failed)
            return
        if writer.groups != self._groups:
            self._groups = writer.groups  # each commit renewed it
        elif not await self._store.renew_log(writer.head.shard, writer.head.epoch):
            await self.again(writer)
        await writer.save()

    async def _set_aside(self, writer: LogWriter, reason: LogBehind) -> None:
        """What was signed elsewhere isn't in the database: found while this log was written."""
        await self._freeze(writer.head, reason)
        await self.again(writer)

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
