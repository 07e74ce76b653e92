"""Comparing versions of schemas for the bus: off the event loop, and never for ever.

Owns one process that compares (``sealway.comparing``), one thread that asks it, how long one
comparison may take with all its readings, and the reports that are kept for a while. Invariant:
what was not compared in time is unknown, never yes. A comparison whose caller has gone ends by
itself; one at a time is made.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from exchange.acceptance.errors import RateExceeded
from registry.compatibility import Comparison, compared
from schemas.compatibility.check import Judge
from schemas.compatibility.levels import Policy
from schemas.compatibility.verdicts import Answer, Judged, Report
from sealway.comparing import Worker

TOGETHER_S: Final = 30.0
"""All readings of one comparison: whoever registers waits, and clients give up after 60 s."""

WAITING_MAX: Final = 16
"""Comparisons that wait for their turn: beyond it somebody sends more than people do."""

REPORTS_KEPT: Final = 64
"""Reports kept: a check is usually followed by the registration."""

REPORT_BYTES_MAX: Final = 256 * 1024
"""Of a report that is kept, as JSON; one with larger witnesses is made anew when asked again."""

_TOO_LONG: Final = "Not compared: the readings before it took {s:g} s together."


class Comparer:
    """Compares for one process of the bus. Belongs to one event loop."""

    def __init__(
        self,
        judge: Judge | None = None,
        together_s: float = TOGETHER_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = Worker()
        self._given = judge
        self._together_s, self._now_s = together_s, now_s
        self._thread = ThreadPoolExecutor(1, "comparing")
        self._kept: OrderedDict[tuple[str, ...], Report] = OrderedDict()
        self._waiting = 0
        self._closed = False

    async def report(self, comparison: Comparison) -> Report:
        """The report, from what is kept or from the process.

        Raises:
            RateExceeded: too many wait already.
        """
        kept = self.kept(comparison)
        if kept is not None:
            return kept
        if self._waiting >= WAITING_MAX:
            raise RateExceeded("Many schemas are being compared; try again in a moment.")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(self._thread, self._compared, comparison)
        finally:
            self._waiting -= 1
        self._keep(comparison, made)
        return made

    def kept(self, comparison: Comparison) -> Report | None:
        """The report, if it was made lately and told everything."""
        found = self._kept.get(comparison.key)
        if found is not None:
            self._kept.move_to_end(comparison.key)
        return found

    async def close(self) -> None:
        """End the process; what is being compared comes to an end as unknown."""
        self._closed = True
        self._worker.abort()
        self._thread.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._worker.close)

    def _compared(self, comparison: Comparison) -> Report:
        until = self._now_s() + self._together_s

        def judge(writer: Any, reader: Any, policy: Policy) -> Judged:
            if self._closed or self._now_s() >= until:
                return Judged(Answer.UNKNOWN, _TOO_LONG.format(s=self._together_s))
            return (self._given or self._worker.judge)(writer, reader, policy)

        return compared(comparison, judge)

    def _keep(self, comparison: Comparison, report: Report) -> None:
        if len(json.dumps(report.to_object())) > REPORT_BYTES_MAX:
            return
        self._kept[comparison.key] = report
        if len(self._kept) > REPORTS_KEPT:
            self._kept.popitem(last=False)
