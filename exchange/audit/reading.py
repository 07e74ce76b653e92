"""What an export reads of the logs: leaves in windows, the acts that belong to them, opened.

Every read is bounded; nothing is written. What is gone is told as such, never left out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from exchange.acceptance.stored import OpenedMessages
from exchange.ledger.stored_log import read_leaves
from exchange.storage.port import Reads
from exchange.storage.rows import AnchorRow, StoredMessage
from sealway.audit.layout import Act, Sort
from signing.at_rest import EpochKeys, SealedEnvelope, StoredInvalid, open_envelope
from signing.encoding import b64url_decode
from signing.errors import SigningError
from signing.log.leaf import BARE_KINDS, LEAF_SALT_BYTES, Leaf, parse_leaf
from signing.manifest import KINDS, Manifest
from signing.message import encode_frame, parse_frame_head
from signing.strict_json import parse_json

ANCHORS_MAX: Final = 1_000  # three days of them at one in five minutes
WINDOW: Final = 1_024  # leaves read at once
PLACES_WINDOW: Final = 16_384  # leaves whose messages are looked up at once
ID_EARLIER_MS: Final = 2 * 86_400_000 + 600_000  # an id may be so much older than its leaf
ID_LATER_MS: Final = 3_600_000  # or so much newer, by the clock of its sender
ERASED: Final = b"erased"
RETIRED: Final = b"not-kept"


@dataclass(frozen=True, slots=True)
class Opened:
    """An act as an export hands it over, with what is needed to filter it."""

    act: Act
    manifest: Manifest | None = None

    @property
    def envelope_only(self) -> Act:
        """The same without its parts."""
        if self.act.sort is not Sort.FRAME:
            return self.act
        envelope, _ = parse_frame_head(self.act.data)
        return Act(self.act.index, Sort.ENVELOPE, self.act.salt, envelope)


class LogReader:
    """Reads one bus's logs for an export."""

    def __init__(self, reads: Reads, opened: OpenedMessages, epochs: EpochKeys) -> None:
        self._reads = reads
        self._opened = opened
        self._epochs = epochs

    async def leaves(self, n: int, first: int, end: int) -> AsyncIterator[tuple[int, bytes]]:
        """Leaves with their indexes. Raises StorageUnavailable."""
        for start in range(first, end, WINDOW):
            some = await read_leaves(self._reads, n, start, min(start + WINDOW, end))
            for offset, leaf in enumerate(some):
                yield start + offset, leaf

    async def leaf(self, n: int, index: int) -> Leaf:
        """One leaf."""
        (raw,) = await read_leaves(self._reads, n, index, index + 1)
        return parse_leaf(raw)

    async def anchors(self, start: int | None, size: int) -> list[AnchorRow]:
        """What others vouched for of log 0 up to ``size``: from the range's beginning, and last."""
        from_ms = 0 if start is None else (await self.leaf(0, start)).ts_ms
        found = await self._reads.anchors(0, from_ms, ANCHORS_MAX, cosigned=False, stamped=False)
        by_size = {row.size: row for row in found}
        for cosigned, stamped in ((True, False), (False, True)):
            last = await self._reads.last_anchor(0, cosigned=cosigned, stamped=stamped)
            if last is not None:
                by_size[last.size] = last
        return [by_size[one] for one in sorted(by_size) if one <= size]

    async def places(self, n: int, first: int, end: int) -> dict[int, bytes]:
        """The ids of the messages whose leaves are ``first`` to ``end`` (exclusive)."""
        earliest, latest = await self.leaf(n, first), await self.leaf(n, end - 1)
        ids = _id_from(earliest.ts_ms - ID_EARLIER_MS), _id_from(latest.ts_ms + ID_LATER_MS)
        return dict(await self._reads.message_places(n, first, end, *ids))

    async def act(
        self, n: int, index: int, leaf: Leaf, id_: bytes | None, *, content: bool
    ) -> Opened:
        """The act of a leaf, opened; `Sort.GONE` when the bus has it no more."""
        try:
            if leaf.k in KINDS:
                return await self._message(index, id_, content=content)
            if leaf.k == "refusal":
                refusal = await self._refusal(n, index)
                if refusal is not None:
                    return refusal
            return await self._record(n, index, leaf)
        except StoredInvalid:
            return _gone(index, ERASED)

    async def record(self, n: int, index: int, leaf: Leaf) -> Act:
        """The record of a leaf; `Sort.GONE` when it was erased."""
        try:
            return (await self._record(n, index, leaf)).act
        except StoredInvalid:
            return _gone(index, ERASED).act

    async def _message(self, index: int, id_: bytes | None, *, content: bool) -> Opened:
        stored = None if id_ is None else await self._reads.message(id_)
        if stored is None:
            return _gone(index, RETIRED)
        try:
            return await self._readable(index, stored, content=content)
        except StoredInvalid:
            raise
        except SigningError:  # whatever it is, the auditor gets its bytes
            if stored.envelope_key is None:
                return _gone(index, ERASED)
            sealed = SealedEnvelope(stored.envelope, stored.envelope_key, stored.leaf_salt)
            raw, salt = open_envelope(sealed, stored.id, self._epochs)
            return Opened(Act(index, Sort.ENVELOPE, salt, raw))

    async def _readable(self, index: int, stored: StoredMessage, *, content: bool) -> Opened:
        if content and stored.content_key is not None:
            whole = await self._opened.message(stored.id)
            if whole is None:
                return _gone(index, RETIRED)
            frame = encode_frame(whole.envelope, whole.parts)
            return Opened(Act(index, Sort.FRAME, whole.place.leaf_salt, frame), whole.manifest)
        envelope = self._opened.envelope(stored)
        act = Act(index, Sort.ENVELOPE, envelope.leaf_salt, envelope.raw)
        return Opened(act, envelope.manifest)

    async def _refusal(self, n: int, index: int) -> Opened | None:
        stored = await self._reads.refusal_at(n, index)
        if stored is None:
            return None
        refusal = await self._opened.refusal(stored)
        return Opened(Act(index, Sort.ENVELOPE, refusal.place.leaf_salt, refusal.envelope))

    async def _record(self, n: int, index: int, leaf: Leaf) -> Opened:
        row = await self._reads.record(n, index)
        if row is None:
            return _gone(index, RETIRED)
        data, salt, key = row
        if key is None and leaf.k not in BARE_KINDS:
            return _gone(index, ERASED)
        if key is not None:
            sealed = SealedEnvelope(data, key, salt)
            data, salt = open_envelope(sealed, _nonce(leaf), self._epochs)
        return Opened(Act(index, Sort.RECORD, salt, data))


def _gone(index: int, why: bytes) -> Opened:
    return Opened(Act(index, Sort.GONE, bytes(LEAF_SALT_BYTES), why))


def _id_from(ms: int) -> bytes:
    """The least id of a moment."""
    return max(ms, 0).to_bytes(6, "big") + bytes(10)


def _nonce(leaf: Leaf) -> bytes:
    return b64url_decode(parse_json(leaf.raw, depth_max=1, bytes_max=1_000)["n"])
