"""What an application gets: answers and receipts, verified before they can be touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sealway.exchange_rules import Delivered, decode_json
from sealway.parts import Attachment, attachments_of, context_of
from signing.receipts import VerifiedReceipt


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that the bus took responsibility for a message: its place in a log, verified.

    `text` is the whole proof (C2SP tlog-proof), to keep beside the message for an auditor.
    """

    log: str
    index: int
    text: str = field(repr=False)
    accepted_ms: int = 0

    @classmethod
    def of(cls, verified: VerifiedReceipt) -> Receipt:
        """The public form of a verified receipt."""
        return cls(verified.log, verified.index, verified.text, verified.leaf.ts_ms)


@dataclass(frozen=True, slots=True)
class Anchored:
    """Proof that others saw the log which holds a message, verified under the caller's anchors.

    `cosigned_s`: when each witness that cosigned did, by its name in the policy, in seconds since
    1970; `stamped_ms`: the time-stamp's time, None where no roots were given. `data` is the whole
    proof, to keep beside the message.
    """

    log: str
    index: int
    cosigned_s: Mapping[str, int]
    stamped_ms: int | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of the bus's logged refusals of a message of ours. Its place in the log is verified.

    `code` is the bus's word; `receipt` proves that it refused exactly `envelope`, and when.
    """

    code: str
    receipt: Receipt
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer. Signature, parts, place in the log and pairing have been verified.

    `signer` is the system that signed; `custody` is `bus` when the operator holds its key.
    `exchange` is the `Exchange`, or `AsyncExchange`, that it ended.
    """

    body: bytes = field(repr=False)
    type: str
    signer: str
    custody: str
    id: str
    receipt: Receipt
    exchange: Any = field(repr=False)
    message: Delivered = field(repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON, read strictly: no duplicate keys, no NaN.

        Raises:
            ProofFailed: it is not strict JSON.
        """
        return decode_json(self.body)

    def part(self, name: str) -> bytes | None:
        """The bytes of another part, or None."""
        return self.message.part(name)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The parts beside the body, without the context."""
        return attachments_of(self.message)

    @property
    def context(self) -> Any:
        """Words and names for people, as JSON, or None. Raises ProofFailed."""
        return context_of(self.message)

    @classmethod
    def of(cls, delivered: Delivered, exchange: Any) -> Answer:
        """The public form of a verified answer; its first part is the body."""
        manifest = delivered.envelope.manifest
        return cls(
            body=delivered.message.parts.data[0],
            type=manifest.parts[0].type,
            signer=manifest.sender,
            custody=delivered.custody,
            id=manifest.id,
            receipt=Receipt.of(delivered.receipt),
            exchange=exchange,
            message=delivered,
        )


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """How an exchange stands, in the bus's words: metadata, not proof.

    `state` is `open`, `answered`, `rejected`, `expired` or `cancelled`; `last_attempt` is news
    about delivering it; `members` is all the bus said.
    """

    state: str
    stuck: bool
    last_attempt: dict[str, Any] | None
    timeline: tuple[dict[str, Any], ...]
    members: dict[str, Any] = field(repr=False)

    @property
    def is_open(self) -> bool:
        """Whether an answer can still come."""
        return self.state == "open"
