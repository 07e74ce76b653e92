"""What may enter a log, before it has a place; and what became of it.

Everything a group needs is made before the group forms: sealed bytes, leaf salts, commitments.
Only place and time are missing.
"""

from dataclasses import dataclass, field

from exchange.storage.boxes import NewDelivery
from exchange.storage.rows import (
    ConfirmDelivery,
    EndExchange,
    KillDelivery,
    MessageRow,
    NewExchange,
    ObjectRow,
    SettleDead,
    ShardHead,
    StepRow,
)
from signing.errors import SealwayError
from signing.log.leaf import encode_leaf
from signing.values import value_type


@value_type
class LeafDraft:
    """A leaf without its time and directory version."""

    k: str
    env: str
    sender: str | None = None
    to: str | None = None
    svc: str | None = None
    grant: str | None = None
    test: bool = False
    ref: str | None = None
    nonce: bytes | None = None
    """The leaf's ``n`` when something else is bound to it (a sealed record); random otherwise."""

    def encode(self, ts_ms: int, reg: int) -> bytes:
        """The leaf's bytes."""
        return encode_leaf(
            self.k,
            ts_ms,
            reg,
            self.env,
            sender=self.sender,
            to=self.to,
            svc=self.svc,
            grant=self.grant,
            test=self.test,
            ref=self.ref,
            nonce=self.nonce,
        )


@value_type
class MessageEntry:
    """An accepted message, and what it opens or ends."""

    leaf: LeafDraft
    leaf_salt: bytes
    row: MessageRow
    opens: NewExchange | None = None
    ends: EndExchange | None = None
    during: bytes | None = None
    """The request whose exchange must be open and stays so."""
    step: StepRow | None = None
    """A line of a timeline; its time is the leaf's."""
    answers: NewDelivery | None = None
    """The answer's delivery, where its consumer collects answers from its mailbox."""

    @property
    def size_bytes(self) -> int:
        """What it adds to a group."""
        return len(self.row.content) + len(self.row.envelope)


@dataclass(frozen=True, slots=True)
class RefusalEntry:
    """A refused message: its envelope is kept for 90 days, its parts never."""

    leaf: LeafDraft
    leaf_salt: bytes
    id: bytes
    code: str
    envelope: bytes
    wrapped_salt: bytes
    key: bytes

    @property
    def size_bytes(self) -> int:
        """What it adds to a group."""
        return len(self.envelope)


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A signed record of an act without an envelope, and the rows it changes.

    ``stored_salt`` and ``key`` are as the row keeps them: plain and absent for directory records.
    With ``end``, ``kill``, ``confirm`` or ``settle`` it is skipped when that no longer applies.
    """

    leaf: LeafDraft
    leaf_salt: bytes
    record: bytes
    stored: bytes
    stored_salt: bytes
    key: bytes | None = None
    object: ObjectRow | None = None
    opens_log: ShardHead | None = None
    end: EndExchange | None = None
    kill: KillDelivery | None = None
    confirm: ConfirmDelivery | None = None
    settle: SettleDead | None = None
    step: StepRow | None = None
    """A line of a timeline; its time is the leaf's."""

    @property
    def size_bytes(self) -> int:
        """What it adds to a group."""
        return len(self.stored)


Entry = MessageEntry | RefusalEntry | RecordEntry


@value_type
class Placed:
    """An entry's place in a log: what a receipt is made from."""

    shard: int
    index: int
    leaf: bytes
    leaf_hash: bytes
    leaf_salt: bytes
    at_ms: int
    receipt: str | None = field(default=None, compare=False, repr=False)
    """Its receipt, where another process made it and handed it on."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same message was accepted before, there."""

    shard: int
    index: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Refused inside the group; the refusal has its own place."""

    error: SealwayError
    refusal: Placed | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What the record would state no longer applies; nothing was written."""


Outcome = Placed | Duplicate | Lost | Skipped
