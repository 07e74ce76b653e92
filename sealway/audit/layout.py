"""The files of a bundle: their names, and the two binary runs in them (docs/evidence.md, *Files*).

`<first>.leaves`: `u16be length ‖ leaf` for each leaf (C2SP's entry bundle); a length of 0 is
followed by the 32-byte hash of a leaf that is not shown. `<first>.acts`: `u64be index ‖ u8 sort ‖
leaf salt ‖ u32be length ‖ bytes` for each act, by index.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from sealway.audit.errors import BundleRefused
from signing.log.leaf import LEAF_BYTES_MAX, LEAF_SALT_BYTES
from signing.log.merkle import HASH_BYTES, leaf_hash
from signing.values import value_type

INVENTORY: Final = "inventory.jws"
CHECKPOINT: Final = "log/0/checkpoint"
LEAVES_A_FILE: Final = 1_024
ACTS_BYTES: Final = 4 * 1024 * 1024  # an acts file ends with the act that passes this
ACT_BYTES_MAX: Final = 16 * 1024 * 1024  # content of 10 MiB in a frame, with room to spare

_ACT: Final = struct.Struct(">QB32sI")
_LENGTH: Final = struct.Struct(">H")


class Sort(IntEnum):
    """What an act's bytes are."""

    GONE = 0
    """A code: why the bus has it no more."""
    ENVELOPE = 1
    FRAME = 2
    """Envelope, salt and parts (docs: the wire format's frame)."""
    RECORD = 3


@value_type
class Act:
    """The act that a leaf commits to."""

    index: int
    sort: Sort
    salt: bytes
    data: bytes


@value_type
class Shown:
    """One leaf as a bundle has it: its bytes, or only its hash."""

    raw: bytes | None
    hash: bytes


def leaves_name(n: int, first: int) -> str:
    """The file of the leaves from ``first`` on."""
    return f"log/{n}/{first:012d}.leaves"


def acts_name(n: int, first: int) -> str:
    """The file of the acts of the same leaves."""
    return f"log/{n}/{first:012d}.acts"


def frontier_name(n: int) -> str:
    """The file of the hashes that stand for every leaf before the range."""
    return f"log/{n}/frontier"


def anchor_name(size: int) -> str:
    """The file of a cosigned checkpoint of log 0."""
    return f"anchors/{size:012d}.note"


def stamp_name(size: int) -> str:
    """The file of the time-stamp of that checkpoint."""
    return f"anchors/{size:012d}.tsr"


def encode_shown(one: Shown) -> bytes:
    """One leaf of a leaves file."""
    return _LENGTH.pack(0) + one.hash if one.raw is None else _LENGTH.pack(len(one.raw)) + one.raw


def parse_leaves(data: bytes) -> Iterator[Shown]:
    """The leaves of a file, in order. Raises BundleRefused when it ends inside one."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        start, end = at + 2, at + 2 + (size or HASH_BYTES)
        piece = data[start:end]
        if len(data) < end or size > LEAF_BYTES_MAX:
            raise BundleRefused("A file of leaves ends inside a leaf, or holds one too long.")
        yield Shown(piece, leaf_hash(piece)) if size else Shown(None, piece)
        at = end


def encode_act(act: Act) -> bytes:
    """One act of an acts file."""
    assert len(act.salt) == LEAF_SALT_BYTES
    return _ACT.pack(act.index, act.sort, act.salt, len(act.data)) + act.data


def parse_acts(data: bytes) -> Iterator[Act]:
    """The acts of a file, by growing index. Raises BundleRefused."""
    at, last = 0, -1
    while at < len(data):
        if at + _ACT.size > len(data):
            raise BundleRefused("A file of acts ends inside an act.")
        index, sort, salt, size = _ACT.unpack_from(data, at)
        start, end = at + _ACT.size, at + _ACT.size + size
        if end > len(data) or size > ACT_BYTES_MAX or index <= last or sort > max(Sort):
            raise BundleRefused("A file of acts is malformed, or its acts are out of order.")
        yield Act(index, Sort(sort), salt, data[start:end])
        at, last = end, index
