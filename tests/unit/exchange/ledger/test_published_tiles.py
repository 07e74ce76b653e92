"""Every tile that the ledger's tree gives, where tile arithmetic breaks, against the definition."""

from dataclasses import dataclass, field

import pytest

from exchange.ledger.tree import NodeCache, Tree, grow
from signing.log.merkle import HASH_BYTES, leaf_hash
from signing.log.tiles import TilePlace, tiles_of
from tests.support.tiled_log import tiles_of_hashes

SIZES = [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000]


@dataclass
class Grown:
    """A tree that grew group by group, and the full tiles that were stored meanwhile."""

    tree: Tree = field(default_factory=Tree)
    stored: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def take(self, hashes: list[bytes]) -> None:
        growth = grow(self.tree, hashes)
        self.tree = growth.tree
        self.stored |= {(level, number): tile for level, number, tile in growth.tiles}

    async def fetch(self, level: int, number: int) -> bytes | None:
        return self.stored.get((level, number))


@pytest.mark.parametrize("size", SIZES)
async def test_each_tile_is_what_the_definition_says(size: int) -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(size)]
    grown = Grown()
    for first in range(0, size, 200):
        grown.take(hashes[first : first + 200])
    nodes, defined = NodeCache(grown.fetch), tiles_of_hashes(hashes)
    for place in tiles_of(size):
        assert await nodes.tile(place.level, place.number, grown.tree) == defined[place.path]


async def test_a_partial_tile_of_a_smaller_tree_is_the_start_of_the_larger_ones() -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(700)]
    grown = Grown()
    grown.take(hashes)
    nodes = NodeCache(grown.fetch)
    for size in (1, 255, 256, 257, 511, 513, 700):
        for path, tile in tiles_of_hashes(hashes[:size]).items():
            (place,) = [one for one in tiles_of(size) if one.path == path]
            found = await nodes.tile(place.level, place.number, grown.tree)
            assert found[: place.width * HASH_BYTES] == tile
            assert place.tree_size <= size
            wider = TilePlace(place.level, place.number, place.width + 1)
            assert place.is_full or size < wider.tree_size
