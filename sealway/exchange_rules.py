"""What makes a delivery, an answer or a question acceptable. Pure: bytes and keys in, types out.

Owns the comparisons; refuses to fetch. Invariant: a `Delivered` is proven in every respect (its
signature, its sender's certificate, its parts, its place in the log), whoever handed it over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sealway.errors import ProofFailed
from sealway.trust import ProvenCertificate
from signing.encoding import b64url_encode
from signing.envelope import (
    VerifiedEnvelope,
    check_in_force,
    decode_envelope,
    verify_envelope,
)
from signing.errors import JsonInvalid, SealwayError
from signing.keys import Thumbprint
from signing.log.merkle import leaf_hash
from signing.log.note import NoteVerifier
from signing.manifest import ANSWERS, parse_manifest
from signing.message import Message, Parts, check_parts, parse_delivery, parse_frame
from signing.receipts import VerifiedReceipt, parse_receipt, verify_message_receipt, verify_receipt
from signing.strict_json import parse_json

JSON_BYTES_MAX: Final = 10 * 1024 * 1024  # a JSON part's limit on the wire
JSON_DEPTH_MAX: Final = 64
CONTEXT: Final = "context"
"""The part that carries words for a person; a rejection's text is in it."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery form taken apart. Nothing in it is known to be true yet."""

    receipt: str
    envelope: bytes
    parts: Parts
    x5t: Thumbprint
    origin: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message with the proof that the bus took it; all of it verified."""

    message: Message
    receipt: VerifiedReceipt
    custody: str

    @property
    def envelope(self) -> VerifiedEnvelope:
        """The message's envelope."""
        return self.message.envelope

    def part(self, name: str) -> bytes | None:
        """The bytes of the part called `name`, or None."""
        for spec, data in zip(self.envelope.manifest.parts, self.message.parts.data, strict=True):
            if spec.name == name:
                return data
        return None


def open_delivery(data: bytes) -> Arrived:
    """Take a delivery form apart and say which certificate and which log it names.

    Raises:
        ProofFailed: malformed.
    """
    try:
        receipt, frame = parse_delivery(data)
        envelope, parts = parse_frame(frame)
        x5t = decode_envelope(envelope).x5t
        origin = parse_receipt(receipt).origin
    except SealwayError as error:
        raise ProofFailed(f"The delivery is malformed: {error.detail}") from error
    return Arrived(receipt, envelope, parts, x5t, origin)


def check_signed(
    raw: bytes, parts: Parts, certificate: ProvenCertificate, bus: str
) -> VerifiedEnvelope:
    """What a system signed, with the parts it committed to; not yet that the bus took it.

    Raises:
        ProofFailed: another signer than the sender named, another bus, other parts.
    """
    try:
        envelope = verify_envelope(raw, certificate)
        check_parts(envelope.manifest, parts)
    except SealwayError as error:
        raise ProofFailed(f"The message is not proven: {error.detail}") from error
    if envelope.manifest.bus != bus:
        raise ProofFailed("The message was signed for another bus.")
    if envelope.manifest.sender != envelope.certificate.system:
        raise ProofFailed("The message was signed by another system than the one it names.")
    return envelope


def check_delivery(
    arrived: Arrived, certificate: ProvenCertificate, log_key: NoteVerifier, bus: str
) -> Delivered:
    """Everything that can be said about a delivery without knowing what was asked.

    The certificate must have been in force at the time in the leaf, and not revoked at the
    directory version the leaf names; both are what the bus committed to when it accepted.

    Raises:
        ProofFailed: any of it does not hold.
    """
    envelope = check_signed(arrived.envelope, arrived.parts, certificate, bus)
    try:
        receipt = verify_message_receipt(arrived.receipt, envelope, log_key)
        check_in_force(envelope.certificate, receipt.leaf.ts_ms)
    except SealwayError as error:
        raise ProofFailed(f"The delivery is not proven: {error.detail}") from error
    since = certificate.revoked_at_version
    if since is not None and receipt.leaf.reg >= since:
        raise ProofFailed("The message was signed under a certificate revoked before.")
    return Delivered(Message(envelope, arrived.parts), receipt, certificate.custody)


def check_answer(delivered: Delivered, question: VerifiedEnvelope) -> Delivered:
    """Return `delivered` when it answers exactly this question.

    Raises:
        ProofFailed: another kind, question, party, service or flag.
    """
    said, asked = delivered.envelope.manifest, question.manifest
    if said.kind not in ANSWERS or said.about is None:
        raise ProofFailed("What came is not an answer.")
    if (said.about.id, said.about.digest) != (asked.id, question.digest):
        raise ProofFailed("What came answers another question.")
    if (said.sender, said.to) != (asked.to, asked.sender):
        raise ProofFailed("What came is from or to somebody else.")
    if (said.service, said.test) != (asked.service, asked.test):
        raise ProofFailed("What came is of another service, or mixes test and real.")
    return delivered


def check_request(delivered: Delivered, system: str) -> Delivered:
    """Return `delivered` when it is a request to `system`.

    Raises:
        ProofFailed: another kind or recipient.
    """
    manifest = delivered.envelope.manifest
    if manifest.kind != "request" or manifest.to != system:
        raise ProofFailed("The mailbox held something that is no request to this system.")
    return delivered


def check_receipt(text: str, message: VerifiedEnvelope, log_key: NoteVerifier) -> VerifiedReceipt:
    """The receipt of a message of our own.

    Raises:
        ProofFailed: it is not this message's, or not proven.
    """
    try:
        return verify_message_receipt(text, message, log_key)
    except SealwayError as error:
        raise ProofFailed(f"The receipt does not hold: {error.detail}") from error


def refusal_of(item: Any) -> tuple[str, str, bytes]:
    """Code, receipt and envelope of one refusal in the bus's reply. Raises ProofFailed."""
    try:
        return str(item["code"]), str(item["receipt"]), str(item["envelope"]).encode("ascii")
    except (KeyError, TypeError, UnicodeEncodeError) as error:
        raise ProofFailed("A refusal in the bus's reply lacks what it needs.") from error


def check_refusal(
    text: str, envelope: bytes, system: str, message_id: str, log_key: NoteVerifier
) -> VerifiedReceipt:
    """The receipt of a refusal of what this system sent under this id.

    Raises:
        ProofFailed: it is of other bytes, another sender, no refusal, or not proven.
    """
    try:
        verified = verify_receipt(text, envelope, log_key)
        manifest = parse_manifest(decode_envelope(envelope).payload)
    except SealwayError as error:
        raise ProofFailed(f"The refusal does not hold: {error.detail}") from error
    if (verified.leaf.k, verified.leaf.sender) != ("refusal", system):
        raise ProofFailed("In the log it is no refusal of ours.")
    if manifest.id != message_id:
        raise ProofFailed("The refusal is of another message.")
    return verified


def check_pairing(answer: VerifiedReceipt, question: VerifiedReceipt) -> None:
    """Return when the answer's leaf refers to the question's.

    Raises:
        ProofFailed: it refers to another leaf.
    """
    if answer.leaf.ref != b64url_encode(leaf_hash(question.leaf.raw)):
        raise ProofFailed("In the log, the answer refers to another question.")


def receipt_origin(text: str) -> str:
    """The log a receipt claims to be from. Raises ProofFailed."""
    try:
        return parse_receipt(text).origin
    except SealwayError as error:
        raise ProofFailed(f"The receipt is malformed: {error.detail}") from error


def rejection_text(delivered: Delivered) -> str:
    """The words of a rejection; empty when it has none or they are not as agreed."""
    context = delivered.part(CONTEXT)
    if context is None:
        return ""
    try:
        members = parse_json(context, depth_max=JSON_DEPTH_MAX, bytes_max=JSON_BYTES_MAX)
    except JsonInvalid:
        return ""
    text = members.get("text") if isinstance(members, dict) else None
    return text if isinstance(text, str) else ""


def encode_json(value: Any) -> bytes:
    """The bytes of a JSON part: compact, UTF-8.

    Raises:
        TypeError, ValueError: not JSON (NaN among it).
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode_json(data: bytes) -> Any:
    """The value of a JSON part, read strictly.

    Raises:
        ProofFailed: not strict JSON, so that two readers could read two documents.
    """
    try:
        return parse_json(data, depth_max=JSON_DEPTH_MAX, bytes_max=JSON_BYTES_MAX)
    except JsonInvalid as error:
        raise ProofFailed(f"The content is not strict JSON: {error.detail}") from error
