"""Keeping what somebody vouched for: whoever brings the signature that was missing makes a quorum.

Witnesses are asked by one process and bring cosignatures to any other, so the count is of what the
database holds once a signature is kept there, not of what one process has seen.
"""

from dataclasses import replace
from typing import Final, Protocol

from exchange.ledger.log_writer import Clock
from exchange.ledger.stored_log import LeafReads, read_leaves
from exchange.storage.rows import AnchoringState, AnchorRow
from exchange.witnessing.lateness import Lateness
from exchange.witnessing.rules import AnchorRules
from signing.log.leaf import parse_leaf
from signing.log.policy import cosignature_times

_CHUNK: Final = 64  # leaves read at once; a heads leaf comes every minute
_CHUNKS_MAX: Final = 64


class AnchorStore(Protocol):
    """Where anchors are kept."""

    async def take_anchoring(
        self, log: int, now_ms: int, lease_ms: int | None, *, cosigned: bool, stamped: bool
    ) -> AnchoringState:
        """Be the process that asks, or only look."""

    async def keep_anchor(self, row: AnchorRow) -> AnchorRow:
        """Add what somebody vouched for; the anchor as it is then."""


class AnchorKeeper:
    """Keeps anchors, and counts the quorum."""

    def __init__(
        self, rules: AnchorRules, store: AnchorStore, lateness: Lateness, clock: Clock
    ) -> None:
        self._policy = rules.policy()
        self._store = store
        self._lateness = lateness
        self._clock = clock

    async def keep(self, row: AnchorRow) -> AnchorRow:
        """Add to a checkpoint's anchor what was verified; the anchor as it is then.

        Raises:
            SealwayError: the database can't be written now.
        """
        kept = await self._store.keep_anchor(row)
        if kept.cosigned_at_ms is None and self._policy.quorum is not None:
            met = set(cosignature_times(kept.note, self._policy.witnesses))
            if self._policy.is_met(met):
                kept = await self._store.keep_anchor(replace(kept, cosigned_at_ms=self._clock()))
                self._remember(kept.cosigned_at_ms)
        return kept

    def _remember(self, at_ms: int | None) -> None:
        """Here at once; other processes look every few seconds."""
        state = self._lateness.state
        if state is not None and at_ms is not None:
            last_ms = max(at_ms, state.cosigned_at_ms or 0)
            self._lateness.state = replace(state, cosigned_at_ms=last_ms)


async def new_row(reads: LeafReads, log: int, size: int, note: str) -> AnchorRow:
    """A checkpoint's anchor with nothing but the last heads leaf that it covers."""
    row = AnchorRow(log, size, note)
    for chunk in range(_CHUNKS_MAX):
        end = size - chunk * _CHUNK
        first = max(0, end - _CHUNK)
        leaves = await read_leaves(reads, log, first, end)
        for offset in range(len(leaves) - 1, -1, -1):
            leaf = parse_leaf(leaves[offset])
            if leaf.k == "heads":
                return replace(row, heads_index=first + offset, heads_at_ms=leaf.ts_ms)
        if not first:
            break
    return row
