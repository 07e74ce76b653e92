"""One log as the database holds it: its head, its leaves and tiles, and the tree they give.

Refuses to judge what was signed: it only shows that a later head continues an earlier tree.
"""

from typing import Final, Protocol

from exchange.ledger.errors import LogBehind
from exchange.ledger.tree import NodeCache, Tree, grow, load_tree
from exchange.storage.rows import ShardHead
from signing.errors import ProofInvalid
from signing.log.merkle import frontier_root, leaf_hash, verify_consistency
from signing.log.tiles import TILE_WIDTH, parse_entries

GROWN_MAX: Final = 2_048
"""So many new leaves are read and appended; beyond it a tree is loaded from its tiles anew."""


class LogReads(Protocol):
    """What a log is read from. Each raises StorageUnavailable."""

    async def head(self, shard: int) -> ShardHead | None:
        """A log's committed head."""

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """The groups that hold leaves ``first`` to ``last``."""

    async def tile(self, shard: int, level: int, number: int) -> bytes | None:
        """A full tile."""


class LeafReads(Protocol):
    """Where leaves are read."""

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """The groups that hold leaves ``first`` to ``last``."""


async def read_leaves(reads: LeafReads, shard: int, first: int, end: int) -> list[bytes]:
    """Leaves ``first`` to ``end`` (exclusive), byte for byte."""
    if first >= end:
        return []
    leaves: list[bytes] = []
    for start, bundle in await reads.entries(shard, first, end - 1):
        for offset, leaf in enumerate(parse_entries(bundle)):
            if first <= start + offset < end:
                leaves.append(leaf)
    return leaves


class StoredLog:
    """Reads one log."""

    def __init__(self, reads: LogReads, shard: int) -> None:
        self._reads = reads
        self._shard = shard

    async def head(self) -> ShardHead:
        """The committed head. Raises LogBehind when the database knows no such log."""
        head = await self._reads.head(self._shard)
        if head is None:
            raise LogBehind(f"The database doesn't know log {self._shard} any more.")
        return head

    async def tile(self, level: int, number: int) -> bytes | None:
        """A full tile."""
        return await self._reads.tile(self._shard, level, number)

    async def tree(self, head: ShardHead) -> Tree:
        """The tree of a head, from the log's tiles and the leaves after the last full one."""
        hashes = await self._leaf_hashes(head.size - head.size % TILE_WIDTH, head.size)
        return await load_tree(head.size, head.frontier, hashes, self.tile)

    async def _leaf_hashes(self, first: int, end: int) -> list[bytes]:
        leaves = await read_leaves(self._reads, self._shard, first, end)
        return [leaf_hash(leaf) for leaf in leaves]

    async def extended(self, tree: Tree, nodes: NodeCache, head: ShardHead) -> Tree:
        """The tree of ``head``, shown to extend ``tree``; ``nodes`` learns what was made.

        Raises:
            LogBehind: the database holds fewer leaves, or another history.
        """
        if head.size < tree.size:
            raise LogBehind(
                f"{head.origin}: the database holds {head.size} leaves, but had {tree.size}."
            )
        if head.size - tree.size <= GROWN_MAX:
            growth = grow(tree, await self._leaf_hashes(tree.size, head.size))
            if (growth.tree.size, growth.tree.root) != (head.size, head.root):
                raise beside(head)
            nodes.add(growth.nodes)
            return growth.tree
        check_frontier(head)
        loaded = await self.tree(head)
        await check_consistent(tree.size, tree.root, head, loaded, nodes)
        return loaded


def check_frontier(head: ShardHead) -> None:
    """Raises LogBehind: the stored frontier does not give the stored root."""
    if frontier_root(head.frontier) != head.root:
        raise LogBehind(f"{head.origin}: the stored frontier does not give the stored root.")


async def check_consistent(
    size: int, root: bytes, head: ShardHead, tree: Tree, nodes: NodeCache
) -> None:
    """Return when ``head``, whose tree is ``tree``, extends the tree of ``size`` and ``root``.

    Reads a few tiles, however long the log is.

    Raises:
        LogBehind: it doesn't.
    """
    try:
        if size:
            proof = await nodes.consistency(size, tree)
            verify_consistency(size, root, head.size, head.root, proof)
    except ProofInvalid as problem:
        raise beside(head) from problem


def beside(head: ShardHead) -> LogBehind:
    """The refusal of a history that isn't the one we know."""
    return LogBehind(f"{head.origin}: the database does not extend what was signed.")
