"""Rows that stand for leaves, taken in step with the leaves.

Rows come by index. What lies before the leaf at hand, twice at one place, or at no integer place
has no leaf: each becomes a finding.
"""

from collections.abc import Iterator
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
        self._readable = True
        self._advance()

    def _advance(self) -> None:
        if not self._readable:
            self._next = None
            return
        try:
            self._next = next(self._rows, None)
        except DatabaseUnreadable as error:
            self._findings.add(Code.DATABASE_UNREADABLE, f"{self._table}: {error}", self._shard)
            self._readable, self._next = False, None

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


def fetch_messages(
    database: Database, numbers: list[object], *, sealed: bool, shard: int, findings: Findings
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
    database: Database, numbers: list[object], shard: int, findings: Findings, *, sealed: bool
) -> Iterator[tuple[object, Row]]:
    for number in numbers:
        try:
            yield from [(row[0], row[1:]) for row in database.messages([number], sealed=sealed)]
        except DatabaseUnreadable as error:
            findings.add(Code.DATABASE_UNREADABLE, f"A row of table message: {error}", shard)
