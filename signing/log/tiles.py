"""Tiles and entry bundles (C2SP tlog-tiles): where a hash or leaf lives, and its bytes.

A tile of level ``L``, number ``N`` holds 256 hashes of tree level ``8 L``, from ``256 N`` on. An
entry bundle is ``u16be length ‖ leaf`` for each leaf.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from signing.errors import ProofInvalid
from signing.log.merkle import HASH_BYTES, merkle_root

TILE_WIDTH = 256
TILE_HEIGHT = 8
TILE_BYTES = TILE_WIDTH * HASH_BYTES
LEVEL_MAX = 63
ENTRY_BYTES_MAX = 65_535

_LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)
_NUMBER = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


def encode_entries(leaves: Iterable[bytes]) -> bytes:
    """An entry bundle of these leaves."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def parse_entries(data: bytes) -> Iterator[bytes]:
    """The leaves of an entry bundle, in order.

    Raises:
        ProofInvalid: the bundle ends inside a leaf.
    """
    at, end = 0, len(data)
    while at + 1 < end:
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        if at > end:
            break
        yield data[start:at]
    if at != end:
        raise ProofInvalid("The entry bundle ends inside a leaf.")


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


@dataclass(frozen=True, slots=True)
class TilePlace:
    """A tile, or an entry bundle (level 0): where it stands, and how many hashes or leaves of it.

    Narrower than 256 it is *partial*.
    """

    level: int
    number: int
    width: int = TILE_WIDTH

    @property
    def is_full(self) -> bool:
        """Whether nothing will be added to it."""
        return self.width == TILE_WIDTH

    @property
    def tree_size(self) -> int:
        """The smallest tree that has it."""
        return self.number * TILE_WIDTH + self.width << TILE_HEIGHT * self.level

    @property
    def path(self) -> str:
        """Below a log's prefix: ``tile/0/x001/234.p/7``."""
        return f"tile/{self.level}/{self._numbered}"

    @property
    def entries_path(self) -> str:
        """The path of the entry bundle of these leaves. Only of level 0."""
        assert self.level == 0
        return f"tile/entries/{self._numbered}"

    @property
    def _numbered(self) -> str:
        return tile_number_path(self.number) + ("" if self.is_full else f".p/{self.width}")


def tile_in(level: int, number: int, size: int) -> TilePlace:
    """That tile as a tree of ``size`` has it, which has at least one hash of it."""
    width = min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - number * TILE_WIDTH)
    assert width > 0, "the tree has no such tile"
    return TilePlace(level, number, width)


def tiles_of(size: int) -> Iterator[TilePlace]:
    """Every tile of a tree, level by level; the last of a level may be partial, none is empty."""
    level = 0
    while count := size >> TILE_HEIGHT * level:
        for number in range((count + TILE_WIDTH - 1) // TILE_WIDTH):
            yield tile_in(level, number, size)
        level += 1


def parse_tile_place(level: str, number: str) -> TilePlace | None:
    """The two ends of a tile's path; None for what isn't spelled as it must be."""
    found = _NUMBER.fullmatch(number)
    if not _LEVEL.fullmatch(level) or int(level) > LEVEL_MAX or found is None:
        return None
    at = int(found[1].replace("x", "").replace("/", ""))
    width = int(found[2] or TILE_WIDTH)
    if tile_number_path(at) != found[1] or width > TILE_WIDTH or found[2] == str(TILE_WIDTH):
        return None
    return TilePlace(int(level), at, width)
