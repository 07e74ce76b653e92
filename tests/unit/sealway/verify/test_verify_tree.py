"""The rebuilt tree is RFC 6962's, at the sizes where tile arithmetic breaks."""

import pytest

from sealway.verify.findings import Findings
from sealway.verify.tree import Proofs, StoredTiles, TreeBuilder, path
from signing.log.merkle import append_leaf, frontier_root, leaf_hash, merkle_root, verify_inclusion

SIZES = [0, 1, 2, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537, 70_000]
LEAVES = [b"%d" % n for n in range(SIZES[-1])]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def _tiles(size: int) -> list[tuple[int, int, bytes]]:
    rows = []
    level, hashes = 0, HASHES[:size]
    while len(hashes) >= 256:
        full = [hashes[at : at + 256] for at in range(0, len(hashes) - 255, 256)]
        rows += [(level, number, b"".join(tile)) for number, tile in enumerate(full)]
        level, hashes = level + 1, [merkle_root(tile) for tile in full]
    return rows


def _built(size: int, wanted: list[int], cut: int, findings: Findings) -> TreeBuilder:
    tree = TreeBuilder(wanted, cut, StoredTiles(_tiles(size), 1, findings))
    for at in range(0, size, 100):
        tree.add(LEAVES[at : min(at + 100, size)])
    return tree


@pytest.mark.parametrize("size", SIZES)
def test_frontier_roots_and_tiles_are_the_reference_s(size: int) -> None:
    findings = Findings()
    wanted = sorted({0, 1, 255, 256, 257, 600, size // 2, size})
    tree = _built(size, wanted, size, findings)
    frontier: list[bytes] = []
    roots = {0: frontier_root([])}
    for n, hash_ in enumerate(HASHES[:size]):
        append_leaf(frontier, n, hash_)
        if n + 1 in wanted:
            roots[n + 1] = frontier_root(frontier)
    assert tree.finish() == frontier
    assert tree.roots == roots
    assert tree.size == size
    assert findings.listed == []


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("back", [0, 1, 300])
def test_every_kind_of_place_has_a_proof_against_an_earlier_size(size: int, back: int) -> None:
    cut = max(1, size - back)
    tree = _built(size, [], cut, Findings())
    tree.finish()
    proofs = Proofs(cut, tree.tile_roots, tree.cut_root)
    for index in {0, 1, 255, 256, cut // 2, cut - 2, cut - 1}:
        if 0 <= index < cut:
            tile, offset = divmod(index, 256)
            levels, count = proofs.inside(tile, HASHES[tile * 256 : min(tile * 256 + 256, size)])
            proof = path(levels, offset, count, proofs.above(tile))
            verify_inclusion(HASHES[index], index, cut, proof, tree.roots[cut])
    assert proofs.size == cut


def test_tiles_that_differ_are_missing_or_too_many_are_told_apart() -> None:
    rows = _tiles(70_000)
    rows[3] = (0, 3, bytes(8192))
    del rows[7]
    rows.append((1, 9, bytes(8192)))
    findings = Findings()
    tree = TreeBuilder([], 0, StoredTiles(rows, 1, findings))
    tree.add(LEAVES)
    tree.finish()
    assert dict(findings.counts) == {"tile-altered": 1, "tile-missing": 1, "tile-unexpected": 1}
