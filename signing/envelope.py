"""A message's envelope: from bytes, to decoded, to verified.

Two types for one thing: ``Envelope`` has been taken apart, ``VerifiedEnvelope`` is known to be
what the holder of that certificate signed. Only the second is passed on.
"""

from signing.encoding import b64url_encode, sha256
from signing.errors import CertificateExpired, CertificateRevoked
from signing.jws import MESSAGE, Envelope, decode_jws, sign_jws, verify_jws
from signing.keys import KeyResolver, KnownCertificate, Signer
from signing.manifest import Digest, Manifest, parse_manifest
from signing.values import value_type


@value_type
class VerifiedEnvelope:
    """An envelope whose signature holds under ``certificate``; the manifest is well-formed.

    ``digest`` is the identity of what was said: SHA-256 of the manifest's bytes as signed.
    """

    raw: bytes
    manifest: Manifest
    digest: Digest
    certificate: KnownCertificate
    iat_s: int


def decode_envelope(raw: bytes) -> Envelope:
    """Take a message's envelope apart. Raises EnvelopeMalformed, AlgorithmNotAllowed."""
    return decode_jws(raw, MESSAGE)


def message_digest(payload: bytes) -> Digest:
    """The message digest of a manifest's bytes, 43 characters."""
    return Digest(b64url_encode(sha256(payload)))


def verify_envelope(raw: bytes, resolver: KeyResolver) -> VerifiedEnvelope:
    """Decode strictly, then check the signature.

    That ``from`` is the certificate's system, and that the certificate is in force, are asked
    after this (``check_in_force``), in the order that wire.md lists.

    Raises:
        EnvelopeMalformed, ManifestInvalid, UnsupportedVersion, MessageIdInvalid: bad bytes.
        CertificateUnknown, AlgorithmNotAllowed, SignatureInvalid: not provably anybody's.
    """
    envelope = decode_envelope(raw)
    manifest = parse_manifest(envelope.payload)
    certificate = verify_jws(envelope, resolver)
    digest = message_digest(envelope.payload)
    return VerifiedEnvelope(raw, manifest, digest, certificate, envelope.iat_s)


def check_in_force(certificate: KnownCertificate, now_ms: int) -> None:
    """Return when the certificate may sign at ``now_ms``.

    Raises:
        CertificateRevoked: it was revoked.
        CertificateExpired: ``now_ms`` is outside its validity.
    """
    if certificate.revoked:
        raise CertificateRevoked("The certificate was revoked; sign with one that is in force.")
    if not certificate.not_before_ms <= now_ms <= certificate.not_after_ms:
        raise CertificateExpired("The certificate is outside its validity; renew it.")


def seal(payload: bytes, signer: Signer, iat_s: int) -> bytes:
    """Sign a manifest's bytes as a message's envelope."""
    return sign_jws(payload, signer, MESSAGE, iat_s)
