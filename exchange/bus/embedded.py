"""The in-process `MessageBus`: deques and futures on one event loop, no thread, no copy.

Owns what is between `publish` and `done` in this process. Refuses to own durability: what it holds
when the process ends is gone, and a sweep delivers it.

Invariant: bounded. A reader that stops releasing costs its own records (dropped and counted),
never the publisher's time and never unbounded memory.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from exchange.bus.port import (
    BATCH_RECORDS_MAX,
    BusRecord,
    BusStopped,
    Carried,
    Topic,
)

RECORDS_MAX = 65_536
"""Records held per reader: half a minute at 2,000/s, about 20 MB without payloads."""

PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of payload held per reader: as much as acceptance itself may queue."""


@dataclass(slots=True)
class BusCounts:
    """What happened since `start`; for metrics. Each reader's copy of a record counts."""

    carried: int = 0
    dropped: int = 0
    """Over `RECORDS_MAX`: left to the sweep."""
    lightened: int = 0
    """Over `PAYLOAD_BYTES_MAX`: carried without payload, so the reader reads the row."""


class EmbeddedSubscription:
    """One reader; made by `EmbeddedBus.subscribe`."""

    def __init__(self, bus: "EmbeddedBus", topic: Topic, group: str, partition: int) -> None:
        self.topic = topic
        self.group = group
        self._bus = bus
        self._partition = partition
        self._offsets = itertools.count()
        self._waiting: deque[Carried] = deque()
        self._open: dict[int, BusRecord] = {}
        self._payload_bytes = 0
        self._closed = False
        self._news: asyncio.Future[None] | None = None
        self._settled: asyncio.Future[None] | None = None

    def __aiter__(self) -> "EmbeddedSubscription":
        return self

    async def __anext__(self) -> Sequence[Carried]:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            assert self._news is None, "one task at a time iterates over a subscription"
            self._news = asyncio.get_running_loop().create_future()
            try:
                await self._news
            finally:
                self._news = None
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), BATCH_RECORDS_MAX))]

    def done(self, carried: Carried) -> None:
        record = self._open.pop(carried.offset, None)
        if record is None:
            return
        self._payload_bytes -= record.body.payload_bytes
        if not self._open and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    async def close(self) -> None:
        if self._closed:
            return
        left = [*self._open.values()]
        self.end()
        self._bus.leave(self, left)

    def offer(self, record: BusRecord, counts: BusCounts) -> None:
        """Take one record, lighter or not at all when over the limits. Never blocks."""
        if len(self._open) >= self._bus.records_max:
            counts.dropped += 1
            return
        if payload_bytes := record.body.payload_bytes:
            if self._payload_bytes + payload_bytes > self._bus.payload_bytes_max:
                body = replace(record.body, payload=None, payload_bytes=0)
                record, payload_bytes = replace(record, body=body), 0
                counts.lightened += 1
            self._payload_bytes += payload_bytes
        offset = next(self._offsets)
        self._open[offset] = record
        self._waiting.append(Carried(record, self._partition, offset))
        counts.carried += 1
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def settle(self) -> None:
        """Wait until everything offered has been released."""
        if self._open:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled

    def end(self) -> None:
        """Drop what is held and end the iteration."""
        self._closed = True
        self._waiting.clear()
        self._open.clear()
        self._payload_bytes = 0
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class EmbeddedBus:
    """`MessageBus` for one process.

    Records of one key arrive in the order published while their group's readers stay the same. A
    record that nobody reads is gone. `publish` never waits: 1 to 2 µs a record and reader.
    """

    def __init__(
        self, *, records_max: int = RECORDS_MAX, payload_bytes_max: int = PAYLOAD_BYTES_MAX
    ) -> None:
        self.records_max = records_max
        self.payload_bytes_max = payload_bytes_max
        self.counts = BusCounts()
        self._running = False
        self._partitions = itertools.count()
        self._readers: dict[Topic, dict[str, list[EmbeddedSubscription]]] = {}

    @property
    def is_connected(self) -> bool:
        return self._running

    async def start(self) -> None:
        self._running = True
        self._readers = {topic: {} for topic in Topic}

    async def stop(self, *, drain_s: float = 0.0) -> None:
        self._running = False
        readers = [
            reader
            for groups in self._readers.values()
            for members in groups.values()
            for reader in members
        ]
        if drain_s > 0:
            try:
                async with asyncio.timeout(drain_s):
                    for reader in readers:
                        await reader.settle()
            except TimeoutError:
                pass  # what is left is the sweeps'
        for reader in readers:
            reader.end()
        self._readers = {}

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        self._check_running()
        for record in batch:
            for members in self._readers[record.topic].values():
                _pick(members, record.key).offer(record, self.counts)

    async def subscribe(self, topic: Topic, group: str) -> EmbeddedSubscription:
        self._check_running()
        reader = EmbeddedSubscription(self, topic, group, next(self._partitions))
        self._readers[topic].setdefault(group, []).append(reader)
        return reader

    def leave(self, reader: EmbeddedSubscription, left: Sequence[BusRecord]) -> None:
        """Take a closed reader out of its group; its unreleased records go to the others."""
        groups = self._readers.get(reader.topic, {})
        members = groups.get(reader.group, [])
        if reader in members:
            members.remove(reader)
        if members:
            for record in left:
                _pick(members, record.key).offer(record, self.counts)
        else:
            groups.pop(reader.group, None)

    def _check_running(self) -> None:
        if not self._running:
            raise BusStopped("The bus is not running.")


def _pick(members: list[EmbeddedSubscription], key: str) -> EmbeddedSubscription:
    if len(members) == 1:
        return members[0]
    return members[crc32(key.encode()) % len(members)]
