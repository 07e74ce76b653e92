"""What crosses the storage port: rows to write, facts read, heads of logs.

Plain frozen data. Ids are the 16 bytes of a message id; hashes 32 bytes; times ms since 1970.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exchange.storage.boxes import Box, NewDelivery
from signing.identifiers import ServiceCode, SystemId
from signing.values import value_type


class ExchangeState(StrEnum):
    """``open`` and the four ends (delivery.md, *States*)."""

    OPEN = "open"
    ANSWERED = "answered"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """A delivery on its way, and its ends."""

    READY = "ready"
    QUEUED = "queued"
    LEASED = "leased"
    IN_FLIGHT = "in-flight"
    DONE = "done"
    EXPIRED = "expired"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ShardHead:
    """The committed state of one log."""

    shard: int
    origin: str
    epoch: int
    state: str
    size: int
    root: bytes
    frontier: tuple[bytes, ...]
    last_ts_ms: int
    relayed_to: int
    note: str | None = None
    note_size: int = 0


@value_type
class MessageRow:
    """A message as stored, but for its place."""

    id: bytes
    sender: SystemId
    digest: bytes
    leaf_salt: bytes
    envelope: bytes
    envelope_key: bytes
    content: bytes
    content_key: bytes


@value_type
class NewExchange:
    """An exchange to open, with its one delivery."""

    id: bytes
    provider: SystemId
    service: ServiceCode
    answer_by_ms: int
    delivery_state: DeliveryState
    due_at_ms: int
    boxed_max: int | None = None
    """The most that may wait in this mailbox; None for deliveries that are not mailboxed."""
    consumer: SystemId | None = None
    """Who asks, when its answers come to its mailbox: it must not leave too many there."""
    uncollected_max: int = 0
    """The most answers that may wait for the consumer."""

    @property
    def box(self) -> Box | None:
        """The mailbox that the request waits in, if any."""
        return None if self.boxed_max is None else (self.provider, self.service)


@value_type
class EndExchange:
    """An exchange to end, if it is still open."""

    id: bytes
    state: ExchangeState
    delivery_state: DeliveryState
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class KillDelivery:
    """A delivery to give up, if it isn't over; its exchange stays open, shown as stuck."""

    id: bytes
    recipient: SystemId
    cause: str


@dataclass(frozen=True, slots=True)
class SettleDead:
    """What a person decided of a dead letter: ready or queued again, or withdrawn."""

    id: bytes
    recipient: SystemId
    state: DeliveryState
    due_at_ms: int


@dataclass(frozen=True, slots=True)
class ConfirmDelivery:
    """A mailbox delivery to end, if ``attempt`` is still its lease."""

    id: bytes
    recipient: SystemId
    attempt: int


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A directory object as a record's ``after`` leaves it."""

    noun: str
    key: str
    object: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of a timeline."""

    id: bytes
    at_ms: int
    code: str
    attempt: int | None = None
    next_at_ms: int | None = None
    detail: str | None = None
    """The reason or status that was given, a code."""
    message: bytes | None = None
    """The id of the message that says so."""


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A mailbox delivery as the holder of a lease names it: the attempt is the lease."""

    id: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of an id that was accepted before."""

    digest: bytes
    shard: int
    index: int


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What a group's decision rests on, read inside the transaction that will write it."""

    messages: Mapping[bytes, Stored]
    exchanges: Mapping[bytes, ExchangeState]
    deliveries: Mapping[bytes, tuple[DeliveryState, int]]
    """State and attempt of the delivery of a request, by the request's id."""
    boxed: Mapping[Box, int]


@dataclass(slots=True)
class GroupQuestions:
    """Which facts a decision needs."""

    messages: list[bytes] = field(default_factory=list)
    exchanges: list[bytes] = field(default_factory=list)
    deliveries: list[bytes] = field(default_factory=list)
    boxes: dict[Box, int] = field(default_factory=dict)
    """Mailboxes, and how many each may hold: a figure that this group's messages can't bring
    there needn't be exact, only not too low."""


@dataclass(slots=True)
class GroupWrite:
    """Everything one group writes: one log's leaves, and the rows that stand for them.

    ``messages`` and ``records`` and ``refusals`` carry their index; all else is keyed by id.
    """

    head: ShardHead
    count: int = 0
    entries: bytes = b""
    tiles: list[tuple[int, int, bytes]] = field(default_factory=list)
    messages: list[tuple[MessageRow, int, bytes, int]] = field(default_factory=list)
    """Row, index, leaf hash, accepted at."""
    exchanges: list[tuple[NewExchange, int]] = field(default_factory=list)
    """Row, accepted at."""
    answers: list[tuple[NewDelivery, int]] = field(default_factory=list)
    """Deliveries of the group's answers, accepted at."""
    ends: list[EndExchange] = field(default_factory=list)
    kills: list[KillDelivery] = field(default_factory=list)
    confirms: list[ConfirmDelivery] = field(default_factory=list)
    settles: list[SettleDead] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    """Lines of timelines that the group's entries come with."""
    records: list[tuple[int, bytes, bytes, bytes | None]] = field(default_factory=list)
    """Index, bytes, leaf salt, wrapped key."""
    refusals: list[tuple[int, bytes, str, bytes, bytes, bytes | None, int]] = field(
        default_factory=list
    )
    """Index, id, code, envelope, leaf salt, wrapped key, kept until."""
    objects: list[tuple[ObjectRow, int, int]] = field(default_factory=list)
    """Row, directory version, index in this group's log."""
    opened: list[ShardHead] = field(default_factory=list)
    """Logs that this group opens."""
    directory_version: int | None = None
    """The directory's version after this group, when it changes it."""

    def boxed(self) -> Iterator[Box]:
        """The mailboxes this group puts messages into, each as often as it does."""
        yield from (new.box for new, _ in self.exchanges if new.box is not None)
        yield from (answer.box for answer, _ in self.answers)


Decide = Callable[[GroupFacts], GroupWrite | None]
"""The ledger's pure decision; None writes nothing."""


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group on its way to the store: what must still be so, what to ask, how to decide."""

    shard: int
    epoch: int
    size: int
    root: bytes
    directory_version: int
    questions: GroupQuestions
    decide: Decide
    on_durable: Callable[[GroupWrite], None] | None = None
    """Told what was written once it is surely durable, before the result is; maybe on another
    thread, so it only passes it on. An engine needn't."""


class CommitResult(StrEnum):
    """How the store answered a plan."""

    COMMITTED = "committed"
    SHARD_LOST = "shard-lost"
    DIRECTORY_CHANGED = "directory-changed"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message row as read back."""

    id: bytes
    sender: SystemId
    digest: bytes
    shard: int
    index: int
    leaf_hash: bytes
    leaf_salt: bytes
    envelope: bytes
    envelope_key: bytes | None
    content: bytes | None
    content_key: bytes | None
    accepted_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredRefusal:
    """A refusal row as read back."""

    shard: int
    index: int
    id: bytes
    code: str
    envelope: bytes
    leaf_salt: bytes
    key: bytes | None
    until_ms: int


@dataclass(frozen=True, slots=True)
class StoredExchange:
    """An exchange row as read back."""

    id: bytes
    state: ExchangeState
    provider: SystemId
    service: ServiceCode
    answer_by_ms: int
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery row as read back."""

    id: bytes
    recipient: SystemId
    state: DeliveryState
    service: ServiceCode
    due_at_ms: int
    owner: str | None
    lease_until_ms: int | None
    attempt: int
    misbehaved: int
    cause: str | None
    accepted_at_ms: int
    kind: str = "request"
    """Of the message: an answer is only ever in a mailbox."""


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Where the change stands that made a directory object as it is."""

    version: int
    """Of the directory."""
    index: int
    log: int
    """0, or the negative number of a successor of log 0."""


@dataclass(frozen=True, slots=True)
class ShardLease:
    """Who may write a log, and what its holder still has to do."""

    shard: int
    state: str
    owner: str | None
    is_held: bool
    """Whether the lease runs now, by the database's clock."""
    size: int
    note_size: int
    relayed_to: int


@dataclass(frozen=True, slots=True)
class Retired:
    """What a retention run did."""

    days: int
    """Days of which messages left."""
    kept: int
    """Messages of such days that stay, because they are still open."""


@dataclass(frozen=True, slots=True)
class Park:
    """A delivery to give back to its row: when it is due again, what is known of the attempt."""

    id: bytes
    recipient: SystemId
    due_at_ms: int
    attempt: int
    misbehaved: int
    owner: str | None = None
    lease_until_ms: int | None = None
    step: StepRow | None = None


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """A checkpoint of log 0 as others vouch for it; what nobody vouched for yet is None."""

    log: int
    size: int
    note: str
    """The checkpoint with the cosignatures so far."""
    heads_index: int | None = None
    """The last heads leaf that it covers."""
    heads_at_ms: int | None = None
    cosigned_at_ms: int | None = None
    """When a quorum had cosigned it, by the clock of who asked."""
    token: bytes | None = None
    """An authority's response over the checkpoint's text."""
    stamped_at_ms: int | None = None
    """The time that it states."""


@dataclass(frozen=True, slots=True)
class AnchoringState:
    """How long ago others last vouched for a log 0."""

    is_mine: bool
    """Whether this process is the one that asks them now."""
    cosigned_at_ms: int | None
    """The last quorum, or the moment from which one is asked for; None: none is."""
    stamped_at_ms: int | None
