"""The keys, certificates and encodings that the published vectors are made with.

A second implementation of the formats, on purpose: nothing here imports ``signing``, so that the
vectors say what the documents say and not what our code happens to do. Everything is derived
from labels, so that making the vectors again gives the same bytes.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

BUS = "sx.example"
BENEFITS = "sx/GOV/1001/benefits"
REGISTRY = "sx/GOV/2002/civil-registry"
TERRITORIES = "sx/GOV/3003/territories"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def seed(label: str) -> bytes:
    """32 bytes that belong to a label."""
    return hashlib.sha256(f"sealway test vectors: {label}".encode()).digest()


def b64u(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64(data: bytes) -> str:
    """Padded base64, as notes and proofs carry it."""
    return base64.b64encode(data).decode()


def compact(value: object) -> bytes:
    """JSON without white space, members in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def prefixed(data: bytes) -> bytes:
    """``u64be n ‖ n bytes``."""
    return len(data).to_bytes(8, "big") + data


def ms(text: str) -> int:
    """Milliseconds since 1970 of a time in UTC."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def ed25519_key(label: str) -> ed25519.Ed25519PrivateKey:
    """The Ed25519 key of a label: its seed is the label's."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed(label))


def es256_key(label: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a label: its secret is the label's seed as a number."""
    return ec.derive_private_key(int.from_bytes(seed(label), "big"), ec.SECP256R1())


def raw_signature(key: Key, data: bytes) -> bytes:
    """The JWS signature; ES256 by RFC 6979, so that it is the same each time."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256(), True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True)
class Holder:
    """A key, its certificate, and whose it is."""

    name: str
    system: str
    key: Key
    serial: int
    not_before: str = "2026-01-01T00:00:00.000Z"
    not_after: str = "2036-01-01T00:00:00.000Z"
    revoked: bool = False

    @property
    def alg(self) -> str:
        return "Ed25519" if isinstance(self.key, ed25519.Ed25519PrivateKey) else "ES256"

    @property
    def der(self) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.system)])
        builder = (
            x509.CertificateBuilder(subject_name=subject, issuer_name=subject)
            .public_key(self.key.public_key())
            .serial_number(self.serial)
            .not_valid_before(datetime.fromisoformat(self.not_before))
            .not_valid_after(datetime.fromisoformat(self.not_after))
        )
        if self.alg == "Ed25519":
            return builder.sign(self.key, None).public_bytes(Encoding.DER)
        signed = builder.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)
        return signed.public_bytes(Encoding.DER)

    @property
    def x5t(self) -> str:
        return b64u(hashlib.sha256(self.der).digest())

    def published(self) -> dict[str, Any]:
        """What keys.json says of this holder."""
        return {
            "name": self.name,
            "system": self.system,
            "alg": self.alg,
            "jwk": _jwk(self.key),
            "certificate": b64u(self.der),
            "x5t": self.x5t,
            "not_before": self.not_before,
            "not_after": self.not_after,
            "revoked": self.revoked,
        }


def _jwk(key: Key) -> dict[str, str]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": b64u(public),
            "d": b64u(key.private_bytes_raw()),
        }
    numbers = key.private_numbers()
    x, y = numbers.public_numbers.x, numbers.public_numbers.y
    texts = {name: b64u(n.to_bytes(32, "big")) for name, n in (("x", x), ("y", y))}
    return {
        "kty": "EC",
        "crv": "P-256",
        **texts,
        "d": b64u(numbers.private_value.to_bytes(32, "big")),
    }


CONSUMER = Holder("benefits", BENEFITS, es256_key("benefits"), 1)
PROVIDER = Holder("civil-registry", REGISTRY, ed25519_key("civil-registry"), 2)
REVOKED = Holder("revoked", TERRITORIES, ed25519_key("territories"), 3, revoked=True)
EXPIRED = Holder(
    "expired",
    BENEFITS,
    ed25519_key("benefits, last year"),
    4,
    "2025-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.000Z",
)
RECORDER = Holder("bus", BUS, es256_key("bus"), 5)
HOLDERS = (CONSUMER, PROVIDER, REVOKED, EXPIRED, RECORDER)


def header(holder: Holder, iat_s: int, typ: str = "sealway-message+jws") -> dict[str, Any]:
    """A protected header, its members in the order we write them."""
    return {"alg": holder.alg, "typ": typ, "x5t#S256": holder.x5t, "iat": iat_s}


def jws(head: Mapping[str, Any] | bytes, payload: bytes, key: Key) -> bytes:
    """A compact JWS over the header and payload given, whatever they say."""
    head_bytes = head if isinstance(head, bytes) else compact(head)
    signing_input = f"{b64u(head_bytes)}.{b64u(payload)}".encode()
    return signing_input + b"." + b64u(raw_signature(key, signing_input)).encode()


def part_key(salt: bytes, name: str) -> bytes:
    """HKDF-Expand-SHA256(salt, "sealway/part/v1" ‖ name, 32), by RFC 5869 section 2.3."""
    return hmac.new(salt, b"sealway/part/v1" + name.encode() + b"\x01", "sha256").digest()


def commit(salt: bytes, name: str, data: bytes) -> str:
    """A part's commitment."""
    return b64u(hmac.new(part_key(salt, name), data, "sha256").digest())


def frame(envelope: bytes, salt: bytes, parts: list[bytes]) -> bytes:
    """The frame of a message."""
    return b"".join(map(prefixed, (envelope, salt, *parts)))
