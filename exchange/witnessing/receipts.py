"""Anchored receipts, made on demand: leaf, shard's root, heads leaf, anchored checkpoint.

Invariant: the checkpoint is the first one that covers the leaf and has what the settings ask for,
so that its time is as near to the leaf's as there is; the same receipt is made again and again.
"""

from collections.abc import Sequence
from typing import Final

from exchange.ledger.entries import Placed
from exchange.ledger.logs import Logs
from exchange.ledger.stored_log import read_leaves
from exchange.storage.port import Reads
from exchange.storage.rows import AnchorRow
from exchange.witnessing.errors import AnchorNotYet
from exchange.witnessing.rules import AnchorRules
from signing.anchored import AnchoredReceipt, encode_anchored
from signing.receipts import encode_receipt
from signing.records import decode_record

CLOCKS_APART_MS: Final = 300_000  # heads may be dated by another machine than the leaf
LOOKED_AT: Final = 64  # anchors come every minute: the leaf's own is among the first few


class AnchoredReceipts:
    """Makes anchored receipts of traffic leaves."""

    def __init__(self, rules: AnchorRules, logs: Logs, reads: Reads) -> None:
        self._rules = rules
        self._logs = logs
        self._reads = reads

    async def receipt(self, place: Placed) -> bytes:
        """The anchored receipt of a leaf.

        Raises:
            AnchorNotYet: no anchored checkpoint covers it so far.
            LogUnavailable, OutcomeUnknown, StorageUnavailable: its proof can't be made now.
        """
        for log in range(self._logs.directory.head.shard, 1):
            for anchor in await self._anchors(log, place):
                size = await self._size_of(anchor, place)
                if size is not None:
                    return await self._encode(place, anchor, size)
        raise AnchorNotYet

    async def _anchors(self, log: int, place: Placed) -> Sequence[AnchorRow]:
        return await self._reads.anchors(
            log,
            place.at_ms - CLOCKS_APART_MS,
            LOOKED_AT,
            cosigned=bool(self._rules.witnesses),
            stamped=bool(self._rules.authorities),
        )

    async def _size_of(self, anchor: AnchorRow, place: Placed) -> int | None:
        """The size that the anchor's heads give the leaf's log; None when it doesn't cover it."""
        assert anchor.heads_index is not None
        stored = await self._reads.record(anchor.log, anchor.heads_index)
        after = None if stored is None else decode_record(stored[0]).after
        for head in after if isinstance(after, list) else []:
            if head["n"] == place.shard and head["size"] > place.index:
                return int(head["size"])
        return None

    async def _encode(self, place: Placed, anchor: AnchorRow, size: int) -> bytes:
        log = await self._logs.covering(place.shard, size - 1)
        path = await log.nodes.proof(place.index, size, log.tree)
        index = anchor.heads_index
        assert index is not None
        stored = await self._reads.record(anchor.log, index)
        assert stored is not None
        log_0 = await self._logs.covering(anchor.log, anchor.size - 1)
        heads_path = await log_0.nodes.proof(index, anchor.size, log_0.tree)
        (leaf,) = await read_leaves(self._reads, anchor.log, index, index + 1)
        return encode_anchored(
            AnchoredReceipt(
                leaf=place.leaf,
                salt=place.leaf_salt,
                log=log.head.origin,
                index=place.index,
                size=size,
                path=path,
                heads_record=stored[0],
                heads_receipt=encode_receipt(leaf, stored[1], index, heads_path, anchor.note),
                timestamp=anchor.token,
            )
        )
