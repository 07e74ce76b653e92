"""Orphans: logs that nobody holds and whose holder left something undone.

Each process looks every few seconds: takes such a log for a while, signs it, saves the note, has
the rest relayed, and gives it back. Two that do the same for one log can only repeat.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from exchange.ledger.log_writer import LogWriter
from exchange.storage.rows import ShardLease
from signing.errors import SealwayError

log = structlog.get_logger()

LOOK_EVERY_S: Final = 5.0
JITTER: Final = 0.3  # processes that started together don't look together

OnTaken = Callable[[LogWriter], "asyncio.Future[None]"]
"""Begins to relay what is left of a log; ends when the bus has it."""


class LeaseReads(Protocol):
    """Where leases are read."""

    async def leases(self) -> list[ShardLease]:
        """Who holds which log."""


class Borrower(Protocol):
    """Takes a log for a while."""

    async def borrow(self, shard: int) -> LogWriter | None:
        """Take this very log, checked and signed; None: it isn't free, or not ours to take."""

    async def give_back(self, writer: LogWriter) -> None:
        """Save what is signed; then the log is anybody's."""


class Orphans:
    """One task that finishes what others left."""

    def __init__(
        self,
        borrower: Borrower,
        reads: LeaseReads,
        on_taken: OnTaken,
        relay_s_max: float,
        *,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._borrower = borrower
        self._reads = reads
        self._on_taken = on_taken
        self._relay_s_max = relay_s_max
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        self._task = asyncio.create_task(self._run(), name="orphans")

    async def stop(self) -> None:
        """Give back what is borrowed, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
            try:
                await self.look()
            except SealwayError as problem:
                log.warning("orphans.unknown", code=problem.code)
            except Exception as problem:
                log.error("orphans.failed", error=repr(problem))

    async def look(self) -> None:
        """Finish every orphan that can be had now. Raises what one of them raised."""
        found = [lease.shard for lease in await self._reads.leases() if is_orphan(lease)]
        for outcome in await asyncio.gather(*map(self._finish, found), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _finish(self, shard: int) -> None:
        writer = await self._borrower.borrow(shard)
        if writer is None:
            return
        log.info("log.finished_for_another", origin=writer.head.origin, size=writer.head.size)
        try:
            await writer.save()
            # While the bus is away the sweep delivers, and the next look tries again.
            await asyncio.wait([self._on_taken(writer)], timeout=self._relay_s_max)
        finally:
            await self._borrower.give_back(writer)


def is_orphan(lease: ShardLease) -> bool:
    """Whether a traffic log has unsigned or unrelayed entries and nobody to see to them."""
    undone = lease.note_size < lease.size or lease.relayed_to < lease.size
    return lease.shard > 0 and lease.state == "open" and not lease.is_held and undone
