"""The port between those who have news and those who act on it: `MessageBus`.

Owns the records that travel and what carrying them promises. Refuses to own delivery: a bus
carries, the database waits. Every record has its truth in a row that a sweep finds.

Invariant: an implementation may lose, repeat, delay and reorder records, and invents none. Code
that is right only while the bus is kind is wrong; the contract suite is unkind on purpose.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Protocol, Self

from signing.errors import SealwayError
from signing.identifiers import MessageId, ServiceCode, SystemId
from signing.values import value_type

BATCH_RECORDS_MAX = 500
"""The most records in one batch to a reader: about 2 ms of work before it looks up again."""


class BusError(SealwayError):
    """The branch of the bus."""


class BusStopped(BusError):
    """This bus isn't running: not started yet, or stopped. Its rows are safe, sweeps deliver."""

    code = "bus-stopped"


class BusLost(BusError):
    """The broker didn't acknowledge a batch. Publish the same batch again; repeats are allowed."""

    code = "bus-lost"


class Topic(StrEnum):
    """Every topic of a bus; created before the first start, never at run time."""

    DELIVER = "sealway.deliver"
    SIGNAL = "sealway.signal"
    DEAD = "sealway.dead"


@value_type
class Dispatch:
    """The fast path to one delivery row: this message waits for this recipient.

    `payload` is what the publisher still had in memory (the message), so that a deliverer needn't
    read it; `payload_bytes` is what it weighs. The embedded bus passes the object by reference, a
    broker's implementation encodes it. It may be missing at the other end: whoever reads a record
    can read the row.
    """

    message_id: MessageId
    recipient: SystemId
    kind: str
    shard: int
    index: int
    accepted_at_ms: int
    service: ServiceCode | None = None
    answer_by_ms: int | None = None
    """Until when an answer is accepted, so that whoever answers needn't read it."""
    payload: object | None = field(default=None, compare=False, repr=False)
    payload_bytes: int = field(default=0, compare=False)
    traceparent: str | None = field(default=None, compare=False)


class SignalKind(StrEnum):
    """What a wake-up is about."""

    ANSWERED = "answered"
    """The exchange of `message_id` has ended; whoever waits for it reads its state."""
    MAILBOX = "mailbox"
    """A delivery is ready for `recipient` (and `service`)."""
    DIRECTORY = "directory"
    """The directory has reached `version`."""


@value_type
class Signal:
    """A wake-up, and never the only way to learn something: readers poll as well."""

    kind: SignalKind
    message_id: MessageId | None = None
    recipient: SystemId | None = None
    service: ServiceCode | None = None
    version: int | None = None
    payload: object | None = field(default=None, compare=False, repr=False)
    payload_bytes: int = field(default=0, compare=False)
    traceparent: str | None = field(default=None, compare=False)


@value_type
class DeadLetter:
    """A copy for tools: this delivery was given up. Its row is the truth and waits for a person.

    It never has a payload: nobody needs content to see that something is stuck.
    """

    message_id: MessageId
    recipient: SystemId
    service: ServiceCode | None
    cause: str
    at_ms: int
    payload: object | None = field(default=None, compare=False, repr=False)
    payload_bytes: int = field(default=0, compare=False)
    traceparent: str | None = field(default=None, compare=False)


Body = Dispatch | Signal | DeadLetter


@value_type
class BusRecord:
    """One record: where it goes, what it is kept in order by, what it says."""

    topic: Topic
    key: str
    body: Body

    @classmethod
    def dispatch(cls, body: Dispatch) -> Self:
        """A dispatch, keyed by its recipient, so that one process serves a department at a time."""
        return cls(Topic.DELIVER, body.recipient, body)

    @classmethod
    def signal(cls, body: Signal, key: str = "") -> Self:
        """A wake-up; `key` names who is woken (a waiting slot, a recipient), if anybody is."""
        return cls(Topic.SIGNAL, key or body.recipient or body.message_id or body.kind, body)

    @classmethod
    def dead(cls, body: DeadLetter) -> Self:
        """A copy of a dead letter, keyed by its message."""
        return cls(Topic.DEAD, body.message_id, body)


@value_type
class Carried:
    """A record as it arrived, with the place that `Subscription.done` releases.

    Two copies of a record have two places; release each.
    """

    record: BusRecord
    partition: int
    offset: int


class Subscription(Protocol):
    """One reader's share of a topic: an asynchronous iterator of non-empty batches.

    Iteration ends, without an error, when the subscription is closed or the bus has stopped.
    """

    def __aiter__(self) -> AsyncIterator[Sequence[Carried]]:
        """The subscription itself; one task at a time iterates."""
        ...

    async def __anext__(self) -> Sequence[Carried]:
        """Wait for the next batch, 1 to `BATCH_RECORDS_MAX` records.

        Raises:
            StopAsyncIteration: the subscription was closed, or the bus has stopped.
        """
        ...

    def done(self, carried: Carried) -> None:
        """Release a record's place: it is finished, or parked in its row with a due time.

        Never blocks; a second time, or after the end, it does nothing. What is never released
        counts against the bus's limits, holds back what comes after it on a broker, and may be
        carried again.
        """
        ...

    async def close(self) -> None:
        """Stop reading. What wasn't released may go to other readers of the group, or to none."""
        ...


class MessageBus(Protocol):
    """Carries records from whoever committed them to each group that reads their topic.

    Promises: a record goes to every group that was subscribed when it was published, to one
    reader of each. May lose, repeat, delay and reorder; records of one key usually stay in order
    and nobody may rely on it. Everything is called from the event loop that called `start`.
    """

    @property
    def is_connected(self) -> bool:
        """Whether what is published now is carried soon, as far as this process knows."""
        ...

    async def start(self) -> None:
        """Connect. Call `stop` also when this failed."""
        ...

    async def stop(self, *, drain_s: float = 0.0) -> None:
        """Refuse new records, wait up to `drain_s` for open ones to be released, end all readers.

        Idempotent. What is left then is lost to the bus; sweeps deliver it.
        """
        ...

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        """Hand over a batch, after its commit and never inside a request.

        Returns once the records are the bus's to carry: at once when embedded, on the broker's
        acknowledgement otherwise. Over its limits a bus drops records, counts them and returns.

        Raises:
            BusStopped: not running.
            BusLost: not acknowledged; any part of the batch may have been carried all the same.
        """
        ...

    async def subscribe(self, topic: Topic, group: str) -> Subscription:
        """Join `group` in reading `topic`, from now on.

        Readers of one group share its records by key; each group gets all of them.

        Raises:
            BusStopped: not running.
        """
        ...


class CheckpointBoard(Protocol):
    """Where processes on different machines tell each other how far each log was signed.

    It keeps the highest it was told, so that a restored or lagging database is noticed also by a
    machine that signed nothing itself. A hint to look, never proof: whoever reads verifies.
    """

    async def post(self, origin: str, note: str) -> None:
        """Tell a log's signed checkpoint; the caller sees to it that this isn't too often.

        Raises:
            BusLost: it may not be kept.
        """
        ...

    async def read(self) -> Mapping[str, str]:
        """By origin the note of the highest checkpoint told. Takes seconds at most.

        Raises:
            BusLost: the board can't be read, or not to its end.
        """
        ...


class NoBoard:
    """`CheckpointBoard` where all processes share the signer's own file."""

    async def post(self, origin: str, note: str) -> None:
        """Nothing."""

    async def read(self) -> Mapping[str, str]:
        """Nothing."""
        return {}
