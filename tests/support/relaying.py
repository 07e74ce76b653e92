"""Groups to relay, a bus that loses when told so, and rows to catch up from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from exchange.acceptance.stored import OpenedEnvelope
from exchange.bus.embedded import EmbeddedBus
from exchange.bus.port import BusLost, BusRecord, DeadLetter, Dispatch
from exchange.ledger.entries import LeafDraft, Lost, Outcome, Placed, RecordEntry, Skipped
from exchange.ledger.errors import AnswerNotExpected
from exchange.ledger.group_commit import Submission
from exchange.storage.rows import KillDelivery, StoredMessage
from signing.identifiers import Code, MessageId, ServiceCode, SystemId, message_id_bytes
from signing.manifest import Digest, Manifest

CIVIL = SystemId("sx/GOV/2002/civil-registry")
BENEFITS = SystemId("sx/GOV/1001/benefits")

Group = list[tuple[Submission, Outcome]]


def message_id(number: int) -> MessageId:
    """A made-up message's id."""
    return MessageId(f"01a201fb-aa7b-7cc0-98c4-{number:012x}")


def placed(shard: int, index: int) -> Placed:
    """A place in a log."""
    return Placed(shard, index, b"leaf", bytes(32), bytes(16), 1_790_000_000_000 + index)


def killed(shard: int, index: int) -> tuple[Submission, Outcome]:
    """A delivery given up: one record for the bus, whose cause is the index."""
    kill = KillDelivery(message_id_bytes(message_id(index)), CIVIL, str(index))
    leaf = LeafDraft("dead", "", svc="person-status")
    entry = RecordEntry(leaf, b"", b"", b"", b"", kill=kill)
    return _submission(entry), placed(shard, index)


def stated(shard: int, index: int) -> tuple[Submission, Outcome]:
    """A record that is no news to the bus."""
    entry = RecordEntry(LeafDraft("heads", ""), b"", b"", b"", b"")
    return _submission(entry), placed(shard, index)


def refused(shard: int, index: int) -> tuple[Submission, Outcome]:
    """A loser of a group: its refusal has the place."""
    entry = RecordEntry(LeafDraft("refusal", ""), b"", b"", b"", b"")
    return _submission(entry), Lost(AnswerNotExpected("no"), placed(shard, index))


def skipped() -> tuple[Submission, Outcome]:
    """What no longer applied, and has no place."""
    return _submission(RecordEntry(LeafDraft("expired", ""), b"", b"", b"", b"")), Skipped()


def _submission(entry: RecordEntry) -> Submission:
    return Submission(entry, 1, asyncio.get_running_loop().create_future())


class LosingBus(EmbeddedBus):
    """Remembers what was published; loses while told so, or for so many batches."""

    def __init__(self) -> None:
        super().__init__()
        self.is_lost = False
        self.batches_to_lose = 0
        self.tried = 0
        self.published: list[BusRecord] = []
        self.held: asyncio.Event | None = None
        """Until it is set, no batch is acknowledged."""

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        """As the embedded bus, unless it has to be lost."""
        self.tried += 1
        if self.batches_to_lose:
            self.batches_to_lose -= 1
            raise BusLost("Lost, as told.")
        if self.is_lost:
            raise BusLost("Lost, as told.")
        if self.held is not None:
            await self.held.wait()
        self.published += batch
        await super().publish(batch)

    @property
    def causes(self) -> list[int]:
        """The numbers of the dead letters published, in order."""
        bodies = [record.body for record in self.published]
        return [int(body.cause) for body in bodies if isinstance(body, DeadLetter)]

    @property
    def dispatched(self) -> list[int]:
        """The indexes of the dispatches published, in order."""
        bodies = [record.body for record in self.published]
        return [body.index for body in bodies if isinstance(body, Dispatch)]


@dataclass
class Rows:
    """Queued deliveries of one log, by index; also opens what it stores."""

    queued: list[int] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)
    hastened: list[tuple[int, int, int]] = field(default_factory=list)
    failing: int = 0

    async def hasten(self, shard: int, first_index: int, now_ms: int) -> int:
        """As the store's."""
        self.hastened.append((shard, first_index, now_ms))
        return 0

    async def unrelayed(
        self, shard: int, first_index: int, now_ms: int, count_max: int
    ) -> list[bytes]:
        """As the port's."""
        self.asked.append((shard, first_index))
        found = [index for index in sorted(self.queued) if index >= first_index]
        return [message_id_bytes(message_id(index)) for index in found[:count_max]]

    async def message(self, id_: bytes) -> StoredMessage | None:
        """As the port's."""
        index = int.from_bytes(id_[-6:], "big")
        return StoredMessage(
            id_, BENEFITS, bytes(32), 1, index, bytes(32), b"", b"", b"", None, None, 1_000 + index
        )

    def envelope(self, stored: StoredMessage) -> OpenedEnvelope:
        """As `OpenedMessages.envelope`."""
        manifest = Manifest(
            bus="sx.example",
            id=message_id(stored.index),
            kind="request",
            sender=BENEFITS,
            created_ms=1_000,
            parts=(),
            to=CIVIL,
            service=ServiceCode("person-status"),
            purpose=Code("child-benefit"),
        )
        return OpenedEnvelope(b"", manifest, Digest(""), b"")
