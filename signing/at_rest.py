"""How envelopes and content are stored: encrypted under keys of their own (log.md, *At rest*).

Owns the bytes. Envelope = AES-256-GCM(envelope key, nonce 0, AAD "sealway/envelope/v1" ‖ id).
Content = salt ‖ parts in chunks of 1 MiB, nonce = chunk number, AAD "sealway/content/v1" ‖ id ‖
last?. A wrapped key = u32be epoch ‖ AES-KW (RFC 3394). The leaf salt is wrapped under the
envelope's key, so that erasing the one erases the other. Each key seals one thing, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from signing.errors import SigningError
from signing.message import SALT_BYTES, Parts
from signing.randomness import random_bytes
from signing.values import value_type

KEY_BYTES = 32
CHUNK_BYTES = 1_048_576

_ENVELOPE_AAD = b"sealway/envelope/v1"
_CONTENT_AAD = b"sealway/content/v1"
_TAG_BYTES = 16
_NONCE_0 = bytes(12)


class StoredInvalid(SigningError):
    """Stored bytes that don't open: altered, or under another key."""

    code = "internal"


class EpochUnknown(StoredInvalid):
    """A wrapped key of an epoch whose key we don't hold."""


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The epoch keys in hand, and the one that wraps new keys."""

    current: int
    keys: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"EpochKeys(current={self.current}, epochs={sorted(self.keys)})"

    def wrap(self, key: bytes) -> bytes:
        """``u32be epoch ‖ AES-KW`` of a key, under the current epoch."""
        return self.current.to_bytes(4, "big") + aes_key_wrap(self.keys[self.current], key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside. Raises EpochUnknown, StoredInvalid."""
        epoch = int.from_bytes(wrapped[:4], "big")
        if epoch not in self.keys:
            raise EpochUnknown("The key of this message's epoch is not at hand.", epoch=epoch)
        return _unwrap(self.keys[epoch], wrapped[4:])


def _unwrap(key: bytes, wrapped: bytes) -> bytes:
    try:
        return aes_key_unwrap(key, wrapped)
    except InvalidUnwrap as error:
        raise StoredInvalid("A stored key does not unwrap: it was altered.") from error


@value_type
class SealedEnvelope:
    """An envelope (or record) as stored, with its leaf salt."""

    data: bytes
    key: bytes
    leaf_salt: bytes


def seal_envelope(
    envelope: bytes, context: bytes, leaf_salt: bytes, epochs: EpochKeys
) -> SealedEnvelope:
    """Encrypt an envelope under a fresh key; ``context`` is the id's 16 bytes."""
    key = random_bytes(KEY_BYTES)
    data = AESGCM(key).encrypt(_NONCE_0, envelope, _ENVELOPE_AAD + context)
    return SealedEnvelope(data, epochs.wrap(key), aes_key_wrap(key, leaf_salt))


def open_envelope(sealed: SealedEnvelope, context: bytes, epochs: EpochKeys) -> tuple[bytes, bytes]:
    """The envelope's bytes and its leaf salt. Raises EpochUnknown, StoredInvalid."""
    key = epochs.unwrap(sealed.key)
    try:
        data = AESGCM(key).decrypt(_NONCE_0, sealed.data, _ENVELOPE_AAD + context)
    except InvalidTag as error:
        raise StoredInvalid("A stored envelope does not open: it was altered.") from error
    return data, _unwrap(key, sealed.leaf_salt)


@value_type
class SealedContent:
    """Content as stored: chunks with their tags, one after the other, and the wrapped key."""

    data: bytes
    key: bytes


def seal_content(parts: Parts, context: bytes, epochs: EpochKeys) -> SealedContent:
    """Encrypt salt and parts under a fresh key; ``context`` is the id's 16 bytes."""
    key = random_bytes(KEY_BYTES)
    plain = b"".join((parts.salt, *parts.data))
    cipher, aad = AESGCM(key), _CONTENT_AAD + context
    last = (len(plain) - 1) // CHUNK_BYTES
    chunks = [
        cipher.encrypt(
            number.to_bytes(12, "big"),
            plain[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES],
            aad + (b"\x01" if number == last else b"\x00"),
        )
        for number in range(last + 1)
    ]
    return SealedContent(b"".join(chunks), epochs.wrap(key))


def open_content(
    sealed: SealedContent, sizes: Sequence[int], context: bytes, epochs: EpochKeys
) -> Parts:
    """Salt and parts again; ``sizes`` are the manifest's. Raises EpochUnknown, StoredInvalid."""
    cipher, aad = AESGCM(epochs.unwrap(sealed.key)), _CONTENT_AAD + context
    step = CHUNK_BYTES + _TAG_BYTES
    last = (len(sealed.data) - 1) // step
    plain = bytearray()
    try:
        for number in range(last + 1):
            chunk = sealed.data[number * step : (number + 1) * step]
            mark = b"\x01" if number == last else b"\x00"
            plain += cipher.decrypt(number.to_bytes(12, "big"), chunk, aad + mark)
    except InvalidTag as error:
        raise StoredInvalid("Stored content does not open: it was altered.") from error
    if len(plain) != SALT_BYTES + sum(sizes):
        raise StoredInvalid("Stored content is not as long as its manifest says.")
    return _split(bytes(plain), sizes)


def _split(plain: bytes, sizes: Sequence[int]) -> Parts:
    at, parts = SALT_BYTES, []
    for size in sizes:
        parts.append(plain[at : at + size])
        at += size
    return Parts(plain[:SALT_BYTES], tuple(parts))
