"""Rows that stand for leaves, taken in step with the leaves.

Rows come by index. What lies before the leaf at hand, twice at one place, or at no integer place
has no leaf: each becomes a finding.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from sealway.verify.database import Database, DatabaseUnreadable, Row
from sealway.verify.findings import Code, Findings

_ROWS_AT_ONCE: Final = 64  # with content of 2 kB; large ones are bounded by the engine's limit


class RowCursor:
    """One table's rows for one log; ``rows`` are (index, …) in order of their index."""

    def __init__(self, table: str, rows: Iterator[Row], shard: int, findings: Findings) -> None:
        self._table = table
        self._rows = rows
        self._shard = shard
        self._findings = findings
        self._next: Row | None = None
        self._advance()

    def _advance(self) -> None:
        try:
            self._next = next(self._rows, None)
        except DatabaseUnreadable as error:
            self._stop(error)

    def _stop(self, error: DatabaseUnreadable) -> None:
        self._findings.add(Code.DATABASE_UNREADABLE, f"{self._table}: {error}", self._shard)
        self._rows, self._next = iter(()), None

    def take(self, first: int, end: int) -> dict[int, Row]:
        """The rows of leaves ``first`` to ``end`` (exclusive), by index, without the index."""
        taken: dict[int, Row] = {}
        while (row := self._next) is not None:
            index = row[0]
            if type(index) is int and index >= end:
                break
            if type(index) is not int or index < first or index in taken:
                self._stray(index)
            else:
                taken[index] = row[1:]
            self._advance()
        return taken

    def end(self) -> None:
        """Whatever is left has no leaf."""
        while self._next is not None:
            self._stray(self._next[0])
            self._advance()

    def _stray(self, index: object) -> None:
        place = index if type(index) is int else None
        text = f"A row of table {self._table} stands for a leaf that is not there."
        self._findings.add(Code.ROW_WITHOUT_LEAF, text, self._shard, place)


class Places(RowCursor):
    """The places of message rows; those of a stretch are two sequences, mostly ranges."""

    def take_pairs(self, first: int, end: int) -> tuple[Sequence[int], Sequence[object]]:
        """Indexes and row numbers for leaves ``first`` to ``end`` (exclusive)."""
        rows = [] if self._next is None else [self._next]
        self._next = None
        try:
            rows.extend(islice(self._rows, end - first - len(rows)))
            self._next = next(self._rows, None)
        except DatabaseUnreadable as error:
            self._stop(error)
        indexes, numbers = zip(*rows, strict=True) if rows else ((), ())
        if indexes == tuple(range(first, end)):
            return range(first, end), _run(numbers)
        before, self._rows = self._rows, iter(())
        rest = () if self._next is None else (self._next,)
        self._rows, self._next = chain(rows[1:], rest, before), rows[0] if rows else self._next
        taken = self.take(first, end)
        return tuple(taken), tuple(row[0] for row in taken.values())


def _run(numbers: tuple[object, ...]) -> Sequence[object]:
    start = numbers[0]
    if type(start) is int and numbers == tuple(range(start, start + len(numbers))):
        return range(start, start + len(numbers))
    return numbers


def fetch_messages(
    database: Database, numbers: Sequence[object], *, sealed: bool, shard: int, findings: Findings
) -> dict[object, Row]:
    """Message rows by their index column, without it; unreadable ones become findings."""
    found: dict[object, Row] = {}
    step = _ROWS_AT_ONCE if sealed else len(numbers) or 1
    for start in range(0, len(numbers), step):
        some = numbers[start : start + step]
        try:
            found.update((row[0], row[1:]) for row in database.messages(some, sealed=sealed))
        except DatabaseUnreadable:
            found.update(_one_by_one(database, some, shard, findings, sealed=sealed))
    return found


def _one_by_one(
    database: Database, numbers: Sequence[object], shard: int, findings: Findings, *, sealed: bool
) -> Iterator[tuple[object, Row]]:
    for number in numbers:
        try:
            yield from [(row[0], row[1:]) for row in database.messages([number], sealed=sealed)]
        except DatabaseUnreadable as error:
            findings.add(Code.DATABASE_UNREADABLE, f"A row of table message: {error}", shard)
