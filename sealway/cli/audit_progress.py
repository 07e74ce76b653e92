"""One line of progress for the verbs of `sealway audit`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sealway.verify.audit import Progress

PROGRESS_EVERY_S: Final = 0.2


def progress() -> Progress | None:
    """One line that is written over, on a terminal only; a total of 0 is not known."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_EVERY_S:
            last = now
            far = f"{min(100 * done // total, 100)} %" if total else f"{done}"
            print(f"\r\x1b[K{what}: {far}", end="", file=sys.stderr, flush=True)
        if 0 < total <= done:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return show


def end_progress() -> None:
    """Take the line away."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
