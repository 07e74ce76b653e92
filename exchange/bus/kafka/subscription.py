"""What a reader sees of a topic: batches of records, places to release, an end.

Owns the records between Kafka and whoever iterates: decoded, bounded, in the order read. Refuses
to own connections: that is the `Reader`'s.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from exchange.bus.kafka.brokers import KafkaLimits
from exchange.bus.kafka.places import Places
from exchange.bus.kafka.reader import Record
from exchange.bus.port import BATCH_RECORDS_MAX, BusRecord, Carried

Decode = Callable[[Record], BusRecord | None]


class KafkaSubscription:
    """One reader's share; made by `KafkaBus.subscribe`. Also the desk of its `Reader`."""

    def __init__(
        self,
        decode: Decode,
        limits: KafkaLimits,
        left: "Callable[[KafkaSubscription], Awaitable[None]]",
    ) -> None:
        self._decode = decode
        self._limits = limits
        self._left = left
        self._waiting: deque[Carried] = deque()
        self._places: dict[int, Places] = {}
        self._closed = False
        self._news: asyncio.Future[None] | None = None
        self._released = asyncio.Event()

    def __aiter__(self) -> "KafkaSubscription":
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
        places = self._places.get(carried.partition)
        if places is not None:
            places.release(carried.offset)
            self._released.set()

    async def close(self) -> None:
        if not self._closed:
            self.end()
            await self._left(self)

    def end(self) -> None:
        """End the iteration; places stay, for the last commit."""
        self._closed = True
        self._waiting.clear()
        self._wake()

    async def settle(self) -> None:
        """Wait until everything that was read has been released."""
        while any(places.open for places in self._places.values()):
            self._released.clear()
            await self._released.wait()

    # ------------------------------------------------------------ the desk

    def put(self, records: Sequence[Record]) -> None:
        """Take what was read from one partition, in order of offset."""
        partition = records[0].partition
        places = self._places.setdefault(partition, Places())
        for record in records:
            decoded = self._decode(record)
            if decoded is None:
                places.skip(record.offset)
            elif places.take(record.offset, decoded):
                self._waiting.append(Carried(decoded, partition, record.offset))
        if self._waiting:
            self._wake()

    async def room(self) -> None:
        """Return when less is open than the limits allow."""
        while self._is_full():
            self._released.clear()
            await self._released.wait()

    def _is_full(self) -> bool:
        open_ = sum(places.open for places in self._places.values())
        open_bytes = sum(places.open_bytes for places in self._places.values())
        limits = self._limits
        return open_ >= limits.open_records_max or open_bytes >= limits.open_bytes_max

    def positions(self) -> Mapping[int, int]:
        """By partition, the lowest offset that isn't released."""
        return {partition: places.position() for partition, places in self._places.items()}

    def keep(self, partitions: Iterable[int]) -> None:
        """Forget every partition but these; what wasn't handed over yet is another's to read."""
        kept = set(partitions)
        self._places = {number: one for number, one in self._places.items() if number in kept}
        self._waiting = deque(one for one in self._waiting if one.partition in kept)
        self._released.set()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
