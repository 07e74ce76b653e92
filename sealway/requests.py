"""What a handler gets and what it may return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sealway.answers import Receipt
from sealway.exchange_rules import Delivered, decode_json, encode_json
from sealway.parts import Attachment, Response, attachments_of, context_of, parts_in
from signing.compose import PartIn
from signing.identifiers import parse_code

TEXT_CHARS_MAX: Final = 4000  # a person reads it; longer things are answers


@dataclass(frozen=True, slots=True)
class Reject:
    """The provider's no: a code (`access-denied`, `no-data`, `unknown-request`, `failure`, or
    another of the registry) and words for a person, at most 4,000 characters.
    """

    code: str
    text: str = ""

    def __post_init__(self) -> None:
        parse_code(self.code)
        if len(self.text) > TEXT_CHARS_MAX:
            raise ValueError(f"A rejection's text has at most {TEXT_CHARS_MAX} characters.")


@dataclass(frozen=True, slots=True)
class Request:
    """A verified question: its arrival with a receipt proves that signature, standing, grant and
    schema were checked. `attempt` counts from 1; above it, the question was handed over before.
    """

    id: str
    sender: str
    service: str
    purpose: str | None
    test: bool
    attempt: int
    body: bytes = field(repr=False)
    type: str
    receipt: Receipt
    transaction: str | None
    message: Delivered = field(repr=False)
    traceparent: str | None = None
    """The W3C trace context that the consumer signed; for your own calls and log."""
    tell: Callable[[str], None] | None = field(default=None, repr=False, compare=False)
    """How an interim is sent, where the question came from a mailbox."""

    def interim(self, status: str) -> None:
        """Tell the consumer how it is going, as a code such as `in-progress`; signed and logged.

        Changes nothing: the answer is still to come. Send one when there is news, not on a timer.

        Raises:
            IdentifierInvalid: not a code.
            Refused: the exchange is over (`exchange-cancelled`, `answer-late`): stop working.
            BusUnavailable: not reached; going on without it is safe.
        """
        if self.tell is None:
            raise ValueError("An interim can be sent only while a question is being answered.")
        self.tell(parse_code(status))

    @property
    def json(self) -> Any:
        """The body as JSON, read strictly.

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
    def of(
        cls, delivered: Delivered, attempt: int, tell: Callable[[str], None] | None = None
    ) -> Request:
        """The public form of a verified request; its first part is the body."""
        manifest = delivered.envelope.manifest
        return cls(
            id=manifest.id,
            sender=manifest.sender,
            service=str(manifest.service),
            purpose=manifest.purpose,
            test=manifest.test,
            attempt=attempt,
            body=delivered.message.parts.data[0],
            type=manifest.parts[0].type,
            receipt=Receipt.of(delivered.receipt),
            transaction=manifest.transaction,
            message=delivered,
            traceparent=manifest.traceparent,
            tell=tell,
        )


Handler = Callable[[Request], Any]


def parts_of(said: Any) -> list[PartIn]:
    """The parts that a handler's result becomes, the body first.

    Raises:
        TypeError, ValueError: not something that can be sent.
    """
    if isinstance(said, Response):
        return parts_in(said.content, said.media_type, said.attachments, said.context)
    return [part_of(said)]


def part_of(said: Any) -> PartIn:
    """The part that a handler's result becomes.

    Raises:
        TypeError, ValueError: not something that can be sent.
    """
    if isinstance(said, bytes | bytearray):
        return PartIn(bytes(said))
    if isinstance(said, dict | list | tuple):
        return PartIn(encode_json(said))
    body, media_type = getattr(said, "body", None), getattr(said, "type", None)
    if isinstance(body, bytes) and isinstance(media_type, str):
        return PartIn(body, type=media_type)
    raise TypeError(
        "A handler returns a dict, a list, bytes, a Reject, a Response, or has body and type."
    )
