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
from exchange.ledger.sealing import OutcomeUnknown
from exchange.ledger.stored_log import LogReads, StoredLog, check_frontier, read_leaves
from exchange.ledger.tree import Tree
from exchange.storage.rows import ShardHead
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.note import NoteSigner

__all__ = ["KnownTree", "LogReads", "empty_head", "open_log", "read_leaves"]


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
    signer: NoteSigner | None,
    marks: Marks,
    clock: Clock,
    known: Sequence[KnownTree] = (),
    *,
    shared: bool = False,
) -> LogWriter:
    """A writer for a log: signed up to its head when its database continues what was signed.

    When it doesn't, the writer is frozen: `failed` says why, receipts of the stored note go on.
    Without a signer nothing is signed, and what is stored is believed.

    ``known`` are the highest checkpoints known elsewhere. ``shared``: other machines write to
    this database too, so a log may have been signed without a mark here; then the note stored
    with it is one more thing that it must extend.

    Raises:
        OutcomeUnknown: the mark can't be written.
        StorageUnavailable: the log can't be read.
    """
    stored = StoredLog(reads, head.shard)
    tree = await stored.tree(head)
    writer = LogWriter(store, signer, marks, head, tree, stored, clock, shared=shared)
    try:
        check_frontier(head)
        if signer is not None:
            mark = await asyncio.to_thread(marks.of, head.origin)
            await writer.meet(mark or Mark(head.origin))
            known = [*known, *([] if mark else _stored(head, signer, shared))]
        for one in known:
            await writer.check_extends(one.size, one.root)
    except LogBehind as behind:
        writer.freeze(behind)
        return writer
    if signer is not None and writer.head.size:
        await _seal(writer)
    return writer


def _stored(head: ShardHead, signer: NoteSigner, shared: bool) -> list[Checkpoint]:
    """The checkpoint stored with a log that has no mark here.

    Raises:
        LogBehind: nobody else could have signed it, or it isn't signed by the log's key.
    """
    if head.note is None:
        return []
    if not shared:
        raise LogBehind(f"{head.origin} was signed, but the mark file does not know it.")
    try:
        return [verify_checkpoint(head.note, signer.verifier)]
    except ProofInvalid as problem:
        raise LogBehind(f"{head.origin}: its stored note is not signed by its key.") from problem


async def _seal(writer: LogWriter) -> None:
    try:
        await writer.seal(writer.head.size)
    except OutcomeUnknown:
        if not isinstance(writer.failed, LogBehind):
            await writer.stop()
            raise


def empty_head(shard: int, origin: str) -> ShardHead:
    """The head of a log that holds nothing yet."""
    tree = Tree()
    return ShardHead(shard, origin, 1, "open", 0, tree.root, (), 0, 0)
