"""The relay: after a group's commit, hand what it committed to the bus, and move its cursor.

From memory and pipelined; what memory doesn't hold is read from the rows again. What is lost
on the way all the same is found by a sweep (docs/adr/0015).
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from exchange.acceptance.stored import OpenedMessages
from exchange.bus.port import BATCH_RECORDS_MAX, BusError, BusRecord, MessageBus
from exchange.delivery.announcements import PROBE, announced, dispatch_of
from exchange.delivery.backlog import Backlog, Relayed, Stretch
from exchange.ledger.entries import Lost, Outcome, Placed
from exchange.ledger.errors import BusBacklogged
from exchange.ledger.group_commit import Submission
from exchange.ledger.log_writer import Clock
from exchange.storage.rows import ShardHead, StoredMessage
from signing.at_rest import StoredInvalid
from signing.errors import SealwayError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """The numbers, each for one process; from the settings."""

    records_max: int = 8_192
    """Held in memory; beyond it the rows are read again. As many as a reader holds."""
    payload_bytes_max: int = 64 * 1024 * 1024
    """The same in bytes of payload: as much as acceptance itself may queue."""
    unrelayed_entries_max: int = 1_000_000
    unrelayed_bytes_max: int = 10 * 1024**3
    unrelayed_ms_max: int = 3_600_000
    """Beyond one of these three nothing is accepted until the bus is back."""
    lanes: int = 4
    """Batches on their way at once: the next needn't wait for the last one's acknowledgement."""
    page: int = 200
    """Deliveries read back from rows at a time."""
    retry_s: float = 0.5
    """Between two attempts to publish to a bus that lost a batch."""


@dataclass(frozen=True, slots=True)
class RelayFigures:
    """Where the relay stands; for metrics and readiness."""

    unrelayed_entries: int
    unrelayed_bytes: int
    oldest_ms: int | None
    """When the oldest entry that isn't with the bus was committed, or taken over."""
    published: int
    lost: int
    """Batches that weren't acknowledged and went again."""
    read_back: int
    """Dispatches published from their rows."""
    collapsed: int
    """How often memory was full and the rows had to do."""
    is_away: bool


class RowsToRelay(Protocol):
    """What the relay reads. Each raises StorageUnavailable."""

    async def message(self, id_: bytes) -> StoredMessage | None:
        """A message by id, still sealed."""

    async def unrelayed(
        self, shard: int, first_index: int, now_ms: int, count_max: int
    ) -> list[bytes]:
        """Ids of queued deliveries not yet due, of a log's messages from an index on, in order."""


class RowsToHasten(Protocol):
    """Whom the relay asks to do without the bus."""

    async def hasten(self, shard: int, first_index: int, now_ms: int) -> int:
        """Make due now what the bus was to deliver of a log, from an index on."""


class Log(Protocol):
    """A log that was taken over: its writer."""

    head: ShardHead


class Relay:
    """Publishes committed groups in their order, as often as needed; told a log's every group.

    ``relayed`` hears how far the bus has acknowledged each log, every group counted, and only
    forward. Repeats are allowed: a batch that wasn't acknowledged goes again.
    """

    def __init__(
        self,
        bus: MessageBus,
        reads: RowsToRelay,
        opened: OpenedMessages,
        relayed: Relayed,
        clock: Clock,
        limits: RelayLimits | None = None,
        rows: RowsToHasten | None = None,
    ) -> None:
        """``rows``: where deliveries are made due when the bus loses them; else sweeps wait."""
        self._rows = rows
        self._bus = bus
        self._reads = reads
        self._opened = opened
        self._clock = clock
        self._limits = limits or RelayLimits()
        self._backlog = Backlog(self._limits.records_max, self._limits.payload_bytes_max, relayed)
        self._tasks: list[asyncio.Task[None]] = []
        self._idle: deque[asyncio.Future[None]] = deque()
        self._stopping = asyncio.Event()
        self._is_losing = False
        self._published = self._lost = self._read_back = 0

    @property
    def is_away(self) -> bool:
        """Whether the bus carries nothing now: new deliveries had better be due at once."""
        return self._is_losing or not self._bus.is_connected

    @property
    def figures(self) -> RelayFigures:
        """Where the relay stands."""
        backlog = self._backlog
        return RelayFigures(
            backlog.entries,
            backlog.payload_bytes,
            backlog.oldest_ms(),
            self._published,
            self._lost,
            self._read_back,
            backlog.collapsed,
            self.is_away,
        )

    def check_room(self) -> None:
        """Raises BusBacklogged while too much of what was accepted isn't with the bus."""
        backlog, limits = self._backlog, self._limits
        if not backlog.entries:
            return
        oldest_ms = backlog.oldest_ms()
        if (
            backlog.entries >= limits.unrelayed_entries_max
            or backlog.payload_bytes >= limits.unrelayed_bytes_max
            or (oldest_ms is not None and self._clock() - oldest_ms >= limits.unrelayed_ms_max)
        ):
            raise BusBacklogged("More was accepted than can be passed on; try again later.")

    def start(self) -> None:
        """Start publishing."""
        self._tasks = [
            asyncio.create_task(self._lane(), name=f"relay-{number}")
            for number in range(self._limits.lanes)
        ]
        self._tasks.append(asyncio.create_task(self._watch(), name="relay-watch"))

    async def stop(self) -> None:
        """Publish what has committed, once; what is lost now is for whoever has the log next."""
        self._stopping.set()
        while self._idle:
            self._wake_lane()
        await asyncio.gather(*self._tasks)

    def committed(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        """Take a committed group, with all its outcomes; never blocks."""
        records: list[BusRecord] = []
        places: list[Placed] = []
        for submission, outcome in pairs:
            if isinstance(outcome, Placed):
                places.append(outcome)
                records += announced(submission, outcome)
            elif isinstance(outcome, Lost) and outcome.refusal is not None:
                places.append(outcome.refusal)
        if places:
            self._add(
                Stretch(
                    places[0].shard,
                    min(place.index for place in places),
                    max(place.index for place in places) + 1,
                    self._clock(),
                    sum(record.body.payload_bytes for record in records),
                    records,
                )
            )

    def catch_up(self, writer: Log) -> "asyncio.Future[None]":
        """Queue what rows say is still to be relayed of a log that was just taken over.

        The future ends when the bus has acknowledged it; nobody has to wait for it.
        """
        head, future = writer.head, asyncio.get_running_loop().create_future()
        if head.relayed_to >= head.size:
            future.set_result(None)
            return future
        stretch = Stretch(head.shard, head.relayed_to, head.size, self._clock())
        stretch.waiters.append(future)
        self._add(stretch)
        return future

    def _add(self, stretch: Stretch) -> None:
        if self._backlog.add(stretch):
            self._wake_lane()

    def _wake_lane(self) -> None:
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                return

    async def _lane(self) -> None:
        while True:
            batch = self._backlog.take(BATCH_RECORDS_MAX)
            if batch:
                await self._carry(batch)
            elif self._stopping.is_set():
                return
            else:
                idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(idle)
                await idle

    async def _carry(self, batch: list[Stretch]) -> None:
        """Publish a batch until it is acknowledged, or stands in another one."""
        while not all(stretch.is_dropped for stretch in batch):
            try:
                await self._try(batch)
            except SealwayError as error:
                self._missed(error)
                if self._stopping.is_set():
                    return
                await self._hasten(batch)
                await self._pause()
                continue
            except Exception as error:  # a record nobody can send mustn't hold back the rest
                log.error("relay.failed", error=type(error).__name__, log=batch[0].shard)
            for stretch in batch:
                self._backlog.done(stretch)
            return

    async def _try(self, batch: list[Stretch]) -> None:
        if batch[0].records is None:
            await self._publish_rows(batch[0])
        else:
            await self._publish([record for one in batch for record in one.records or ()])

    async def _publish(self, records: list[BusRecord]) -> None:
        await self._bus.publish(records)
        self._published += len(records)
        if self._is_losing:
            self._is_losing = False
            log.info("relay.again", unrelayed=self._backlog.entries)

    def _missed(self, error: SealwayError) -> None:
        """Say so once, until it publishes again."""
        self._lost += 1
        if isinstance(error, BusError) and not self._is_losing:
            self._is_losing = True
            log.warning("relay.lost", code=error.code, unrelayed=self._backlog.entries)

    async def _hasten(self, batch: list[Stretch]) -> None:
        """Have a sweep take at once what this batch and everything after it should have brought."""
        if self._rows is None or batch[0].is_hastened:
            return
        batch[0].is_hastened = True
        with suppress(SealwayError):  # it is due in half a minute anyway
            await self._rows.hasten(batch[0].shard, batch[0].first, self._clock())

    async def _publish_rows(self, stretch: Stretch) -> None:
        """Publish what rows say is still queued of a stretch, a page at a time."""
        if self.is_away:
            await self._publish([PROBE])
        while not stretch.is_dropped:
            ids = await self._reads.unrelayed(
                stretch.shard, stretch.first, self._clock(), self._limits.page
            )
            read = [one for one in [await self._read(id_) for id_ in ids] if one is not None]
            records = [record for _, record in read if record is not None]
            if records:
                await self._publish(records)
                self._read_back += len(records)
            if len(ids) < self._limits.page or not read:
                return
            stretch.first = read[-1][0] + 1

    async def _read(self, id_: bytes) -> tuple[int, BusRecord | None] | None:
        """A message's index, and its dispatch unless it can't be opened."""
        stored = await self._reads.message(id_)
        if stored is None:
            return None
        try:
            return stored.index, dispatch_of(stored, self._opened.envelope(stored))
        except StoredInvalid as error:
            log.error("relay.unreadable", message=id_.hex(), reason=error.detail)
            return stored.index, None

    async def _watch(self) -> None:
        """While the bus is away and nothing is on its way, look whether it is back."""
        while not self._stopping.is_set():
            await self._pause()
            if self.is_away and self._backlog.is_idle and not self._stopping.is_set():
                with suppress(BusError):
                    await self._publish([PROBE])

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._limits.retry_s)
