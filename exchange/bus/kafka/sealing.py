"""A record's value as Kafka keeps it: unreadable without the bus's epoch keys.

Value = ``u32be epoch ‖ AES-KW(record key)`` (44 bytes) ‖ AES-256-GCM(record key, nonce 0, payload).
Each key seals one record, once; erasing its epoch key makes the record unreadable for ever. Bound
to topic, key and CloudEvents headers, so that no payload is read under another record's name.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signing.at_rest import KEY_BYTES, EpochKeys, StoredInvalid

OVERHEAD_BYTES: Final = 60
"""What sealing adds: the wrapped key and the tag."""

_WRAPPED_BYTES: Final = 44
_NONCE: Final = bytes(12)
_LABEL: Final = b"sealway/bus/v1"
_NAMES_KEPT: Final = 64  # of headers and topics: ours are 20, and others may write some

Header = tuple[str, bytes]


def seal_value(data: bytes, bound: bytes, epochs: EpochKeys) -> bytes:
    """Encrypt a payload under a fresh key; ``bound`` is what `bound_to` makes."""
    key = os.urandom(KEY_BYTES)
    return epochs.wrap(key) + AESGCM(key).encrypt(_NONCE, data, bound)


def open_value(value: bytes, bound: bytes, epochs: EpochKeys) -> bytes:
    """The payload inside. Raises EpochUnknown, StoredInvalid."""
    if len(value) < OVERHEAD_BYTES:
        raise StoredInvalid("A record is too short to be sealed.")
    key = epochs.unwrap(value[:_WRAPPED_BYTES])
    try:
        return AESGCM(key).decrypt(_NONCE, value[_WRAPPED_BYTES:], bound)
    except InvalidTag as error:
        raise StoredInvalid("A record does not open: it was altered.") from error


def bound_to(topic: str, key: bytes, headers: Sequence[Header]) -> bytes:
    """What a value is bound to: its topic, its key, the CloudEvents headers in their order."""
    pieces = [_bound_head(topic), len(key).to_bytes(4, "big"), key]
    for name, value in headers:
        if name.startswith("ce_"):
            pieces += (_prefixed(name), len(value).to_bytes(4, "big"), value)
    return b"".join(pieces)


@lru_cache(_NAMES_KEPT)
def _bound_head(topic: str) -> bytes:
    return len(_LABEL).to_bytes(4, "big") + _LABEL + _prefixed(topic)


@lru_cache(_NAMES_KEPT)
def _prefixed(name: str) -> bytes:
    return len(name.encode()).to_bytes(4, "big") + name.encode()
