"""Composing a message: commit to its parts, write its manifest, seal it.

Used by whoever signs: the SDK, the deliverer under a hosted key, the agent. Pure but for the
random salt and id.
"""

from collections.abc import Sequence
from dataclasses import replace

from signing.envelope import VerifiedEnvelope, decode_envelope, message_digest, seal
from signing.identifiers import Code, Fingerprint, MessageId, SystemId, new_message_id
from signing.jws import verify_jws
from signing.keys import KeyResolver, Signer
from signing.manifest import About, Digest, Kind, Manifest, PartSpec, encode_manifest
from signing.message import Parts, encode_frame, new_salt, part_commitment
from signing.values import value_type


@value_type
class PartIn:
    """A part before it is committed to."""

    data: bytes
    name: str = "body"
    type: str = "application/json"
    schema: Fingerprint | None = None


@value_type
class Composed:
    """A sealed message, ready to send, and to send again: keep it and never compose it twice."""

    envelope: bytes
    parts: Parts
    manifest: Manifest
    digest: Digest

    @property
    def frame(self) -> bytes:
        """The message's frame."""
        return encode_frame(self.envelope, self.parts)


def compose(
    draft: Manifest, parts: Sequence[PartIn], signer: Signer, salt: bytes | None = None
) -> Composed:
    """Seal ``draft`` over ``parts``; the draft's own ``parts`` are replaced."""
    salt = salt or new_salt()
    manifest = replace(draft, parts=tuple(_spec(part, salt) for part in parts))
    payload = encode_manifest(manifest)
    envelope = seal(payload, signer, manifest.created_ms // 1000)
    data = tuple(part.data for part in parts)
    return Composed(envelope, Parts(salt, data), manifest, message_digest(payload))


def verify_composed(composed: Composed, resolver: KeyResolver) -> VerifiedEnvelope:
    """What we have just sealed, its signature checked like anybody's; nothing is parsed again.

    Raises:
        CertificateUnknown, AlgorithmNotAllowed, SignatureInvalid: the key and its certificate
            don't belong together, or the certificate isn't registered.
    """
    envelope = decode_envelope(composed.envelope)
    certificate = verify_jws(envelope, resolver)
    return VerifiedEnvelope(
        composed.envelope, composed.manifest, composed.digest, certificate, envelope.iat_s
    )


def _spec(part: PartIn, salt: bytes) -> PartSpec:
    commit = part_commitment(salt, part.name, part.data)
    return PartSpec(part.name, part.type, len(part.data), commit, part.schema)


def answer_draft(
    request: Manifest,
    request_digest: Digest,
    kind: Kind,
    now_ms: int,
    reason: Code | None = None,
    message_id: MessageId | None = None,
) -> Manifest:
    """The manifest of an answer to ``request``: parties mirrored, bound by id and digest."""
    assert request.to is not None, "only a request is answered"
    return Manifest(
        bus=request.bus,
        id=message_id or new_message_id(now_ms),
        kind=kind,
        sender=SystemId(request.to),
        to=request.sender,
        service=request.service,
        created_ms=now_ms,
        parts=(),
        about=About(request.id, request_digest),
        reason=reason,
        transaction=request.transaction,
        test=request.test,
    )
