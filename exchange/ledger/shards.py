"""Opening a log: is the database where our signature says it was?

A log whose database is behind, or beside, the signer's mark is never appended to again and
nothing is signed (delivery.md, *Shards*). A log that is ahead of its mark (killed between commit
and mark) is shown to extend it first.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from exchange.ledger.errors import LogBehind
from exchange.ledger.log_writer import Clock, LedgerStore, LogWriter
from exchange.ledger.marks import Mark, Marks
from exchange.ledger.tree import NodeCache, Tree, load_tree
from exchange.storage.rows import ShardHead
from signing.log.merkle import HASH_BYTES, append_leaf, frontier_root, leaf_hash
from signing.log.note import NoteSigner
from signing.log.tiles import TILE_WIDTH, parse_entries


class LogReads(Protocol):
    """What opening a log reads."""

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """The groups that hold leaves ``first`` to ``last``."""

    async def tile(self, shard: int, level: int, number: int) -> bytes | None:
        """A full tile."""


async def read_leaves(reads: LogReads, shard: int, first: int, end: int) -> list[bytes]:
    """Leaves ``first`` to ``end`` (exclusive), byte for byte."""
    if first >= end:
        return []
    leaves: list[bytes] = []
    for start, bundle in await reads.entries(shard, first, end - 1):
        for offset, leaf in enumerate(parse_entries(bundle)):
            if first <= start + offset < end:
                leaves.append(leaf)
    return leaves


def tile_fetcher(reads: LogReads, shard: int) -> Callable[[int, int], Awaitable[bytes | None]]:
    """Fetches a shard's tiles."""

    async def fetch(level: int, number: int) -> bytes | None:
        return await reads.tile(shard, level, number)

    return fetch


async def open_log(
    store: LedgerStore,
    reads: LogReads,
    head: ShardHead,
    signer: NoteSigner,
    marks: Marks,
    clock: Clock,
) -> LogWriter:
    """A writer for a log: signed up to its head when its database continues what was signed.

    When it doesn't, the writer is frozen: `failed` says why, receipts of the stored note go on.
    """
    fetch = tile_fetcher(reads, head.shard)
    partial = head.size - head.size % TILE_WIDTH
    hashes = [leaf_hash(leaf) for leaf in await read_leaves(reads, head.shard, partial, head.size)]
    tree = await load_tree(head.size, head.frontier, hashes, fetch)
    try:
        await _check_continues(reads, head, marks)
    except LogBehind as behind:
        writer = LogWriter(store, signer, marks, head, tree, NodeCache(fetch), clock)
        writer.freeze(behind)
        return writer
    writer = LogWriter(store, signer, marks, head, tree, NodeCache(fetch), clock)
    if head.size:
        await writer.seal(head.size)
    return writer


async def _check_continues(reads: LogReads, head: ShardHead, marks: Marks) -> None:
    if frontier_root(head.frontier) != head.root:
        raise LogBehind(f"{head.origin}: the stored frontier does not give the stored root.")
    mark = marks.of(head.origin)
    if mark is not None:
        await _check_extends(reads, head, mark)
        if (mark.size, mark.root) != (head.size, head.root):
            marks.advance(head.origin, (mark.size, mark.root), head.size, head.root)
    elif head.note is not None:
        raise LogBehind(f"{head.origin} was signed, but the mark file does not know it.")


async def _check_extends(reads: LogReads, head: ShardHead, mark: Mark) -> None:
    if head.size < mark.size:
        raise LogBehind(
            f"{head.origin}: the database holds {head.size} leaves, but {mark.size} were signed."
            " It is an older copy: put back the newer one."
        )
    if head.size == mark.size:
        if head.root != mark.root:
            raise LogBehind(f"{head.origin}: the database holds another history than was signed.")
        return
    root, frontier = await _replay(reads, head, mark.size)
    if root != mark.root or frontier_root(frontier) != head.root:
        raise LogBehind(f"{head.origin}: the database does not extend what was signed.")


async def _replay(reads: LogReads, head: ShardHead, size: int) -> tuple[bytes, list[bytes]]:
    """The root at ``size`` and the frontier at the end, computed from stored tiles and leaves."""
    frontier: list[bytes] = []
    root = frontier_root(frontier)
    start = 0
    for number in range(head.size // TILE_WIDTH):
        tile = await reads.tile(head.shard, 0, number)
        assert tile is not None, "a full tile is missing"
        for at in range(0, len(tile), HASH_BYTES):
            append_leaf(frontier, start, tile[at : at + HASH_BYTES])
            start += 1
            root = frontier_root(frontier) if start == size else root
    for leaf in await read_leaves(reads, head.shard, start, head.size):
        append_leaf(frontier, start, leaf_hash(leaf))
        start += 1
        root = frontier_root(frontier) if start == size else root
    return root, frontier


def empty_head(shard: int, origin: str) -> ShardHead:
    """The head of a log that holds nothing yet."""
    tree = Tree()
    return ShardHead(shard, origin, 1, "open", 0, tree.root, (), 0, 0)
