"""A reader's connection: makes consumers, reads, commits, and starts again after any error.

Two kinds. A *sharing* reader joins a consumer group: offsets are committed as far as everything
before them was released, five times a second and whenever partitions go. A *listening* reader has
no group: it reads every partition from the end, and what it missed it missed.

Refuses to own what is read: a `Desk` takes records in and says where each partition stands.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from exchange.bus.kafka.brokers import Brokers, KafkaLimits

log = structlog.get_logger()

Record = ConsumerRecord[bytes, bytes]

_POLL_MS = 1_000
_END_S = 5.0


class Desk(Protocol):
    """Where records are put and places are asked for; never blocks."""

    def put(self, records: Sequence[Record]) -> None:
        """Take what was read from one partition, in order of offset."""
        ...

    async def room(self) -> None:
        """Return when more may be read."""
        ...

    def positions(self) -> Mapping[int, int]:
        """By partition, the lowest offset that isn't released."""
        ...

    def keep(self, partitions: Iterable[int]) -> None:
        """Forget every partition but these."""
        ...


class Reader:
    """Keeps one consumer running until it is stopped. ``group`` None: it listens."""

    def __init__(
        self, brokers: Brokers, topic: str, group: str | None, desk: Desk, limits: KafkaLimits
    ) -> None:
        self._brokers = brokers
        self._topic = topic
        self._group = group
        self._desk = desk
        self._limits = limits
        self._task: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._committed: dict[int, int] = {}
        self._broken = False
        self.made = 0
        """Consumers made so far; more than one means errors."""

    @property
    def is_joined(self) -> bool:
        """Whether a consumer is running."""
        return self._joined.is_set()

    async def start(self) -> None:
        """Start reading; returns when the reader has its share, or is still trying."""
        self._task = asyncio.create_task(self._run(), name=f"read-{self._topic}")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._joined.wait(), self._limits.join_s)

    async def stop(self) -> None:
        """Commit what was released, leave the group, end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            consumer = self._make()
            try:
                await self._begin(consumer)
                await self._read(consumer)
            except Exception as error:  # whatever broke, the next consumer is a fresh one
                self._broke(error)
            finally:
                self._joined.clear()
                await self._end(consumer)
            await asyncio.sleep(self._limits.retry_s)

    def _broke(self, error: Exception) -> None:
        """Say so once, until it reads again."""
        if not self._broken:
            log.warning("bus.reading_broke", topic=self._topic, cause=repr(error))
        self._broken = True

    def _make(self) -> AIOKafkaConsumer:
        limits = self._limits
        self.made += 1
        return AIOKafkaConsumer(
            **self._brokers.options(max(limits.session_s, limits.acknowledge_s)),
            group_id=self._group,
            auto_offset_reset="latest" if self._group is None else "earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=int(limits.fetch_wait_s * 1_000),
            session_timeout_ms=int(limits.session_s * 1_000),
            heartbeat_interval_ms=int(limits.heartbeat_s * 1_000),
            metadata_max_age_ms=int(limits.metadata_age_s * 1_000),
        )

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        self._committed.clear()
        if self._group is None:
            consumer.subscribe([self._topic])
            await consumer.start()
            await consumer.seek_to_end()
        else:
            consumer.subscribe([self._topic], listener=_Shares(self, consumer))
            await consumer.start()
        self._joined.set()
        if self._broken:
            log.info("bus.reading_again", topic=self._topic, consumers=self.made)
        self._broken = False

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        committing = asyncio.create_task(self._commit_often(consumer), name="kafka-commit")
        try:
            while True:
                await self._desk.room()
                found = await consumer.getmany(
                    timeout_ms=_POLL_MS, max_records=self._limits.fetch_records
                )
                for records in found.values():
                    self._desk.put(records)
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)

    async def _commit_often(self, consumer: AIOKafkaConsumer) -> None:
        while self._group is not None:
            await asyncio.sleep(self._limits.commit_every_s)
            await self.commit(consumer)

    async def commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit the places of the partitions that are ours now; never raises for the broker."""
        ours = {one.partition for one in consumer.assignment()}
        moved = {
            partition: position
            for partition, position in self._desk.positions().items()
            if partition in ours and self._committed.get(partition) != position
        }
        if not moved:
            return
        offsets = {TopicPartition(self._topic, number): at for number, at in moved.items()}
        try:
            await consumer.commit(offsets)
        except KafkaError as error:  # the next commit says the same and more
            log.info("bus.offsets_not_committed", topic=self._topic, cause=repr(error))
        else:
            self._committed.update(moved)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Take note of the partitions that are ours from now on."""
        self._committed.clear()
        self._desk.keep(partitions)

    async def _end(self, consumer: AIOKafkaConsumer) -> None:
        ending = asyncio.create_task(self._leave(consumer), name="kafka-leave")
        done, _ = await asyncio.wait([ending], timeout=_END_S)
        if not done:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        try:
            if self._group is not None and consumer.assignment():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.commit(consumer), _END_S / 2)
            await consumer.stop()
        except (KafkaError, OSError) as error:
            log.info("bus.consumer_left", topic=self._topic, cause=repr(error))


class _Shares(ConsumerRebalanceListener):
    """Tells a reader that partitions go or come."""

    def __init__(self, reader: Reader, consumer: AIOKafkaConsumer) -> None:
        self._reader = reader
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        if revoked:
            await self._reader.commit(self._consumer)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._reader.assigned(one.partition for one in assigned)
