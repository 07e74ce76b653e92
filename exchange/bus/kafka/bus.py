"""`KafkaBus`: the `MessageBus` of many processes.

Owns encoding and who publishes and reads. Refuses to own retries of what was lost: the relay's
cursor and the sweeps do that.

Invariant: no payload leaves this process readable.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from exchange.bus.kafka.brokers import Brokers, KafkaLimits
from exchange.bus.kafka.codec import PayloadCodec
from exchange.bus.kafka.publisher import Outgoing, Publisher
from exchange.bus.kafka.reader import Reader, Record
from exchange.bus.kafka.records import headers_of, parse_record
from exchange.bus.kafka.sealing import OVERHEAD_BYTES, bound_to, open_value, seal_value
from exchange.bus.kafka.subscription import KafkaSubscription
from exchange.bus.port import BusLost, BusRecord, BusStopped, Topic
from signing.at_rest import EpochKeys
from signing.errors import SealwayError

log = structlog.get_logger()


@dataclass(slots=True)
class KafkaCounts:
    """What happened since the bus was made; for metrics."""

    published: int = 0
    """Acknowledged."""
    lost: int = 0
    """Not acknowledged; perhaps carried all the same."""
    carried: int = 0
    """Read and handed over."""
    lightened: int = 0
    """Sent without payload: too big, or the codec had none."""
    unopened: int = 0
    """Read, and the payload did not open: another epoch's, altered, or another version's."""
    foreign: int = 0
    """Read, and nothing of ours."""


class KafkaBus:
    """`MessageBus` over a cluster whose topics are there (`create_topics`).

    A cluster that is away stops nothing: `start` and `subscribe` go on trying behind the caller,
    `publish` says `BusLost`. ``source`` is the bus's name. Seen on two shared cores, 4 kB sealed:
    33 µs of this process for a record published in batches of 128 (65 in batches of 8, 254 alone),
    33 µs for one read (docs/adr/0010).
    """

    def __init__(
        self,
        brokers: Brokers,
        epochs: EpochKeys,
        codec: PayloadCodec,
        *,
        source: str,
        limits: KafkaLimits | None = None,
    ) -> None:
        self._brokers = brokers
        self._epochs = epochs
        self._codec = codec
        self._source = source
        self._limits = limits or KafkaLimits()
        self._running = False
        self._publisher: Publisher | None = None
        self._readers: dict[KafkaSubscription, Reader] = {}
        self.counts = KafkaCounts()

    @property
    def is_connected(self) -> bool:
        """Whether the last batch went through and every reader has its share; for readiness."""
        publisher = self._publisher
        return (
            publisher is not None
            and publisher.is_connected
            and all(reader.is_joined for reader in self._readers.values())
        )

    async def start(self) -> None:
        self._running = True
        self._publisher = Publisher(self._brokers, self._limits)
        try:
            await self._publisher.connect()
        except BusLost as error:
            log.warning("bus.unreachable", brokers=self._brokers.bootstrap, **error.context)

    async def stop(self, *, drain_s: float = 0.0) -> None:
        self._running = False
        if drain_s > 0:
            settling = [one.settle() for one in self._readers]
            # What is left then is read again, by whoever has the partition.
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*settling), drain_s)
        await asyncio.gather(*(one.close() for one in list(self._readers)))
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.close()

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        publisher = self._checked()
        outgoing = [await self._encode(record) for record in batch]
        try:
            await publisher.publish(outgoing)
        except BusLost:
            self.counts.lost += len(batch)
            raise
        self.counts.published += len(batch)

    async def subscribe(self, topic: Topic, group: str) -> KafkaSubscription:
        self._checked()
        name = self._brokers.topic(topic)

        def decode(record: Record) -> BusRecord | None:
            return self._decoded(topic, record)

        subscription = KafkaSubscription(decode, self._limits, self._leave)
        shared = f"{self._brokers.prefix}.{group}" if topic is Topic.DELIVER else None
        reader = Reader(self._brokers, name, shared, subscription, self._limits)
        self._readers[subscription] = reader
        await reader.start()
        return subscription

    async def _leave(self, subscription: KafkaSubscription) -> None:
        reader = self._readers.pop(subscription, None)
        if reader is not None:
            await reader.stop()

    def _checked(self) -> Publisher:
        if not self._running or self._publisher is None:
            raise BusStopped("The bus is not running.")
        return self._publisher

    async def _encode(self, record: BusRecord) -> Outgoing:
        payload = await self._payload(record)
        if payload is None and record.body.payload is not None:
            record = replace(record, body=replace(record.body, payload=None))
            self.counts.lightened += 1
        name, key = self._brokers.topic(record.topic), record.key.encode()
        headers = headers_of(record, self._source)
        if payload is None:
            return Outgoing(name, key, b"", headers)
        value = seal_value(payload, bound_to(name, key, headers), self._epochs)
        return Outgoing(name, key, value, headers)

    async def _payload(self, record: BusRecord) -> bytes | None:
        body, limits = record.body, self._limits
        most = limits.signal_bytes_max if record.topic is Topic.SIGNAL else limits.record_bytes_max
        if body.payload is None or body.payload_bytes > most:
            return None
        data = await self._codec.encode(body)
        return None if data is None or len(data) + OVERHEAD_BYTES > most else data

    def _decoded(self, topic: Topic, found: Record) -> BusRecord | None:
        record = parse_record(topic, found.key, found.headers)
        if record is None:
            self.counts.foreign += 1
            return None
        self.counts.carried += 1
        if not found.value or not self._codec.wants(record.body):
            return record
        try:
            bound = bound_to(found.topic, found.key or b"", found.headers)
            data = open_value(found.value, bound, self._epochs)
            payload = self._codec.decode(record.body, data)
        except Exception as error:  # no record may stop its partition
            self.counts.unopened += 1
            code = error.code if isinstance(error, SealwayError) else type(error).__name__
            log.warning("bus.payload_unopened", topic=found.topic, code=code)
            return record
        body = replace(record.body, payload=payload, payload_bytes=len(data))
        return replace(record, body=body)
