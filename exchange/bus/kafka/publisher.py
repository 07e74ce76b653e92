"""Publishing: one producer, made again after any error.

Not idempotent on purpose: repeats are allowed, and aiokafka's idempotent producer can stay stuck
after an error. Acknowledged by every copy in sync.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from exchange.bus.kafka.brokers import Brokers, KafkaLimits
from exchange.bus.kafka.sealing import Header
from exchange.bus.port import BusLost

log = structlog.get_logger()

KEYS_KEPT: Final = 4_096
"""Systems whose partition is remembered; the hash in Python costs as much as sealing a record."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record as it goes out."""

    topic: str
    key: bytes
    value: bytes
    headers: list[Header]


class Publisher:
    """Sends batches; nothing is kept between two calls but a connected producer."""

    def __init__(self, brokers: Brokers, limits: KafkaLimits) -> None:
        self._brokers = brokers
        self._limits = limits
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self.made = 0
        """Producers made so far; more than one means errors."""

    @property
    def is_connected(self) -> bool:
        """Whether the last attempt went well."""
        return self._producer is not None

    async def connect(self) -> None:
        """Make a producer if there is none. Raises BusLost."""
        try:
            async with asyncio.timeout(self._limits.acknowledge_s):
                await self._connected()
        except (KafkaError, OSError, TimeoutError) as error:
            raise BusLost("No broker can be reached.", cause=repr(error)) from error

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """Send a batch and wait for every acknowledgement.

        Raises:
            BusLost: one of them is missing; the next call makes a new producer.
        """
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._limits.acknowledge_s):
                producer = await self._connected()
                await _send(producer, batch)
        except (KafkaError, OSError, TimeoutError) as error:
            if producer is not None:
                self._discard(producer)
            raise BusLost("A batch wasn't acknowledged.", cause=repr(error)) from error

    async def close(self) -> None:
        """Stop what was made; in time also when no broker answers."""
        if self._producer is not None:
            self._discard(self._producer)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            async with self._making:
                if self._producer is None:
                    self._producer = await self._make()
        return self._producer

    async def _make(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._brokers.options(self._limits.acknowledge_s),
            acks="all",
            linger_ms=0,
            partitioner=partition_of,
            max_batch_size=self._limits.batch_bytes,
            metadata_max_age_ms=int(self._limits.metadata_age_s * 1_000),
        )
        self.made += 1
        try:
            await producer.start()
        except BaseException:
            self._end(producer)
            raise
        return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            self._end(producer)

    def _end(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_stop(producer, self._limits.acknowledge_s), name="kafka-stop")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


@lru_cache(KEYS_KEPT)
def _place(key: bytes, count: int) -> int:
    """Where every client of Kafka puts a key, as a place in the list of partitions."""
    place: int = DefaultPartitioner()(key, range(count), ())
    return place


def partition_of(key: bytes, partitions: Sequence[int], _available: Sequence[int]) -> int:
    """The partition of a record, whether it can be written to now or not."""
    return partitions[_place(key, len(partitions))]


async def _stop(producer: AIOKafkaProducer, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        log.info("bus.producer_left", cause=repr(error))


async def _send(producer: AIOKafkaProducer, batch: Sequence[Outgoing]) -> None:
    sent: list[asyncio.Future[object]] = []
    try:
        for one in batch:
            sent.append(await producer.send(one.topic, one.value, one.key, headers=one.headers))
        for future in sent:
            await future
    except BaseException:
        for future in sent:
            future.add_done_callback(_look_at)
        raise


def _look_at(future: "asyncio.Future[object]") -> None:
    """Take note of an outcome that nobody waits for any more."""
    with suppress(asyncio.CancelledError):
        future.exception()
