"""Anchoring: a ``heads`` leaf every minute and at a clean stop, and the minute's refusal counts.

Where several processes share a database any of them may anchor: who finds that the last anchor is
young enough leaves it at that. The same task learns what others wrote to log 0, and so finds out
when the database under a running process was replaced by an older copy.
"""

import asyncio
import random
from collections.abc import Callable

import structlog

from exchange.acceptance.changes import DirectoryLog, Heads
from exchange.acceptance.refusals import Refusals
from exchange.ledger.errors import LedgerError, LogBehind
from signing.errors import SealwayError

log = structlog.get_logger()

LOOKS_A_PERIOD = 12  # with an anchor a minute: log 0 is looked at every 5 s


class Anchoring:
    """One task that ties the traffic logs to log 0."""

    def __init__(
        self,
        directory_log: DirectoryLog,
        heads: Heads,
        refusals: Refusals,
        every_s: float,
        on_behind: Callable[[LedgerError], None],
    ) -> None:
        """``heads``: the committed heads of all open traffic logs, those held here sealed."""
        self._directory_log = directory_log
        self._heads = heads
        self._refusals = refusals
        self._every_s = every_s
        self._on_behind = on_behind
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start; the first anchor comes after the first period."""
        self._task = asyncio.create_task(self._run(), name="anchoring")

    async def stop(self) -> None:
        """Write the last anchor: a stopped folder has no unanchored tail."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._directory_log.writer.failed is not None:
            return
        try:
            await self._directory_log.write_heads(self._heads)
        except SealwayError as error:  # the tail stays unanchored, which a verifier tells
            log.error("anchoring.failed", code=error.code)

    async def _run(self) -> None:
        looks = LOOKS_A_PERIOD if self._directory_log.shared else 1
        passed = 0
        while True:
            await asyncio.sleep(self._every_s / looks * random.uniform(0.9, 1.0))  # noqa: S311
            passed = (passed + 1) % looks
            try:
                await self._look(is_due=passed == 0)
            except LogBehind as behind:
                log.critical("log_zero.behind", reason=behind.detail)
                self._on_behind(behind)
                return
            except SealwayError as error:
                log.error("anchoring.failed", code=error.code)

    async def _look(self, *, is_due: bool) -> None:
        if is_due:
            await self._refusals.flush()
        if self._directory_log.shared:
            await self._directory_log.catch_up()
            young_ms = int(self._every_s * 1000 * (1 - 1 / LOOKS_A_PERIOD))
            await self._directory_log.write_heads(self._heads, unless_within_ms=young_ms)
        elif is_due:
            await self._directory_log.write_heads(self._heads)
