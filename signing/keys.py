"""Keys: what signs, what verifies, and who a certificate belongs to.

Owns the two algorithms offered today, ES256 (RFC 7518 section 3.4) and Ed25519 (RFC 8037), behind
the Protocols ``Signer`` and ``Verifier``, so that an HSM or another algorithm is one more class.
Refuses to hold state: a ``KeyResolver`` (the directory) says which certificate is whose.
"""

from dataclasses import dataclass
from typing import NewType, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from signing.errors import AlgorithmNotAllowed, SignatureInvalid
from signing.identifiers import SystemId

Thumbprint = NewType("Thumbprint", str)
"""``x5t#S256``: base64url SHA-256 of a certificate's DER bytes, 43 characters."""

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

ES256 = "ES256"
ED25519 = "Ed25519"
ALGORITHMS = (ES256, ED25519)

HEADER_NAMES = {ES256: ES256, ED25519: ED25519, "EdDSA": ED25519}
"""What may stand in a header's ``alg`` → the algorithm meant. ``EdDSA`` is Ed25519's older name."""

_ECDSA = ec.ECDSA(hashes.SHA256())
_P256_BYTES = 32


class Signer(Protocol):
    """Holds one key and signs with it."""

    @property
    def alg(self) -> str:
        """The algorithm, as it stands in a header."""

    @property
    def x5t(self) -> Thumbprint:
        """The thumbprint of the certificate that belongs to the key."""

    def sign(self, data: bytes) -> bytes:
        """The JWS signature over ``data`` (raw ``r ‖ s`` for ES256)."""


class Verifier(Protocol):
    """Holds one public key and checks with it."""

    @property
    def alg(self) -> str:
        """The one algorithm that belongs to this key."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return when ``signature`` is over ``data``. Raises SignatureInvalid."""


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A certificate the directory holds: whose it is, and what it verifies."""

    x5t: Thumbprint
    system: SystemId
    verifier: Verifier
    not_before_ms: int
    not_after_ms: int
    revoked: bool = False


class KeyResolver(Protocol):
    """Answers whose key a thumbprint names."""

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        """The certificate of that thumbprint, whatever its state. Raises CertificateUnknown."""


class Es256Verifier:
    """ECDSA on P-256 with SHA-256; high-S signatures are accepted (the digest is identity)."""

    __slots__ = ("_key",)
    alg = ES256

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a raw ``r ‖ s`` signature. Raises SignatureInvalid."""
        if len(signature) != 2 * _P256_BYTES:
            raise SignatureInvalid("An ES256 signature has 64 bytes.")
        r = int.from_bytes(signature[:_P256_BYTES], "big")
        s = int.from_bytes(signature[_P256_BYTES:], "big")
        try:
            self._key.verify(encode_dss_signature(r, s), data, _ECDSA)
        except InvalidSignature as error:
            raise SignatureInvalid("The signature does not match the envelope.") from error


class Ed25519Verifier:
    """Ed25519 (RFC 8032), the pure form."""

    __slots__ = ("_key",)
    alg = ED25519

    def __init__(self, key: ed25519.Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a 64-byte signature. Raises SignatureInvalid."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature as error:
            raise SignatureInvalid("The signature does not match the envelope.") from error


def verifier_of(key: object) -> Verifier:
    """The verifier for a public key.

    Raises:
        AlgorithmNotAllowed: neither P-256 nor Ed25519.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Ed25519Verifier(key)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return Es256Verifier(key)
    raise AlgorithmNotAllowed("Only P-256 (ES256) and Ed25519 keys are accepted here.")


class LocalSigner:
    """A private key in memory; an HSM would be another ``Signer``."""

    __slots__ = ("_key", "alg", "x5t")

    def __init__(self, key: PrivateKey, x5t: Thumbprint) -> None:
        self._key = key
        self.alg = algorithm_of(key)
        self.x5t = x5t

    def __repr__(self) -> str:
        return f"LocalSigner(alg={self.alg!r}, x5t={self.x5t!r})"

    def sign(self, data: bytes) -> bytes:
        """The JWS signature over ``data``."""
        return sign_raw(self._key, data)


def sign_raw(key: PrivateKey, data: bytes) -> bytes:
    """Sign with a key that has no certificate (a log's), in JWS form."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def algorithm_of(key: PrivateKey) -> str:
    """The algorithm that belongs to a private key. Raises AlgorithmNotAllowed."""
    return verifier_of(key.public_key()).alg


def generate_key(alg: str = ES256) -> PrivateKey:
    """A fresh key. Raises AlgorithmNotAllowed."""
    if alg == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if alg == ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    raise AlgorithmNotAllowed(f"Keys are made for {' or '.join(ALGORITHMS)}.")


def private_key_pem(key: PrivateKey) -> bytes:
    """PKCS#8 in PEM, not encrypted: write it to a file that only its owner reads."""
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_private_key(pem: bytes) -> PrivateKey:
    """Read a PEM private key (PKCS#8 or SEC1, not encrypted).

    Raises:
        AlgorithmNotAllowed: not a PEM key, encrypted, or neither P-256 nor Ed25519.
    """
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AlgorithmNotAllowed("Expected an unencrypted private key in PEM.") from error
    verifier_of(key.public_key())
    assert isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    return key
