"""How a demo ends when it is told to: in order, with an exit code that says so."""

from __future__ import annotations

import signal
import sys
from types import FrameType

USAGE = 3
"""The exit code when something is missing or in the way."""
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def end_on_signals(*, is_the_way: bool = False) -> None:
    """End in order when told to; exit 0 where being told to is how it ends."""

    def end(number: int, frame: FrameType | None) -> None:
        for one in _ENDING:
            signal.signal(one, signal.SIG_IGN)  # once is enough; nothing disturbs the cleaning up
        sys.exit(0 if is_the_way else 128 + number)

    for one in _ENDING:
        signal.signal(one, end)
