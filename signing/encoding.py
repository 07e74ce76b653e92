"""The one way each kind of value is written: base64url, times, SHA-256 names.

Refuses every second spelling: re-encoding what was read must give the same text (wire.md,
*Exact bytes*). No clock here; times are integers in milliseconds since 1970, UTC.
"""

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

from signing.errors import EncodingInvalid

# The hour is bounded here: some versions of Python read 24:00 as the next day's midnight.
_SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}")
_MILLISECOND = re.compile(r"\.[0-9]{3}Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DIGEST_BYTES = 32

_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_LAST_OF_TWO = frozenset(b"AQgw")  # one byte in two characters leaves four bits, which are zero
_LAST_OF_THREE = frozenset(b"AEIMQUYcgkosw048")  # two bytes in three leave two


def b64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/***")


def b64url_decode(text: str | bytes, size: int | None = None) -> bytes:
    """Decode base64url without padding; the text must be the only spelling of its bytes.

    Raises:
        EncodingInvalid: another alphabet, padding, stray bits, or not ``size`` bytes.
    """
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    try:
        data = binascii.a2b_base64(
            raw.translate(_FROM_URL) + b"=" * (-len(raw) % 4), strict_mode=True
        )
    except binascii.Error as error:
        raise EncodingInvalid("Expected base64url without padding.") from error
    if size is not None and len(data) != size:
        raise EncodingInvalid(f"Expected {size} bytes in base64url, got {len(data)}.")
    over = len(raw) % 4
    if over and raw[-1] not in (_LAST_OF_TWO if over == 2 else _LAST_OF_THREE):
        raise EncodingInvalid("The base64url text has stray bits in its last character.")
    return data


def check_digest(text: str) -> str:
    """``text`` when it is 32 bytes in base64url: 43 characters, no stray bits.

    Raises:
        EncodingInvalid: anything else.
    """
    if not _DIGEST.fullmatch(text):
        raise EncodingInvalid("Expected 32 bytes in base64url: 43 characters.")
    return text


def b64_decode(text: str) -> bytes:
    """Decode padded standard base64, strictly, as notes and proofs carry it.

    Raises:
        EncodingInvalid: anything but the canonical spelling.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EncodingInvalid("Expected padded base64.") from error
    if base64.b64encode(data).decode() != text:
        raise EncodingInvalid("The base64 text is not canonical.")
    return data


def b64_encode(data: bytes) -> str:
    """Padded standard base64 (RFC 4648 section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104) of keys of up to 64 bytes, on the bare hash.

    The library's object costs half as much again. It, and one call for all of ``data``, give the
    interpreter lock up for 2 kB and more; beside a busy thread, getting it back costs more than
    the hash, so small data is hashed in pieces below that.
    """
    assert len(key) <= _BLOCK_BYTES
    block = key.ljust(_BLOCK_BYTES, b"\0")
    state = hashlib.sha256(block.translate(_INNER))
    if len(data) < _PIECE_BYTES or len(data) > _PIECES_BYTES_MAX:
        state.update(data)
    else:
        for start in range(0, len(data), _PIECE_BYTES):
            state.update(data[start : start + _PIECE_BYTES])
    return hashlib.sha256(block.translate(_OUTER) + state.digest()).digest()


_BLOCK_BYTES = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_PIECE_BYTES = 2_047
_PIECES_BYTES_MAX = 16_384


def sha256(data: bytes) -> bytes:
    """SHA-256 of ``data``, 32 bytes."""
    return hashlib.sha256(data).digest()


@lru_cache(maxsize=256)
def _seconds_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def format_time(ms: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ`` of milliseconds since 1970."""
    seconds, rest = divmod(ms, 1000)
    return f"{_seconds_text(seconds)}{rest:03d}Z"


def parse_time(text: str) -> int:
    """Milliseconds since 1970 of exactly ``YYYY-MM-DDTHH:MM:SS.mmmZ``.

    Raises:
        EncodingInvalid: any other spelling, a moment that does not exist, or one before 1970.
    """
    if not _MILLISECOND.fullmatch(text, 19):
        raise EncodingInvalid("Expected a time like 2026-11-22T06:40:00.123Z.")
    return _second(text[:19]) * 1000 + int(text[20:23])


@lru_cache(maxsize=256)
def _second(text: str) -> int:
    # Messages come many to a second: their times share this part.
    if not _SECOND.fullmatch(text):
        raise EncodingInvalid("Expected a time like 2026-11-22T06:40:00.123Z.")
    try:
        elapsed = datetime.fromisoformat(text + "+00:00") - _EPOCH
    except ValueError as error:
        raise EncodingInvalid("The time names a moment that does not exist.") from error
    if elapsed.days < 0:
        raise EncodingInvalid("The time lies before 1970.")
    return elapsed.days * 86_400 + elapsed.seconds
