"""Which leaves of which logs a range holds, from the records of log 0 between its two heads.

Both sides work it out from the same records: the bus to know what to hand over, the verifier to
know what must be there. A span goes from the size at the first head to the size at the second.
"""

from dataclasses import dataclass, field
from typing import Any

from sealway.audit.inventory import Range
from sealway.verify.listing import size_and_root
from signing.errors import ProofInvalid
from signing.log.merkle import EMPTY_ROOT
from signing.records import Record

Head = tuple[int, bytes]
"""Size and root."""


@dataclass(frozen=True, slots=True)
class Span:
    """Leaves ``first`` to ``end`` (exclusive) of a log, and the roots of the tree there."""

    n: int
    first: int
    first_root: bytes
    end: int
    end_root: bytes


@dataclass(slots=True)
class Spans:
    """Takes log 0's records in order, up to the end of the range."""

    range: Range
    start: dict[int, Head] = field(default_factory=dict)
    end: dict[int, Head] = field(default_factory=dict)
    found: set[int] = field(default_factory=set)
    """Indexes of the range's heads that were met."""
    _opened: set[int] = field(default_factory=set)
    _ended: dict[int, tuple[int, Head]] = field(default_factory=dict)

    def add(self, record: Record, index: int) -> None:
        """The record of one leaf. Raises ProofInvalid, EncodingInvalid."""
        if index > self.range.end:
            return
        if record.k == "shard" and isinstance(record.after, dict):
            self._add_shard(record.after, index)
        elif record.k == "heads" and index in (self.range.start, self.range.end):
            self.found.add(index)
            heads = {int(one["n"]): size_and_root(one) for one in _list(record.after)}
            if index == self.range.start:
                self.start = heads
            if index == self.range.end:
                self.end = heads

    def _add_shard(self, after: dict[str, Any], index: int) -> None:
        n = after.get("n")
        if type(n) is not int:
            raise ProofInvalid("The record of a log names none.")
        self._opened.add(n)
        if after.get("state") in ("closed", "frozen") and n not in self._ended:
            self._ended[n] = index, size_and_root(after)

    def spans(self) -> list[Span]:
        """One for each log that was opened before the end of the range. Raises ProofInvalid."""
        missing = {self.range.start, self.range.end} - {None} - self.found
        if missing:
            raise ProofInvalid(f"Log 0 has no heads at index {min(filter(None, missing))}.")
        spans = []
        for n in sorted(self._opened):
            end = self.end.get(n) or self._ended_by(n, self.range.end)
            if end is None:
                raise ProofInvalid(f"The heads at the end of the range leave out log {n}.")
            first = self.start.get(n) or self._ended_by(n, self.range.start) or (0, EMPTY_ROOT)
            if first[0] > end[0]:
                raise ProofInvalid(f"Log {n} is shorter at the end of the range than before it.")
            spans.append(Span(n, *first, *end))
        return spans

    def _ended_by(self, n: int, index: int | None) -> Head | None:
        ended = self._ended.get(n)
        return ended[1] if ended and index is not None and ended[0] <= index else None


def _list(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ProofInvalid("A record of heads holds no list.")
    return value
