"""Parts, their salted commitments, and the two byte forms of a message (wire.md).

Frame: ``u64be n ‖ n bytes`` for the envelope, for the salt (n = 32) and for each part. Delivery
form: ``u64be n ‖ receipt``, then the frame. The same parser over HTTP, in push, in leases, on Kafka
and in bundles. Nothing may follow.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signing.encoding import b64url_encode, hmac_sha256
from signing.envelope import VerifiedEnvelope
from signing.errors import CommitmentMismatch, FrameMalformed, PartMissing
from signing.jws import ENVELOPE_BYTES_MAX
from signing.manifest import PARTS_MAX, Manifest, PartSpec
from signing.randomness import random_bytes
from signing.values import value_type

FRAME_TYPE: Final = "application/vnd.sealway.message"
DELIVERY_TYPE: Final = "application/vnd.sealway.delivery"
RECEIPT_TYPE: Final = "text/vnd.sealway.receipt"

SALT_BYTES: Final = 32
RECEIPT_BYTES_MAX: Final = 16_384  # 64 proof lines, a note and its cosignatures fit in a quarter

_PART_INFO: Final = b"sealway/part/v1"
_LENGTH_BYTES: Final = 8


@value_type
class Parts:
    """The bytes beside an envelope: the sender's salt and each part, in manifest order."""

    salt: bytes
    data: tuple[bytes, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all parts together."""
        return sum(map(len, self.data))

    def __repr__(self) -> str:
        return f"Parts({len(self.data)} parts, {self.size_bytes} bytes)"


@dataclass(frozen=True, slots=True)
class Message:
    """A verified envelope with parts that match it."""

    envelope: VerifiedEnvelope
    parts: Parts


def new_salt() -> bytes:
    """A sender's salt for one message."""
    return random_bytes(SALT_BYTES)


def part_key(salt: bytes, name: str) -> bytes:
    """HKDF-Expand-SHA256(salt, "sealway/part/v1" ‖ name, 32): disclosable one by one.

    With L = 32 the expansion is its first block, HMAC(salt, info ‖ 0x01) (RFC 5869 section 2.3).
    """
    return hmac_sha256(salt, _PART_INFO + name.encode("ascii") + b"\x01")


def part_commitment(salt: bytes, name: str, data: bytes) -> str:
    """The commitment to a part's bytes: base64url HMAC-SHA-256 under its part key."""
    return b64url_encode(hmac_sha256(part_key(salt, name), data))


def check_parts(manifest: Manifest, parts: Parts) -> Parts:
    """Return ``parts`` when they are exactly what the manifest promises.

    Raises:
        PartMissing: another number of parts.
        CommitmentMismatch: another size or other bytes, or a salt that has not 32 bytes.
    """
    if len(parts.salt) != SALT_BYTES:
        # HMAC pads its key with zeros: a salt cut short of them would commit to the same.
        raise CommitmentMismatch(f"The salt must have {SALT_BYTES} bytes.")
    specs = manifest.parts
    if len(specs) != len(parts.data):
        raise PartMissing(
            f"Parts that the manifest names: {len(specs)}; arrived with it: {len(parts.data)}."
        )
    for spec, data in zip(specs, parts.data, strict=True):
        _check_part(spec, parts.salt, data)
    return parts


def _check_part(spec: PartSpec, salt: bytes, data: bytes) -> None:
    if len(data) != spec.size:
        raise CommitmentMismatch(
            f"Part '{spec.name}' arrived with {len(data)} bytes; the manifest promises {spec.size}."
        )
    if not hmac.compare_digest(part_commitment(salt, spec.name, data), spec.commit):
        raise CommitmentMismatch(
            f"Part '{spec.name}' is not the bytes (or the salt) that the manifest commits to."
        )


def encode_frame(envelope: bytes, parts: Parts) -> bytes:
    """The frame of one message."""
    pieces = [_prefixed(envelope), _prefixed(parts.salt)]
    pieces.extend(map(_prefixed, parts.data))
    return b"".join(pieces)


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def frame_size(envelope_bytes: int, part_sizes: Sequence[int]) -> int:
    """Bytes of a frame before it is made."""
    lengths = _LENGTH_BYTES * (2 + len(part_sizes))
    return lengths + envelope_bytes + SALT_BYTES + sum(part_sizes)


def parse_frame_head(data: bytes) -> tuple[bytes, int]:
    """The envelope at the start of a frame, and where the rest begins.

    ``data`` may be the beginning only; it must hold the whole envelope.

    Raises:
        FrameMalformed: too short, or an envelope beyond its limit.
    """
    return _take(data, 0, ENVELOPE_BYTES_MAX, "envelope")


def parse_frame(data: bytes) -> tuple[bytes, Parts]:
    """The envelope's bytes and the parts of a frame, nothing checked but lengths.

    Raises:
        FrameMalformed: lengths that don't add up, more than 32 parts, bytes after the last part.
    """
    envelope, at = parse_frame_head(data)
    salt, at = _take(data, at, SALT_BYTES, "salt")
    if len(salt) != SALT_BYTES:
        raise FrameMalformed(f"The frame's salt must have {SALT_BYTES} bytes.")
    parts: list[bytes] = []
    while at < len(data):
        if len(parts) == PARTS_MAX:
            raise FrameMalformed(f"A frame has at most {PARTS_MAX} parts.")
        part, at = _take(data, at, len(data), f"part {len(parts)}")
        parts.append(part)
    return envelope, Parts(salt, tuple(parts))


def encode_delivery(receipt: str, frame: bytes) -> bytes:
    """The delivery form: what the bus hands over, with the proof that it took it."""
    return _prefixed(receipt.encode("utf-8")) + frame


def parse_delivery(data: bytes) -> tuple[str, bytes]:
    """The receipt's text and the frame of a delivery form.

    Raises:
        FrameMalformed: lengths that don't add up, or a receipt that is not UTF-8.
    """
    receipt, at = _take(data, 0, RECEIPT_BYTES_MAX, "receipt")
    try:
        return receipt.decode("utf-8"), data[at:]
    except UnicodeDecodeError as error:
        raise FrameMalformed("The receipt is not UTF-8.") from error


def _take(data: bytes, at: int, size_max: int, what: str) -> tuple[bytes, int]:
    head = data[at : at + _LENGTH_BYTES]
    if len(head) != _LENGTH_BYTES:
        raise FrameMalformed(f"The frame ends before the length of its {what}.")
    size = int.from_bytes(head, "big")
    start = at + _LENGTH_BYTES
    if size > size_max:
        raise FrameMalformed(f"The frame's {what} says {size} bytes; at most {size_max}.")
    if start + size > len(data):
        raise FrameMalformed(f"The frame ends inside its {what}.")
    return data[start : start + size], start + size
