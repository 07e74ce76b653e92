"""The root of every deliberate error, and the branch for what signing refuses.

    SealwayError
    └── SigningError
        ├── EnvelopeMalformed      ├── SignatureInvalid      ├── PartMissing
        ├── ManifestInvalid        ├── CertificateUnknown    ├── CommitmentMismatch
        ├── UnsupportedVersion     ├── CertificateExpired    ├── TokenInvalid
        ├── MessageIdInvalid       ├── CertificateRevoked    └── ProofInvalid
        └── FrameMalformed         └── AlgorithmNotAllowed

Owns no HTTP: a status belongs to the problem table in ``exchange/api``. A programming error is a
failed assertion, never one of these.
"""

from typing import ClassVar


class SealwayError(Exception):
    """Something we refuse on purpose.

    ``code`` is stable and documented. ``detail`` is one sentence that is safe to show to a
    stranger. ``context`` is for our own logs and never leaves the process.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, **context: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.context = context


class SigningError(SealwayError):
    """What the signing package refuses."""

    code = "envelope-malformed"


class EncodingInvalid(SigningError):
    """Text that is not the one encoding we accept for its bytes."""


class JsonInvalid(SigningError):
    """Bytes that are not strict JSON (RFC 8259 narrowed as the wire page says)."""


class IdentifierInvalid(SigningError):
    """A name that is outside its grammar."""

    code = "manifest-invalid"


class EnvelopeMalformed(SigningError):
    """Not a compact JWS of ours: alphabet, header, length or ``typ``."""


class FrameMalformed(SigningError):
    """A frame or delivery form whose lengths don't add up."""


class ManifestInvalid(SigningError):
    """A manifest with a missing, unknown or ill-formed member."""

    code = "manifest-invalid"


class UnsupportedVersion(SigningError):
    """A manifest of a later ``v``, or a critical extension we don't know."""

    code = "unsupported-version"


class MessageIdInvalid(SigningError):
    """An id that is not a lower-case UUIDv7."""

    code = "message-id-invalid"


class CommitmentMismatch(SigningError):
    """A part whose bytes are not those the manifest promised."""

    code = "commitment-mismatch"


class PartMissing(SigningError):
    """Fewer or more parts than the manifest names."""

    code = "part-missing"


class SignatureInvalid(SigningError):
    """The signature does not belong to these bytes and this key."""

    code = "signature-invalid"


class CertificateUnknown(SigningError):
    """A fingerprint that the directory does not hold."""

    code = "certificate-unknown"


class CertificateExpired(SigningError):
    """A certificate outside its validity."""

    code = "certificate-expired"


class CertificateRevoked(SigningError):
    """A certificate that was revoked."""

    code = "certificate-revoked"


class AlgorithmNotAllowed(SigningError):
    """An algorithm that is not the key's own, or that policy does not allow."""

    code = "algorithm-not-allowed"


class TokenInvalid(SigningError):
    """A bearer token that is malformed, expired, or for another call."""

    code = "token-invalid"


class ProofInvalid(SigningError):
    """A receipt, note, checkpoint or inclusion proof that does not hold."""

    code = "proof-invalid"
