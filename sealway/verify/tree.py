"""A log's Merkle tree, rebuilt from its leaves in one pass; and proofs from it.

Keeps one hash of every 256 leaves, so that memory is an eighth of a byte a leaf. A tile of 256
leaves is a subtree of its own (RFC 6962 splits at powers of two), so a proof is a path inside the
tile and a path over the roots of tiles.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sealway.verify.findings import Code, Findings
from signing.log.merkle import (
    HASH_BYTES,
    append_leaf,
    frontier_root,
    inclusion_proof,
    leaf_hashes,
    merkle_root,
    parent_hashes,
    verify_inclusion,
)
from signing.log.tiles import TILE_HEIGHT, TILE_WIDTH

Levels = Sequence[Sequence[bytes]]


def levels_of(hashes: list[bytes]) -> list[list[bytes]]:
    """The full subtrees over some hashes, level by level, the hashes first."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        levels.append(parent_hashes(levels[-1]))
    return levels


class StoredTiles:
    """The stored full tiles of a log, compared one by one with those rebuilt."""

    def __init__(self, rows: Iterable[Sequence[object]], shard: int, findings: Findings) -> None:
        self._rows = iter(rows)
        self._shard = shard
        self._findings = findings
        self.hold = True
        """Whether every tile so far was the one rebuilt."""
        self._next: Sequence[object] | None = next(self._rows, None)

    def check(self, level: int, number: int, tile: bytes) -> None:
        """Compare the next tile; they come level by level, in order."""
        place = f"Tile {number} of level {level}"
        index = number << TILE_HEIGHT * (level + 1)
        if self._next is None or tuple(self._next[:2]) != (level, number):
            self.hold = False
            self._findings.add(Code.TILE_MISSING, f"{place} is not stored.", self._shard, index)
            return
        if self._next[2] != tile:
            self.hold = False
            text = f"{place} is not what its leaves give."
            self._findings.add(Code.TILE_ALTERED, text, self._shard, index)
        self._next = next(self._rows, None)

    def end(self) -> None:
        """What is left belongs to no full tile."""
        while self._next is not None:
            self.hold = False
            self._findings.add(
                Code.TILE_UNEXPECTED, "A tile is stored that the log does not have.", self._shard
            )
            self._next = next(self._rows, None)


class TreeBuilder:
    """Takes leaves in order and keeps what the checks ask for.

    ``wanted`` are sizes whose roots will be asked; ``cut`` is the size that proofs will be against.
    """

    def __init__(self, wanted: Iterable[int], cut: int, tiles: StoredTiles) -> None:
        self._wanted: Final = sorted({*wanted, cut}, reverse=True)
        self._tiles = tiles
        self._upper: list[bytes] = []
        self._pending: list[bytes] = []
        self.size = 0
        self.tile_roots = bytearray()
        self.roots: dict[int, bytes] = {}
        self.cut_root = b""
        """The root over the leaves of ``cut``'s own partial tile."""
        self._cut = cut
        self._note_wanted()

    def add(self, leaves: Iterable[bytes]) -> None:
        """Append leaves."""
        self._pending += leaf_hashes(leaves)
        while len(self._pending) >= TILE_WIDTH:
            self._close_tile(self._pending[:TILE_WIDTH])
            del self._pending[:TILE_WIDTH]

    def _close_tile(self, hashes: list[bytes]) -> None:
        self._note_roots(hashes)
        number = self.size // TILE_WIDTH
        self._tiles.check(0, number, b"".join(hashes))
        root = levels_of(hashes)[-1][0]
        append_leaf(self._upper, number, root)
        self.tile_roots += root
        self.size += TILE_WIDTH
        self._note_wanted()

    def _note_wanted(self) -> None:
        """Roots at exactly this size, where a tile has just been closed."""
        while self._wanted and self._wanted[-1] <= self.size:
            self.roots[self._wanted.pop()] = frontier_root(self._upper)

    def _note_roots(self, hashes: list[bytes]) -> None:
        while self._wanted and self._wanted[-1] < self.size + len(hashes):
            self._root_at(self._wanted.pop(), hashes)

    def _root_at(self, size: int, hashes: list[bytes]) -> None:
        lower = _frontier(hashes[: size - self.size])
        self.roots[size] = frontier_root([*self._upper, *lower])
        if size == self._cut:
            self.cut_root = frontier_root(lower)

    def finish(self) -> list[bytes]:
        """Close the log; returns its frontier. Sizes beyond it have no root."""
        hashes, self._pending = self._pending, []
        lower = _frontier(hashes)
        while self._wanted and self._wanted[-1] <= self.size + len(hashes):
            self._root_at(self._wanted.pop(), hashes)
        self._check_upper_tiles()
        self.size += len(hashes)
        return [*self._upper, *lower]

    def _check_upper_tiles(self) -> None:
        level, roots = 1, self.tile_roots
        step = TILE_WIDTH * HASH_BYTES
        while full := len(roots) // step:
            above = bytearray()
            for number in range(full):
                tile = bytes(roots[number * step : (number + 1) * step])
                self._tiles.check(level, number, tile)
                above += merkle_root(_hashes(tile))
            level, roots = level + 1, above
        self._tiles.end()


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def _frontier(hashes: Sequence[bytes]) -> list[bytes]:
    frontier: list[bytes] = []
    for size, hash_ in enumerate(hashes):
        append_leaf(frontier, size, hash_)
    return frontier


class Proofs:
    """Inclusion proofs in the tree of ``size`` of a log that was rebuilt."""

    def __init__(self, size: int, tile_roots: bytearray, cut_root: bytes) -> None:
        self.size = size
        full = size // TILE_WIDTH
        roots = _hashes(bytes(tile_roots[: full * HASH_BYTES]))
        if size % TILE_WIDTH:
            roots.append(cut_root)
        self._tiles = len(roots)
        self._levels = levels_of(roots) if roots else []

    def above(self, tile: int) -> list[bytes]:
        """The part of the paths that all leaves of a tile share."""
        return inclusion_proof(tile, self._tiles, lambda level, n: self._levels[level][n])

    def check_tile(self, tile: int, root: bytes) -> None:
        """Follow a tile's own root up to that of the whole tree. Raises ProofInvalid."""
        verify_inclusion(self._levels[0][tile], tile, self._tiles, self.above(tile), root)

    def inside(self, tile: int, hashes: list[bytes]) -> tuple[Levels, int]:
        """What `path` needs of a tile: its subtrees, and how many of its leaves are covered."""
        count = min(len(hashes), self.size - tile * TILE_WIDTH)
        return levels_of(hashes[:count]), count


def path(levels: Levels, offset: int, count: int, above: Sequence[bytes]) -> list[bytes]:
    """The audit path of the leaf at ``offset`` in its tile of ``count`` leaves."""
    if count == TILE_WIDTH:
        return [*(levels[low][(offset >> low) ^ 1] for low in range(TILE_HEIGHT)), *above]
    return [*inclusion_proof(offset, count, lambda level, n: levels[level][n]), *above]
