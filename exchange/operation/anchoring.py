"""Anchoring: a ``heads`` leaf every minute and at a clean stop, and the minute's refusal counts."""

import asyncio

import structlog

from exchange.acceptance.changes import DirectoryLog
from exchange.acceptance.refusals import Refusals
from exchange.ledger.log_writer import LogWriter
from signing.errors import SealwayError

log = structlog.get_logger()


class Anchoring:
    """One task that ties the traffic log to log 0."""

    def __init__(
        self, directory_log: DirectoryLog, traffic: LogWriter, refusals: Refusals, every_s: float
    ) -> None:
        self._directory_log = directory_log
        self._traffic = traffic
        self._refusals = refusals
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start, with a first anchor at once."""
        self._task = asyncio.create_task(self._run(), name="anchoring")

    async def stop(self) -> None:
        """Write the last anchor: a stopped folder has no unanchored tail."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._traffic.failed is None:
            await self._anchor()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._refusals.flush()
                await self._anchor()
            except SealwayError as error:
                log.error("anchoring.failed", code=error.code)

    async def _anchor(self) -> None:
        head = self._traffic.head
        if head.size:
            await self._traffic.seal(head.size)
        await self._directory_log.write_heads([head])
