"""A traffic log's second pass: its stretches judged, one after another or at once, and its end.

Invariant: every leaf has exactly one row of its kind and every row a leaf; each message's receipt
is held by the rebuilt tree and the signed checkpoint. Outcomes are put together in order.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sealway.verify.database import Database, DatabaseUnreadable
from sealway.verify.exchanges import Exchanges
from sealway.verify.findings import Code, Findings
from sealway.verify.judged import SUSPECTS_MAX, Before, Counts, Ground, Judged, Stretch
from sealway.verify.opening import Opener
from sealway.verify.row_cursor import Places
from sealway.verify.scan import STRETCH_LEAVES, Step
from sealway.verify.stretch import ALTERED, judge

Judge = Callable[[Database, Stretch], Judged]
Spread = Callable[[Judge, Iterable[Stretch], int], Iterator[tuple[Stretch, Judged]]]
"""Judges so many stretches somewhere, and gives their outcomes in order."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Where the outcomes of all logs go."""

    findings: Findings
    counts: Counts
    opener: Opener | None
    exchanges: Exchanges


class TrafficLog:
    """One log of traffic, put together from its stretches."""

    def __init__(self, database: Database, ground: Ground, whole: Whole) -> None:
        self._database = database
        self._ground = ground
        self._whole = whole
        self._findings = whole.findings
        self._shard = ground.listed.n
        self._before = Before()
        self._suspects: list[tuple[int, bytes, bytes]] = []
        self._strays = Findings()

    def read(self, spread: Spread, step: Step) -> None:
        """Go through all leaves. Raises DatabaseUnreadable."""
        places = Places(
            "message", self._database.message_places(self._shard), self._shard, self._strays
        )
        for stretch, outcome in spread(
            self._judge, self._stretches(places), len(self._ground.scanned.starts)
        ):
            judged = outcome
            if judged.needs(self._before):
                judged = judge(self._database, self._ground, stretch, self._before)
            self._take(judged)
            step(stretch.end - stretch.first)
        places.end()
        for table in ("record", "refusal"):
            for (index,) in self._database.outside(table, self._shard, self._ground.scanned.size):
                text = f"A row of table {table} stands for a leaf that is not there."
                place = index if type(index) is int else None
                self._strays.add(Code.ROW_WITHOUT_LEAF, text, self._shard, place)
        self._findings.absorb(self._strays)
        self._check_end()

    def _judge(self, database: Database, stretch: Stretch) -> Judged:
        return judge(database, self._ground, stretch)

    def _stretches(self, places: Places) -> Iterator[Stretch]:
        scanned = self._ground.scanned
        for number, group in enumerate(scanned.starts):
            first = number * STRETCH_LEAVES
            end = min(first + STRETCH_LEAVES, scanned.size)
            yield Stretch(first, end, group, *places.take_pairs(first, end))

    def _take(self, judged: Judged) -> None:
        whole = self._whole
        self._before = judged.after(self._before)
        whole.findings.absorb(judged.findings)
        whole.counts.add(judged.counts)
        whole.exchanges.add(judged.kept)
        if whole.opener is not None:
            whole.opener.absorb(judged.opened)
        for suspect in judged.suspects:
            if len(self._suspects) < SUSPECTS_MAX:
                self._suspects.append(suspect)
            else:
                self._findings.add(Code.LEAF_ALTERED, ALTERED, self._shard, suspect[0])
        if judged.unreadable is not None:
            raise DatabaseUnreadable(judged.unreadable)

    # --- the end ------------------------------------------------------------------------------

    def _check_end(self) -> None:
        hashes = {leaf for _, leaf, _ in self._suspects}
        for index, _, row_hash in self._suspects:
            if row_hash in hashes:
                text = "The leaf of this place's message stands elsewhere in the log."
                self._findings.add(Code.LEAF_MOVED, text, self._shard, index)
            else:
                self._findings.add(Code.LEAF_ALTERED, ALTERED, self._shard, index)
        head, scanned = self._ground.scanned.head, self._ground.scanned
        if scanned.size == head.size and head.last_ts_ms != self._before.ts_ms:
            text = "The log's row names another time for its last leaf."
            self._findings.add(Code.HEAD_DIFFERS, text, self._shard)
        self._check_anchored()

    def _check_anchored(self) -> None:
        listed, size, state = (
            self._ground.listed,
            self._ground.scanned.size,
            self._ground.scanned.head.state,
        )
        ended, anchored = listed.ended, listed.anchored(size)
        disagree = {
            "open": state == "open" if listed.left else state == "closed",
            "frozen": False,  # the row first, or the record: a copy may show one without the other
            "closed": state != "closed",
        }
        if disagree[listed.state]:
            text = "The log's row and log 0 disagree whether it is closed."
            self._findings.add(Code.HEAD_DIFFERS, text, self._shard)
        if ended is not None and size > ended.size:
            text = f"The log was {listed.state} at {ended.size} leaves; nothing after that counts."
            self._findings.add(Code.LOG_CLOSED, text, self._shard, ended.size)
        elif ended is not None and listed.state == "frozen" and size < ended.size:
            text = (
                f"{ended.size} leaves were signed; {size} are there, and log 0 says that the log"
                " was frozen for it. What the others were can't be told from here."
            )
            self._findings.add(Code.LOG_ROLLED_BACK, text, self._shard, size)
        if size > anchored and (ended is None or size < ended.size):
            text = f"Leaves from here on ({size - anchored}) are in no heads of log 0 yet."
            self._findings.add(Code.TAIL_UNANCHORED, text, self._shard, anchored)
