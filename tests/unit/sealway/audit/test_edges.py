"""The right edge of a log at the sizes where tile arithmetic breaks, against the definition."""

import hashlib

import pytest

from sealway.audit.edges import Edge
from signing.log.merkle import leaf_hash, merkle_root
from signing.log.tiles import TILE_WIDTH

SIZES = (1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000)
HASHES = [leaf_hash(b"%d" % n) for n in range(max(SIZES))]


def by_definition(row: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, level by level."""
    while len(row) > 1:
        pairs = range(0, len(row) - 1, 2)
        above = [hashlib.sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in pairs]
        row = above + ([row[-1]] if len(row) % 2 else [])
    return row[0]


ROOTS = {size: by_definition(HASHES[:size]) for size in SIZES}


def test_one_pass_gives_the_root_of_every_size() -> None:
    edge = Edge(0, b"", set(SIZES))
    for hash_ in HASHES:
        edge.add(hash_)
    assert dict(edge.roots) == ROOTS


@pytest.mark.parametrize("size", SIZES)
def test_a_range_goes_on_from_the_frontier_before_it(size: int) -> None:
    first = max(size - 3, 0)
    whole = Edge(0, b"", set())
    for hash_ in HASHES[:first]:
        whole.add(hash_)
    frontier = b"".join(whole._frontier)
    edge = Edge(first, frontier, {first, size})
    assert edge.is_whole
    for hash_ in HASHES[first:size]:
        edge.add(hash_)
    assert edge.roots[size] == ROOTS[size]
    if first:
        assert edge.roots[first] == merkle_root(HASHES[:first])
        assert not Edge(first, frontier + bytes(32), set()).is_whole
        assert not Edge(first, frontier[:-1], set()).is_whole
    assert TILE_WIDTH == 256
