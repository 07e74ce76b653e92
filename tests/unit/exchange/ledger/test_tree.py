"""Roots and consistency at earlier sizes, from nodes in memory and from stored tiles."""

import pytest

from exchange.ledger.tree import OLDER_KEPT, NodeCache, Tile, Tree, grow, load_tree
from signing.encoding import sha256
from signing.errors import ProofInvalid
from signing.log.merkle import merkle_root, verify_consistency, verify_inclusion

SIZE = 70_000
EDGES = [1, 2, 255, 256, 257, 511, 512, 4_096, 65_535, 65_536, 65_537, 69_999, SIZE]
HASHES = [sha256(b"%d" % n) for n in range(SIZE)]


class Stored:
    """The tiles of a tree of 70,000 leaves, and how many were read."""

    def __init__(self) -> None:
        growth = grow(Tree(), HASHES)
        self.tree = growth.tree
        self.nodes = growth.nodes
        self._tiles = {(level, number): data for level, number, data in growth.tiles}
        self.read: list[tuple[int, int]] = []

    async def tile(self, level: int, number: int) -> bytes | None:
        self.read.append((level, number))
        return self._tiles.get((level, number))


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored()


@pytest.mark.parametrize("size", EDGES)
async def test_the_root_at_an_earlier_size_needs_a_few_tiles(stored: Stored, size: int) -> None:
    stored.read.clear()
    assert await NodeCache(stored.tile).root(size, stored.tree) == merkle_root(HASHES[:size])
    assert len(stored.read) <= 3


@pytest.mark.parametrize("size", EDGES)
async def test_a_tree_is_shown_to_extend_an_earlier_one(stored: Stored, size: int) -> None:
    root, new_root = merkle_root(HASHES[:size]), stored.tree.root
    proof = await NodeCache(stored.tile).consistency(size, stored.tree)
    verify_consistency(size, root, SIZE, new_root, proof)
    with pytest.raises(ProofInvalid):
        verify_consistency(size, sha256(root), SIZE, new_root, proof)


async def test_what_is_in_memory_is_not_read(stored: Stored) -> None:
    nodes = NodeCache(stored.tile)
    nodes.add(stored.nodes)
    stored.read.clear()
    assert await nodes.root(60_000, stored.tree) == merkle_root(HASHES[:60_000])
    assert stored.read == [(1, 0)], "the first 32,768 leaves were long ago"
    await nodes.root(SIZE - 1, stored.tree)
    assert len(stored.read) == 1


@pytest.mark.parametrize("size", EDGES)
async def test_a_tree_loaded_from_tiles_is_the_tree_that_grew(size: int) -> None:
    growth = grow(Tree(), HASHES[:size])
    tiles: dict[tuple[int, int], bytes] = {}
    one: Tile
    for one in growth.tiles:
        tiles[one[0], one[1]] = one[2]

    async def fetch(level: int, number: int) -> bytes | None:
        return tiles.get((level, number))

    rest = HASHES[size - size % 256 : size]
    assert await load_tree(size, growth.tree.frontier, rest, fetch) == growth.tree


async def test_a_new_leaf_is_proven_without_reading_the_old_ones_again(stored: Stored) -> None:
    nodes, root = NodeCache(stored.tile), stored.tree.root
    for index in (SIZE - 1, SIZE - 2, SIZE - 300):
        proof = await nodes.proof(index, SIZE, stored.tree)
        verify_inclusion(leaf_of(index), index, SIZE, proof, root)
    stored.read.clear()
    for index in (SIZE - 1, SIZE - 300):
        proof = await nodes.proof(index, SIZE, stored.tree)
        verify_inclusion(leaf_of(index), index, SIZE, proof, root)
    assert stored.read == []


async def test_what_is_kept_of_old_nodes_is_bounded(stored: Stored) -> None:
    nodes = NodeCache(stored.tile)
    for index in range(0, SIZE, 60):
        await nodes.proof(index, SIZE, stored.tree)
    assert len(nodes._older) <= OLDER_KEPT
    verify_inclusion(leaf_of(5), 5, SIZE, await nodes.proof(5, SIZE, stored.tree), stored.tree.root)


def leaf_of(index: int) -> bytes:
    """The hash that stands for a leaf of the tree."""
    return HASHES[index]
