"""Trees: the frontier, proofs and tiles agree with the recursive definition of RFC 6962."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import ProofInvalid
from signing.log.merkle import (
    EMPTY_ROOT,
    append_leaf,
    consistency_proof,
    frontier_nodes,
    frontier_root,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from signing.log.tiles import (
    TILE_WIDTH,
    encode_entries,
    node_in_tile,
    parse_entries,
    tile_of,
)
from tests.support.vectors import logs

EDGES = [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000]
LARGEST = EDGES[-1]
SMALL = [leaf.to_bytes(2, "big") for leaf in range(40)]


@cache
def levels() -> list[list[bytes]]:
    """Every full subtree of a tree of 70,000 leaves, level by level."""
    made = [[leaf_hash(index.to_bytes(4, "big")) for index in range(LARGEST)]]
    while len(made[-1]) > 1:
        below = made[-1]
        made.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return made


def node_at(level: int, index: int) -> bytes:
    return levels()[level][index]


def root_of(size: int) -> bytes:
    return frontier_root([node_at(*node) for node in frontier_nodes(size)])


@given(st.integers(0, 40))
def test_a_root_is_the_one_of_the_recursive_definition(size: int) -> None:
    assert merkle_root(list(map(leaf_hash, SMALL[:size]))) == logs.tree_hash(SMALL[:size])


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert merkle_root([]) == frontier_root([]) == EMPTY_ROOT == logs.tree_hash([])


def small_node(level: int, index: int) -> bytes:
    return logs.tree_hash(SMALL[index << level : (index + 1) << level])


@given(st.data())
def test_an_inclusion_proof_is_the_one_of_the_recursive_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, small_node)
    assert proof == logs.path(index, SMALL[:size])
    verify_inclusion(leaf_hash(SMALL[index]), index, size, proof, logs.tree_hash(SMALL[:size]))


@given(st.data())
def test_a_consistency_proof_is_the_one_of_the_recursive_definition(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 40))
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, small_node)
    roots = logs.tree_hash(SMALL[:old]), logs.tree_hash(SMALL[:new])
    assert proof == logs.consistency(old, SMALL[:new])
    verify_consistency(old, roots[0], new, roots[1], proof)


@given(st.data())
def test_an_inclusion_proof_for_anything_else_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, small_node)
    root = logs.tree_hash(SMALL[:size])
    hash_ = leaf_hash(SMALL[index])
    other = data.draw(st.integers(-1, 41).filter(lambda n: n != index))
    attempts = [
        (leaf_hash(b"other"), index, size, proof, root),
        (hash_, other, size, proof, root),
        (hash_, index, size, proof[:-1], root),
        (hash_, index, size, [*proof, hash_], root),
        (hash_, index, size, [proof[0][:-1], *proof[1:]], root),
        (hash_, index, size, proof, logs.tree_hash(SMALL[: size - 1])),
        (hash_, index, size, [hash_] * 65, root),
    ]
    for attempt in attempts:
        with pytest.raises(ProofInvalid):
            verify_inclusion(*attempt)


@given(st.data())
def test_a_consistency_proof_for_anything_else_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 40))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(old, new, small_node)
    a, b, c = logs.tree_hash(SMALL[:old]), logs.tree_hash(SMALL[:new]), leaf_hash(b"other")
    attempts = [
        (old, c, new, b, proof),
        (old, a, new, c, proof),
        (old, a, new, b, proof[:-1]),
        (old, a, new, b, [*proof, c]),
        (old, a, new, b, []),
        (old, a, new, b, [c[:-1], *proof[1:]]),
        (new, b, old, a, proof),
        (0, EMPTY_ROOT, new, b, proof),
        (old, a, old, b, []),
        (old, a, old, a, proof),
    ]
    for attempt in attempts:
        with pytest.raises(ProofInvalid):
            verify_consistency(*attempt)


def test_a_proof_that_stops_below_the_size_claimed_is_refused() -> None:
    with pytest.raises(ProofInvalid, match="too short"):
        verify_consistency(1, root_of(1), 3, root_of(2), [node_at(0, 1)])
    with pytest.raises(ProofInvalid):
        verify_inclusion(node_at(0, 0), 0, 3, [node_at(0, 1)], root_of(2))


def test_a_hash_of_another_length_is_refused_whatever_it_leads_to() -> None:
    long = b"x" * 33
    with pytest.raises(ProofInvalid, match="32 bytes"):
        verify_inclusion(node_at(0, 0), 0, 2, [long], node_hash(node_at(0, 0), long))
    with pytest.raises(ProofInvalid, match="32 bytes"):
        verify_consistency(1, root_of(1), 2, node_hash(root_of(1), long), [long])


def test_two_trees_of_one_size_are_consistent_when_they_are_one() -> None:
    verify_consistency(3, root_of(3), 3, root_of(3), [])
    with pytest.raises(ProofInvalid, match="different roots"):
        verify_consistency(3, root_of(3), 3, root_of(4), [])


def test_growing_leaf_by_leaf_makes_each_full_subtree_once() -> None:
    frontier: list[bytes] = []
    made: dict[tuple[int, int], bytes] = {}
    for index in range(300):
        for level, number, hash_ in append_leaf(frontier, index, levels()[0][index]):
            assert (level, number) not in made
            made[level, number] = hash_
        assert frontier_root(frontier) == root_of(index + 1)
        assert len(frontier) == (index + 1).bit_count()
    assert all(made[node] == node_at(*node) for node in made)
    assert len(made) == sum(300 >> level for level in range(9))


@pytest.mark.parametrize("size", EDGES)
def test_proofs_hold_where_tiles_end(size: int) -> None:
    root = root_of(size)
    for index in sorted({0, size // 2, max(0, size - 2), size - 1, min(size - 1, 255)}):
        proof = inclusion_proof(index, size, node_at)
        verify_inclusion(levels()[0][index], index, size, proof, root)
    for old in (edge for edge in EDGES if edge <= size):
        verify_consistency(old, root_of(old), size, root, consistency_proof(old, size, node_at))


def tile(level: int, number: int, size: int) -> bytes:
    """A tile's bytes by C2SP tlog-tiles: MTH(D[(n*256 + i) * 256**l : …]) for each i."""
    hashes = levels()[8 * level][number * TILE_WIDTH : (number + 1) * TILE_WIDTH]
    return b"".join(hashes[: max(0, (size >> 8 * level) - number * TILE_WIDTH)])


@pytest.mark.parametrize("size", EDGES)
def test_each_node_a_proof_needs_is_found_in_a_tile(size: int) -> None:
    asked: list[tuple[int, int]] = []

    def from_tiles(level: int, index: int) -> bytes:
        asked.append((level, index))
        tile_level, number, first, count = tile_of(level, index)
        return node_in_tile(tile(tile_level, number, size), first, count)

    for index in sorted({0, size // 2, size - 1}):
        proof = inclusion_proof(index, size, from_tiles)
        verify_inclusion(levels()[0][index], index, size, proof, root_of(size))
    assert all(from_tiles(*node) == node_at(*node) for node in asked[:])


def test_a_node_beyond_a_partial_tile_is_refused() -> None:
    partial = tile(0, 0, 100)
    assert node_in_tile(partial, 96, 4) == node_at(2, 24)
    for first, count in ((100, 1), (96, 8), (64, 64)):
        with pytest.raises(ProofInvalid):
            node_in_tile(partial, first, count)


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_an_entry_bundle_comes_back(leaves: list[bytes]) -> None:
    assert list(parse_entries(encode_entries(leaves))) == leaves


@given(st.binary(max_size=60))
def test_any_bytes_are_an_entry_bundle_or_refused(data: bytes) -> None:
    try:
        leaves = list(parse_entries(data))
    except ProofInvalid:
        return
    assert encode_entries(leaves) == data
