"""A stream that only one recipient can open: for what leaves the bus and lies about (log.md).

Owns the bytes. ``"sealway/sealed/v1\\n" ‖ HPKE(recipient, 32-byte key) ‖ chunks``. HPKE is RFC 9180
in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, info ``sealway/sealed/v1``, 80
bytes. Chunks are AES-256-GCM under that key over 1 MiB each, nonce = 12-byte big-endian chunk
number, AAD = ``sealway/sealed/v1 ‖ u8 last?``: what is cut off or swapped opens not. Says nothing
about who sealed it.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signing.at_rest import StoredInvalid
from signing.encoding import b64url_decode, b64url_encode
from signing.errors import EncodingInvalid
from signing.randomness import random_bytes

MEDIA_TYPE: Final = "application/vnd.sealway.sealed"
MAGIC: Final = b"sealway/sealed/v1\n"
CHUNK_BYTES: Final = 1_048_576
WRAPPED_BYTES: Final = 80  # an X25519 share, a key, a tag
KEY_BYTES: Final = 32
_INFO: Final = b"sealway/sealed/v1"
_TAG_BYTES: Final = 16
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class SealedInvalid(StoredInvalid):
    """A file that doesn't open: altered, cut off, no sealed file, or sealed for somebody else."""


def parse_recipient(text: str) -> X25519PublicKey:
    """Whom to seal for: an X25519 public key, 43 characters of base64url. Raises EncodingInvalid.

    A key of small order, which everybody could open, is refused.
    """
    key = X25519PublicKey.from_public_bytes(b64url_decode(text, KEY_BYTES))
    try:
        X25519PrivateKey.generate().exchange(key)
    except ValueError as error:
        raise EncodingInvalid(
            "This is nobody's key: everybody could open what it seals."
        ) from error
    return key


def recipient_of(key: X25519PrivateKey) -> str:
    """How the holder of ``key`` is named as a recipient."""
    return b64url_encode(key.public_key().public_bytes_raw())


class Sealer:
    """Seals one stream: `head`, then what `add` gives, then `end`."""

    def __init__(self, recipient: X25519PublicKey) -> None:
        key = random_bytes(KEY_BYTES)
        self.head = MAGIC + _SUITE.encrypt(key, recipient, _INFO)
        self._cipher = AESGCM(key)
        self._held = bytearray()
        self._number = 0

    def add(self, data: bytes) -> bytes:
        """Take a piece; the chunks that are full with it. Holds a chunk and a piece at most."""
        self._held += data
        out = []
        while len(self._held) > CHUNK_BYTES:  # a full chunk may be the last
            out.append(self._chunk(bytes(self._held[:CHUNK_BYTES]), is_last=False))
            del self._held[:CHUNK_BYTES]
        return b"".join(out)

    def end(self) -> bytes:
        """The last chunk."""
        return self._chunk(bytes(self._held), is_last=True)

    def _chunk(self, plain: bytes, *, is_last: bool) -> bytes:
        nonce = self._number.to_bytes(12, "big")
        self._number += 1
        return self._cipher.encrypt(nonce, plain, _aad(is_last=is_last))


def open_sealed(file: BinaryIO, key: X25519PrivateKey) -> Iterator[bytes]:
    """What was sealed, in pieces; whoever uses them before the end knows not yet that all is there.

    Raises:
        SealedInvalid: not a sealed file, for another recipient, altered or cut off.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise SealedInvalid("This is no sealed file: it doesn't begin as one.")
    try:
        content_key = _SUITE.decrypt(file.read(WRAPPED_BYTES), key, _INFO)
    except (InvalidTag, ValueError) as error:
        raise SealedInvalid("The file was sealed for another key, or was altered.") from error
    cipher, number = AESGCM(content_key), 0
    chunk = file.read(CHUNK_BYTES + _TAG_BYTES)
    while True:
        after = file.read(CHUNK_BYTES + _TAG_BYTES)
        try:
            nonce = number.to_bytes(12, "big")
            yield cipher.decrypt(nonce, chunk, _aad(is_last=not after))
        except (InvalidTag, ValueError) as error:
            raise SealedInvalid("The file was altered or cut off.") from error
        if not after:
            return
        chunk, number = after, number + 1


def _aad(*, is_last: bool) -> bytes:
    return _INFO + (b"\x01" if is_last else b"\x00")
