"""Tiles and entry bundles (C2SP tlog-tiles): where a hash or leaf lives, and its bytes.

A tile of level ``L``, number ``N`` holds 256 hashes of tree level ``8 L``, from ``256 N`` on. An
entry bundle is ``u16be length ‖ leaf`` for each leaf.
"""

from collections.abc import Iterable, Iterator

from signing.errors import ProofInvalid
from signing.log.merkle import HASH_BYTES, merkle_root

TILE_WIDTH = 256
TILE_HEIGHT = 8
ENTRY_BYTES_MAX = 65_535


def encode_entries(leaves: Iterable[bytes]) -> bytes:
    """An entry bundle of these leaves."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def parse_entries(data: bytes) -> Iterator[bytes]:
    """The leaves of an entry bundle, in order.

    Raises:
        ProofInvalid: the bundle ends inside a leaf.
    """
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        leaf = data[at + 2 : at + 2 + size]
        if at + 2 > len(data) or len(leaf) != size:
            raise ProofInvalid("The entry bundle ends inside a leaf.")
        yield leaf
        at += 2 + size


def tile_of(level: int, index: int) -> tuple[int, int, int, int]:
    """Where a node lives: tile level, tile number, first hash and number of hashes under it."""
    tile_level, height = divmod(level, TILE_HEIGHT)
    first = index << height
    return tile_level, first // TILE_WIDTH, first % TILE_WIDTH, 1 << height


def node_in_tile(tile: bytes, first: int, count: int) -> bytes:
    """The hash of the subtree over ``count`` hashes of a tile, from ``first`` on."""
    hashes = [tile[i * HASH_BYTES : (i + 1) * HASH_BYTES] for i in range(first, first + count)]
    if any(len(hash_) != HASH_BYTES for hash_ in hashes):
        raise ProofInvalid("The tile is too short for the hash asked of it.")
    return merkle_root(hashes)


def tile_number_path(number: int) -> str:
    """A tile's number as path elements of three digits: ``x001/x234/067``."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups))
