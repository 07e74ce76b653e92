"""Signing the last leaves of an older copy, when a person closes its log for ever.

A copy of a database holds a few leaves that its stored checkpoint doesn't cover yet, for a
checkpoint is stored with the next group. More of such a log was signed than the copy holds, so
nobody signs it any more, and what those leaves accepted could never be proven: a question among
them would reach no provider. Committed states are a line, so what the copy holds is the beginning
of what was signed, and its checkpoint is beside none. A copy that somebody doctored gets a
checkpoint that contradicts a receipt: that is evidence, too.
"""

from collections.abc import Sequence
from typing import Final

from exchange.ledger.errors import LogBehind
from exchange.ledger.log_writer import LedgerStore, LogWriter
from exchange.ledger.shards import KnownTree
from exchange.ledger.stored_log import check_frontier
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from signing.log.note import NoteSigner

_NOTHING: Final[tuple[KnownTree, ...]] = ()


async def sign_as_found(
    store: LedgerStore,
    writer: LogWriter,
    signer: NoteSigner | None,
    signed: Sequence[KnownTree],
) -> bool:
    """Sign the head of a log that is behind what was signed, and store it; True when it was.

    ``signed`` is every tree that is known to be signed of it. Its mark stays where it is. Nothing
    is signed when the log isn't behind, when its key isn't here, or when it contradicts what was
    signed. The caller closes the log: nothing may be appended after this.

    Raises:
        StorageUnavailable: the log can't be read, or the checkpoint not be stored.
    """
    head = writer.head
    if signer is None or head.note_size >= head.size:
        return False
    if max((one.size for one in signed), default=0) <= head.size:
        return False
    try:
        check_frontier(head)
        shorter = [one for one in signed if one.size <= head.size]
        for one in [*shorter, *_stored(head.note, signer)]:
            await writer.check_extends(one.size, one.root)
    except (LogBehind, ProofInvalid):
        return False
    note = sign_checkpoint(Checkpoint(head.origin, head.size, head.root), signer)
    await store.save_note(head.shard, note, head.size)
    return True


def _stored(note: str | None, signer: NoteSigner) -> Sequence[KnownTree]:
    return _NOTHING if note is None else (verify_checkpoint(note, signer.verifier),)
