"""Which directory versions a leaf of traffic may name, by the heads before and after it.

Heads in log 0 order the logs: a leaf counted by heads was committed before them, so its version is
at most theirs; a leaf not counted by heads was committed after the heads before those.
"""

from collections.abc import Sequence

from sealway.verify.listing import Anchor


class VersionBounds:
    """Answers for leaves in order of their index."""

    def __init__(self, anchors: Sequence[Anchor], last: int) -> None:
        self._anchors = anchors
        self._last = last
        self._next = 0

    def at(self, index: int) -> tuple[int, int]:
        """The lowest and the highest version that leaf ``index`` may name."""
        while self._next < len(self._anchors) and self._anchors[self._next].size <= index:
            self._next += 1
        at = self._next
        lowest = self._anchors[at - 2].version if at > 1 else 0
        return lowest, self._anchors[at].version if at < len(self._anchors) else self._last
