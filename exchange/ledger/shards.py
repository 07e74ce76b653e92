"""Opening a log: is the database where it was signed to be?

A log whose database is behind, or beside, the signer's mark or a checkpoint known elsewhere is
never appended to again and nothing is signed (delivery.md, *Shards*). A log that is ahead of its
mark (killed between commit and mark) is shown to extend it first. What is read is a few tiles,
however long the log is.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from exchange.ledger.errors import LogBehind
from exchange.ledger.log_writer import Clock, LedgerStore, LogWriter
from exchange.ledger.marks import Mark, Marks
from exchange.ledger.stored_log import LogReads, StoredLog, check_frontier, read_leaves
from exchange.ledger.tree import Tree
from exchange.storage.rows import ShardHead
from signing.log.note import NoteSigner

__all__ = ["KnownTree", "empty_head", "open_log", "open_view", "read_leaves"]


class KnownTree(Protocol):
    """Size and root that were signed, as somebody else remembers them."""

    @property
    def size(self) -> int:
        """Number of leaves."""

    @property
    def root(self) -> bytes:
        """Its root."""


async def open_log(
    store: LedgerStore,
    reads: LogReads,
    head: ShardHead,
    signer: NoteSigner,
    marks: Marks,
    clock: Clock,
    known: Sequence[KnownTree] = (),
    *,
    shared: bool = False,
) -> LogWriter:
    """A writer for a log: signed up to its head when its database continues what was signed.

    When it doesn't, the writer is frozen: `failed` says why, receipts of the stored note go on.
    ``known`` are the highest checkpoints known elsewhere. A log that was signed, but never on
    this machine, is opened only with one of them: its mark is not here to tell.
    """
    writer = await open_view(store, reads, head, signer, marks, clock, known, shared=shared)
    if writer.failed is None and writer.head.size:
        await writer.seal(writer.head.size)
    return writer


async def open_view(
    store: LedgerStore,
    reads: LogReads,
    head: ShardHead,
    signer: NoteSigner | None,
    marks: Marks,
    clock: Clock,
    known: Sequence[KnownTree] = (),
    *,
    shared: bool = False,
) -> LogWriter:
    """As `open_log`, but nothing is signed before it is asked for."""
    stored = StoredLog(reads, head.shard)
    tree = await stored.tree(head)
    writer = LogWriter(store, signer, marks, head, tree, stored, clock, shared=shared)
    try:
        check_frontier(head)
        await _check_continues(writer, marks, known)
    except LogBehind as problem:
        writer.freeze(problem)
    return writer


async def _check_continues(writer: LogWriter, marks: Marks, known: Sequence[KnownTree]) -> None:
    origin = writer.head.origin
    mark = await asyncio.to_thread(marks.of, origin)
    if mark is None and writer.head.note is not None and not known:
        raise LogBehind(f"{origin} was signed, but the mark file does not know it.")
    await writer.meet(mark or Mark(origin))
    for one in known:
        await writer.check_extends(one.size, one.root)


def empty_head(shard: int, origin: str) -> ShardHead:
    """The head of a log that holds nothing yet."""
    tree = Tree()
    return ShardHead(shard, origin, 1, "open", 0, tree.root, (), 0, 0)
