"""Does the sender stay within its messages a second?"""

from typing import Final

from exchange.acceptance.errors import RateExceeded
from signing.identifiers import SystemId

SENDERS_KEPT: Final = 10_000  # bounds the memory that certificates can make us use


class Rates:
    """Counts messages of each sender in the second that runs."""

    def __init__(self, per_s_max: int) -> None:
        self._most = per_s_max
        self._second = 0
        self._counts: dict[SystemId, int] = {}

    def check(self, sender: SystemId, now_ms: int) -> None:
        """Count one message. Raises RateExceeded."""
        second = now_ms // 1000
        if second != self._second or len(self._counts) > SENDERS_KEPT:
            self._second, self._counts = second, {}
        count = self._counts.get(sender, 0) + 1
        self._counts[sender] = count
        if count > self._most:
            raise RateExceeded(f"More than {self._most} messages a second; slow down.")
