"""What has committed and isn't with the bus yet, and how far each log is.

Pure bookkeeping for the relay: no bus, no database. Every committed group is a *stretch* of its
log. A log's cursor moves to the end of the longest run of stretches that are done. Records are
held in memory up to a bound; beyond it everything collapses into one stretch a log whose records
are read from the rows again.

Invariant: a cursor never passes an entry that the bus has not acknowledged.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from exchange.bus.port import BusRecord

Relayed = Callable[[int, int], None]
"""Told a log's number and that every entry before this index is with the bus."""


@dataclass(slots=True, eq=False)
class Stretch:
    """Entries ``first`` to ``end`` of a log; ``records`` None: they have to be read from rows."""

    shard: int
    first: int
    end: int
    at_ms: int
    payload_bytes: int = 0
    records: list[BusRecord] | None = None
    is_done: bool = False
    is_dropped: bool = False
    """Another stretch stands for it now: whoever carries it may stop."""
    is_hastened: bool = False
    """Its deliveries were made due: the bus had lost it once."""
    waiters: list["asyncio.Future[None]"] = field(default_factory=list)
    entries: int = 0
    """How many it counts for: one that is read from rows shrinks while it is read."""

    def __post_init__(self) -> None:
        self.entries = self.end - self.first


class Backlog:
    """The stretches of every log, in order; and the ones that nobody carries yet."""

    def __init__(self, records_max: int, payload_bytes_max: int, relayed: Relayed) -> None:
        self._records_max = records_max
        self._payload_bytes_max = payload_bytes_max
        self._relayed = relayed
        self._logs: dict[int, deque[Stretch]] = {}
        self._queue: deque[Stretch] = deque()
        self._held_records = 0
        self._held_bytes = 0
        self.entries = 0
        """Entries that aren't with the bus."""
        self.payload_bytes = 0
        """Bytes of their payloads, as far as this process took them in."""
        self.collapsed = 0
        """How often the memory's bound was reached."""

    def add(self, stretch: Stretch) -> bool:
        """Take a stretch behind all others of its log; True when somebody must carry it."""
        pending = self._logs.setdefault(stretch.shard, deque())
        if stretch.records is not None and not stretch.records:
            if not pending:
                self._relayed(stretch.shard, stretch.end)
                return False
            stretch.is_done = True
            if pending[-1].is_done:  # so that hours of these are one object, too
                pending[-1].end = stretch.end
                pending[-1].entries += stretch.entries
                self.entries += stretch.entries
                return False
        pending.append(stretch)
        self.entries += stretch.entries
        self.payload_bytes += stretch.payload_bytes
        if stretch.is_done:
            return False
        self._queue.append(stretch)
        if stretch.records is not None:
            self._held_records += len(stretch.records)
            self._held_bytes += stretch.payload_bytes
            if self._held_records > self._records_max or self._held_bytes > self._payload_bytes_max:
                self._collapse()
        return True

    def take(self, records_max: int) -> list[Stretch]:
        """The next stretches to carry: one that is read from rows, or some with their records."""
        taken: list[Stretch] = []
        count = 0
        while self._queue:
            records = self._queue[0].records
            if taken and (records is None or count + len(records) > records_max):
                break
            taken.append(self._queue.popleft())
            if records is None:
                break
            count += len(records)
        return taken

    @property
    def is_idle(self) -> bool:
        """Whether nobody needs to carry anything."""
        return not self._queue

    def done(self, stretch: Stretch) -> None:
        """The bus has acknowledged a stretch; its log's cursor moves as far as that allows."""
        if stretch.is_dropped or stretch.is_done:
            return
        stretch.is_done = True
        self._forget_records(stretch)
        pending = self._logs[stretch.shard]
        end = None
        while pending and pending[0].is_done:
            passed = pending.popleft()
            end = passed.end
            self.entries -= passed.entries
            self.payload_bytes -= passed.payload_bytes
            for waiter in passed.waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if end is not None:
            self._relayed(stretch.shard, end)

    def oldest_ms(self) -> int | None:
        """When the oldest of it was committed, or taken over."""
        return min((pending[0].at_ms for pending in self._logs.values() if pending), default=None)

    def _forget_records(self, stretch: Stretch) -> None:
        if stretch.records is not None:
            self._held_records -= len(stretch.records)
            self._held_bytes -= stretch.payload_bytes
            stretch.records = []

    def _collapse(self) -> None:
        """Hold nothing in memory: what isn't acknowledged is read from its rows again."""
        self.collapsed += 1
        self._queue.clear()
        self._held_records = self._held_bytes = 0
        for shard, pending in self._logs.items():
            if not pending:
                continue
            whole = Stretch(
                shard,
                pending[0].first,
                pending[-1].end,
                pending[0].at_ms,
                sum(one.payload_bytes for one in pending),
                waiters=[waiter for one in pending for waiter in one.waiters],
            )
            whole.entries = sum(one.entries for one in pending)
            for one in pending:
                one.is_dropped = True
                one.records = None
            pending.clear()
            pending.append(whole)
            self._queue.append(whole)
