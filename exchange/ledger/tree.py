"""A log's tree in memory: the right edge to grow from, recent nodes to prove from.

Growing is pure: it answers a new tree, the nodes made and the tiles filled; the caller keeps the
new tree only when the commit did. Older nodes are read from stored tiles.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from signing.log.merkle import (
    NodeAt,
    append_leaf,
    consistency_proof,
    frontier_nodes,
    frontier_root,
    inclusion_proof,
)
from signing.log.tiles import TILE_HEIGHT, TILE_WIDTH, node_in_tile, tile_of

NODES_KEPT: Final = 65_536  # the proofs of the last ~30,000 leaves without a read; 10 MB
OLDER_KEPT: Final = 4_096  # nodes read back; a new leaf's proof has at most 62

Node = tuple[int, int]
Tile = tuple[int, int, bytes]
FetchTile = Callable[[int, int], Awaitable[bytes | None]]
Prove = Callable[[NodeAt], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of ``size``: its frontier, and the hashes of the last, partial tile of each level."""

    size: int = 0
    frontier: tuple[bytes, ...] = ()
    edges: tuple[tuple[bytes, ...], ...] = ()

    @property
    def root(self) -> bytes:
        """The RFC 6962 root."""
        return frontier_root(self.frontier)


@dataclass(frozen=True, slots=True)
class Growth:
    """A grown tree, and what growing made."""

    tree: Tree
    nodes: list[tuple[int, int, bytes]]
    tiles: list[Tile]


def grow(tree: Tree, hashes: Sequence[bytes]) -> Growth:
    """Append leaf hashes."""
    frontier, size = list(tree.frontier), tree.size
    edges = [list(edge) for edge in tree.edges]
    nodes: list[tuple[int, int, bytes]] = []
    tiles: list[Tile] = []
    for hash_ in hashes:
        made = append_leaf(frontier, size, hash_)
        size += 1
        nodes.extend(made)
        for level, index, node in made[::TILE_HEIGHT]:
            _extend_edge(edges, level // TILE_HEIGHT, index, node, tiles)
    return Growth(Tree(size, tuple(frontier), tuple(map(tuple, edges))), nodes, tiles)


def _extend_edge(
    edges: list[list[bytes]], level: int, index: int, node: bytes, tiles: list[Tile]
) -> None:
    if level == len(edges):
        edges.append([])
    edge = edges[level]
    edge.append(node)
    if len(edge) == TILE_WIDTH:
        tiles.append((level, index // TILE_WIDTH, b"".join(edge)))
        edge.clear()


async def load_tree(
    size: int, frontier: tuple[bytes, ...], leaf_hashes: Sequence[bytes], fetch_tile: FetchTile
) -> Tree:
    """A tree from storage; ``leaf_hashes`` are those after the last full tile of level 0."""
    edges: list[tuple[bytes, ...]] = [tuple(leaf_hashes)] if size else []
    count = size // TILE_WIDTH
    level = 1
    while count:
        first = count - count % TILE_WIDTH
        hashes = []
        for number in range(first, count):
            tile = await fetch_tile(level - 1, number)
            assert tile is not None, "a full tile is missing"
            hashes.append(node_in_tile(tile, 0, TILE_WIDTH))
        edges.append(tuple(hashes))
        level, count = level + 1, count // TILE_WIDTH
    return Tree(size, frontier, tuple(edges))


class NodeCache:
    """Recent nodes, oldest out first, and whole tiles read back for older ones.

    What was read back for a proof is kept: the large subtrees to the left of every new leaf are
    old, and the longer the log, the more of them there are.
    """

    def __init__(self, fetch_tile: FetchTile) -> None:
        self._nodes: dict[Node, bytes] = {}
        self._older: dict[Node, bytes] = {}
        self._fetch_tile = fetch_tile

    def add(self, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Keep nodes that were just made."""
        kept = self._nodes
        for level, index, hash_ in nodes:
            kept[level, index] = hash_
        while len(kept) > NODES_KEPT:
            del kept[next(iter(kept))]

    async def proof(self, index: int, size: int, tree: Tree) -> tuple[bytes, ...]:
        """The audit path of a leaf in the tree of ``size``, which ``tree`` extends."""
        nodes, older = self._nodes, self._older

        def at(level: int, n: int) -> bytes:
            return nodes.get((level, n)) or older[level, n]

        try:
            return tuple(inclusion_proof(index, size, at))
        except KeyError:
            return await self._prove(lambda at: inclusion_proof(index, size, at), tree)

    async def consistency(self, size: int, tree: Tree, end: int | None = None) -> tuple[bytes, ...]:
        """The proof that ``tree``, or its first ``end`` leaves, extends its first ``size``."""
        end = tree.size if end is None else end
        return await self._prove(lambda at: consistency_proof(size, end, at), tree)

    async def frontier(self, size: int, tree: Tree) -> tuple[bytes, ...]:
        """The frontier of the first ``size`` leaves of ``tree``."""
        nodes = frontier_nodes(size)
        return await self._prove(lambda at: [at(*node) for node in nodes], tree)

    async def root(self, size: int, tree: Tree) -> bytes:
        """The root over the first ``size`` leaves of ``tree``."""
        return frontier_root(await self.frontier(size, tree))

    async def _prove(self, prove: Prove, tree: Tree) -> tuple[bytes, ...]:
        """Run ``prove`` once to learn which nodes it asks for, then again with their hashes."""
        needed: list[Node] = []

        def note_it(level: int, n: int) -> bytes:
            needed.append((level, n))
            return b""

        prove(note_it)
        read = await self._read(needed, tree)
        return tuple(prove(lambda level, n: read[level, n]))

    async def _read(self, needed: Sequence[Node], tree: Tree) -> dict[Node, bytes]:
        read: dict[Node, bytes] = {}
        tiles: dict[Node, bytes] = {}
        for level, n in needed:
            if kept := self._nodes.get((level, n)) or self._older.get((level, n)):
                read[level, n] = kept
                continue
            tile_level, number, first, count = tile_of(level, n)
            if (tile_level, number) not in tiles:
                tiles[tile_level, number] = await self.tile(tile_level, number, tree)
            read[level, n] = node_in_tile(tiles[tile_level, number], first, count)
            self._older[level, n] = read[level, n]
        while len(self._older) > OLDER_KEPT:
            del self._older[next(iter(self._older))]
        return read

    async def tile(self, level: int, number: int, tree: Tree) -> bytes:
        """A tile of ``tree``, as far as it is filled; the tree has at least one hash of it."""
        full = (tree.size >> TILE_HEIGHT * level) // TILE_WIDTH
        if number >= full:
            return b"".join(tree.edges[level])
        tile = await self._fetch_tile(level, number)
        assert tile is not None, "a full tile is missing"
        return tile
