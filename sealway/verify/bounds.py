"""Which directory versions and times a leaf of traffic may name, by the heads before and after it.

Heads in log 0 order the logs: a leaf counted by heads was committed before them, so its version is
at most theirs; a leaf not counted by heads was committed after the heads before those. Times are
clocks' of several machines, so they may differ by `CLOCKS_APART_MS`.
"""

from collections.abc import Sequence
from typing import Final

from sealway.verify.listing import Anchor

CLOCKS_APART_MS: Final = 300_000


class VersionBounds:
    """Answers for leaves; going on in order of their index is cheap."""

    def __init__(self, anchors: Sequence[Anchor], last: int) -> None:
        self._anchors = anchors
        self._last = last
        self._next = 0

    def around(self, index: int) -> tuple[Anchor | None, Anchor | None]:
        """Heads that the leaf came after, and the first that count it."""
        while self._next < len(self._anchors) and self._anchors[self._next].size <= index:
            self._next += 1
        while self._next and self._anchors[self._next - 1].size > index:
            self._next -= 1
        at = self._next
        before = self._anchors[at - 2] if at > 1 else None
        return before, self._anchors[at] if at < len(self._anchors) else None

    def of(self, index: int, ts_ms: int) -> tuple[int, int, bool]:
        """The lowest and the highest version that leaf ``index`` may name, and whether a leaf's
        time lies between those of the heads around it."""
        before, after = self.around(index)
        is_timely = (before is None or ts_ms >= before.ts_ms - CLOCKS_APART_MS) and (
            after is None or ts_ms <= after.ts_ms + CLOCKS_APART_MS
        )
        lowest = before.version if before is not None else 0
        return lowest, after.version if after is not None else self._last, is_timely

    def at(self, index: int) -> tuple[int, int]:
        """The lowest and the highest version that leaf ``index`` may name."""
        return self.of(index, 0)[:2]

    def is_timely(self, index: int, ts_ms: int) -> bool:
        """Whether a leaf's time lies between those of the heads around it."""
        return self.of(index, ts_ms)[2]
