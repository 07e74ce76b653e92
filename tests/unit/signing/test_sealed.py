"""What is sealed for a recipient: whole for its key, nothing for others, nothing when altered."""

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from signing.encoding import b64url_encode
from signing.errors import EncodingInvalid
from signing.sealed import (
    CHUNK_BYTES,
    MAGIC,
    WRAPPED_BYTES,
    SealedInvalid,
    Sealer,
    open_sealed,
    parse_recipient,
    recipient_of,
)

KEY = X25519PrivateKey.generate()
HEAD = len(MAGIC) + WRAPPED_BYTES


def sealed(data: bytes, piece: int = 300_000) -> bytes:
    sealer = Sealer(parse_recipient(recipient_of(KEY)))
    pieces = [sealer.add(data[at : at + piece]) for at in range(0, len(data), piece)]
    return b"".join((sealer.head, *pieces, sealer.end()))


def opened(file: bytes, key: X25519PrivateKey = KEY) -> bytes:
    return b"".join(open_sealed(io.BytesIO(file), key))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_its_recipient_opens_it(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    file = sealed(data[:size])
    assert opened(file) == data[:size]
    assert len(file) == HEAD + size + 16 * max(1, -(-size // CHUNK_BYTES))


def test_nobody_else_does() -> None:
    with pytest.raises(SealedInvalid, match="another key"):
        opened(sealed(b"secret"), X25519PrivateKey.generate())
    assert b"secret" not in sealed(b"secret")


def test_what_is_altered_or_cut_off_does_not_open() -> None:
    file = sealed(bytes(2 * CHUNK_BYTES + 5))
    chunk = CHUNK_BYTES + 16
    first, second = file[HEAD : HEAD + chunk], file[HEAD + chunk : HEAD + 2 * chunk]
    last = file[HEAD + 2 * chunk :]
    for wrong in (
        b"",
        b"PK\x03\x04" + file,
        file[: HEAD - 1],
        file[:HEAD],
        file[:-1],
        file[:HEAD] + first,
        file[:HEAD] + first + second,
        file[:HEAD] + second + first + last,
        file[:HEAD] + last,
        file[:HEAD] + first + bytes([second[0] ^ 1]) + second[1:] + last,
        file + b"\x00",
    ):
        with pytest.raises(SealedInvalid):
            opened(wrong)


def test_nobodys_keys_are_refused() -> None:
    for text in ("", "AA", b64url_encode(bytes(32)), b64url_encode(b"\x01" + bytes(31))):
        with pytest.raises(EncodingInvalid):
            parse_recipient(text)
