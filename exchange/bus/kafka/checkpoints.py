"""The board of signed checkpoints on a compacted topic: each log's highest, by origin.

Owns posting, and reading the topic to its end as it stands. Refuses to own trust: a note is told as
it was found, unless whoever made the board says that it isn't genuine.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from exchange.bus.kafka.brokers import Brokers, KafkaLimits
from exchange.bus.kafka.publisher import Outgoing, Publisher
from exchange.bus.kafka.sealing import Header
from exchange.bus.port import BusLost
from signing.encoding import format_time
from signing.errors import SealwayError
from signing.log.checkpoint import Checkpoint, parse_checkpoint

CHECKPOINT_TOPIC: Final = "sealway.checkpoint"
CHECKPOINT_TYPE: Final = "sealway.checkpoint.signed"
NOTE_TYPE: Final = b"text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class BoardLimits:
    """What one reading may take; seconds, bytes, records."""

    read_s: float = 10.0
    """A process that starts waits no longer for this hint."""
    records_max: int = 500_000
    """Some hours of 16 logs that compaction hasn't seen; read in about 5 s."""
    note_bytes_max: int = 8_192
    """A note with many cosignatures; a longer one is passed over."""
    logs_max: int = 10_000
    """Logs of one bus, successors and shards; more means that somebody writes rubbish."""


Genuine = Callable[[str, str], bool]


def _any(origin: str, note: str) -> bool:
    return True


class KafkaBoard:
    """`CheckpointBoard` on the cluster's own topic, which `create_topics` made.

    ``is_genuine`` is asked of each origin and note that is read; what isn't is passed over, so that
    a forged note can't hide a real one. Older notes of a log that come later change nothing.
    """

    def __init__(
        self,
        brokers: Brokers,
        *,
        source: str,
        is_genuine: Genuine = _any,
        limits: KafkaLimits | None = None,
        board: BoardLimits | None = None,
    ) -> None:
        self._brokers = brokers
        self._source = source
        self._is_genuine = is_genuine
        self._limits = limits or KafkaLimits()
        self._board = board or BoardLimits()
        self._publisher = Publisher(brokers, self._limits)
        self._topic = brokers.named(CHECKPOINT_TOPIC)

    async def close(self) -> None:
        """Let go of what was made; in time also when no broker answers."""
        await self._publisher.close()

    async def post(self, origin: str, note: str, *, at_ms: int | None = None) -> None:
        """Tell a log's signed checkpoint. Raises BusLost."""
        headers = checkpoint_headers(self._source, origin, at_ms)
        outgoing = Outgoing(self._topic, origin.encode(), note.encode(), headers)
        await self._publisher.publish([outgoing])

    async def read(self) -> Mapping[str, str]:
        """By origin the note of the highest checkpoint told. Raises BusLost."""
        board = self._board
        consumer = AIOKafkaConsumer(
            **self._brokers.options(min(self._limits.acknowledge_s, board.read_s)),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=1_000,
        )
        consumer.subscribe([self._topic])
        found = _Highest(board, self._is_genuine)
        try:
            async with asyncio.timeout(board.read_s):
                await consumer.start()
                await self._read_to_end(consumer, found)
        except (KafkaError, OSError, TimeoutError) as error:
            raise BusLost("The checkpoints can't be read.", cause=repr(error)) from error
        finally:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), self._limits.acknowledge_s)
        return found.notes

    async def _read_to_end(self, consumer: AIOKafkaConsumer, found: "_Highest") -> None:
        there = await _assigned(consumer)
        ends = await consumer.end_offsets(there)
        await consumer.seek_to_beginning(*there)
        while any([await consumer.position(one) < ends[one] for one in there]):
            for records in (await consumer.getmany(timeout_ms=200, max_records=2_000)).values():
                for record in records:
                    found.add(record)


async def _assigned(consumer: AIOKafkaConsumer) -> list[TopicPartition]:
    """The topic's partitions; waits for a topic that isn't there yet."""
    while True:
        if there := sorted(consumer.assignment()):
            return there
        await asyncio.sleep(0.05)


class _Highest:
    """Keeps the highest note of each origin."""

    def __init__(self, limits: BoardLimits, is_genuine: Genuine) -> None:
        self._limits = limits
        self._is_genuine = is_genuine
        self._sizes: dict[str, int] = {}
        self._records = 0
        self.notes: dict[str, str] = {}

    def add(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        """Look at one record. Raises BusLost when there are more than anybody can have meant."""
        self._records += 1
        if self._records > self._limits.records_max or len(self.notes) > self._limits.logs_max:
            raise BusLost("The topic of checkpoints holds more than fits.")
        if not record.key or not record.value or len(record.value) > self._limits.note_bytes_max:
            return
        try:
            note, origin = record.value.decode(), record.key.decode()
            told = _parse(note)
        except (SealwayError, ValueError):
            return
        if told.origin == origin and told.size > self._sizes.get(origin, -1):
            if self._is_genuine(origin, note):
                self._sizes[origin], self.notes[origin] = told.size, note


def _parse(note: str) -> Checkpoint:
    """The checkpoint in a note, its signatures left alone. Raises ProofInvalid."""
    text, separator, _ = note.partition("\n\n")
    return parse_checkpoint(text + separator[:1])


def checkpoint_headers(source: str, origin: str, at_ms: int | None = None) -> list[Header]:
    """The CloudEvents headers of a posted checkpoint."""
    fields = {
        "ce_specversion": "1.0",
        "ce_source": source,
        "ce_id": os.urandom(16).hex(),
        "ce_type": CHECKPOINT_TYPE,
        "ce_subject": origin,
    }
    if at_ms is not None:
        fields["ce_time"] = format_time(at_ms)
    headers = [(name, value.encode()) for name, value in fields.items()]
    return [*headers, ("content-type", NOTE_TYPE)]
