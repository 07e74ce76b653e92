"""A traffic log's second pass: each leaf with its row, its proof, its exchange and its envelope.

Invariant: every leaf has exactly one row of its kind and every row a leaf; each message gets a
receipt of its own, made from the rebuilt tree and verified against the signed checkpoint.
"""

from dataclasses import dataclass, field
from typing import Final

from registry.directory import Directory
from registry.grants import Grant
from sealway.verify.bounds import VersionBounds
from sealway.verify.database import Database, Row
from sealway.verify.directory_log import DirectoryReader
from sealway.verify.envelopes import EnvelopeReader, OpenedEnvelope, Sealed
from sealway.verify.findings import Code, Findings
from sealway.verify.leaves import in_tiles, stored_leaves
from sealway.verify.listing import ListedLog
from sealway.verify.pairing import Pairing, asked_by, collects
from sealway.verify.receipts import Tile, check_receipt, tile_at
from sealway.verify.record_rows import RecordReader
from sealway.verify.row_cursor import RowCursor, fetch_messages
from sealway.verify.scan import ScannedLog, Step
from sealway.verify.standing import Standing
from signing.errors import ProofInvalid
from signing.log.leaf import TRAFFIC_KINDS, Leaf, parse_leaf
from signing.manifest import ANSWERS, KINDS

REFUSALS_KEPT_MS: Final = 90 * 86_400_000  # log.md: a refused envelope is kept 90 days
ID_AGE_DAYS_MAX: Final = (
    2  # messages go by their id's day; an id may be so much older than its leaf
)
_DAY_MS: Final = 86_400_000
_PLAIN: Final = (bytes, int, bytes, bytes, int)
_REFUSAL_COLUMNS: Final = 6
_ALTERED: Final = "The leaf is not the one that its message was accepted with."
_SUSPECTS_MAX: Final = 10_000


@dataclass(slots=True)
class Counts:
    """What was gone through."""

    messages: int = 0
    refusals: int = 0
    records: int = 0
    receipts: int = 0
    envelopes: int = 0


@dataclass(slots=True)
class TrafficLog:
    """One log of traffic on its way through the checks."""

    database: Database
    scanned: ScannedLog
    listed: ListedLog
    directories: DirectoryReader
    pairing: Pairing
    standing: Standing
    records: RecordReader
    envelopes: EnvelopeReader | None
    systems: dict[object, object]
    findings: Findings
    counts: Counts
    last_version: int
    newest_ms: int = 0
    messages_days: int | None = None
    """For how many days messages are kept, at the least, as a policy in log 0 said."""
    _last_ts_ms: int = 0
    _last_reg: int = 0
    _suspects: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """Leaves that aren't those of their rows: index, the leaf's hash, the row's."""

    @property
    def shard(self) -> int:
        """The log's number."""
        return self.listed.n

    def read(self, step: Step) -> None:
        """Go through all leaves. Raises DatabaseUnreadable."""
        database, shard, findings = self.database, self.shard, self.findings
        places = RowCursor("message", database.message_places(shard), shard, findings)
        records = RowCursor("record", database.records(shard), shard, findings)
        refusals = RowCursor("refusal", database.refusals(shard), shard, findings)
        bounds = VersionBounds(self.listed.anchors_for(self.scanned.head.size), self.last_version)
        first = 0
        for leaves in in_tiles(stored_leaves(database, shard)):
            end = first + len(leaves)
            rows = self._messages(places.take(first, end))
            others = self._others(refusals.take(first, end), records.take(first, end))
            tile = tile_at(first, leaves, self.scanned)
            for offset, raw in enumerate(leaves):
                index = first + offset
                leaf = self._parse(raw, index, bounds)
                if leaf is not None:
                    self._leaf(leaf, tile, index, rows.pop(index, None), others.pop(index, None))
            self._unclaimed([*rows, *others])
            first = end
            step(len(leaves))
        for cursor in (places, records, refusals):
            cursor.end()
        self._check_end()

    def _messages(self, places: dict[int, Row]) -> dict[int, Row]:
        numbers = [row[0] for row in places.values()]
        if not numbers:
            return {}
        found = fetch_messages(
            self.database,
            numbers,
            sealed=self.envelopes is not None,
            shard=self.shard,
            findings=self.findings,
        )
        return {index: found[index] for index in places if index in found}

    def _others(self, refusals: dict[int, Row], records: dict[int, Row]) -> dict[int, Row]:
        """Refusals and records by index; they differ in how many columns they have."""
        self._unclaimed([index for index in refusals if index in records])
        return {**refusals, **records}

    def _unclaimed(self, indexes: list[int]) -> None:
        for index in indexes:
            text = "A row stands for a leaf of another kind, or for none."
            self._add(Code.ROW_WITHOUT_LEAF, text, index)

    # --- one leaf -----------------------------------------------------------------------------

    def _parse(self, raw: bytes, index: int, bounds: VersionBounds) -> Leaf | None:
        try:
            leaf = parse_leaf(raw)
        except ProofInvalid as error:
            self._add(Code.LEAF_MALFORMED, error.detail, index)
            return None
        if leaf.k not in TRAFFIC_KINDS:
            self._add(Code.LEAF_MISPLACED, f"A leaf of kind {leaf.k} belongs to log 0.", index)
            return None
        if leaf.ts_ms < self._last_ts_ms:
            self._add(Code.TIME_RUNS_BACK, "The leaf is older than the one before it.", index)
        self._last_ts_ms = leaf.ts_ms
        if not bounds.is_timely(index, leaf.ts_ms):
            text = "The leaf's time lies outside of the heads around it."
            self._add(Code.TIME_OUTSIDE_HEADS, text, index)
        lowest, highest = bounds.at(index)
        if not max(lowest, self._last_reg) <= leaf.reg <= highest:
            text = f"The leaf names directory version {leaf.reg}, which was not in force."
            self._add(Code.VERSION_WRONG, text, index)
        self._last_reg = max(self._last_reg, min(leaf.reg, self.last_version))
        return leaf

    def _leaf(
        self, leaf: Leaf, tile: Tile, index: int, message: Row | None, other: Row | None
    ) -> None:
        if leaf.k in KINDS:
            if message is None:
                self._gone(leaf, index)
            self._message(leaf, tile, index, message)
            self._unclaimed([index] if other is not None else [])
            return
        self._unclaimed([index] if message is not None else [])
        if leaf.k == "refusal" and (other is None or len(other) == _REFUSAL_COLUMNS):
            self._refusal(leaf, index, other)
        else:
            self._record(leaf, index, other)

    def _gone(self, leaf: Leaf, index: int) -> None:
        """A message without a row: retired by the bus's policy, or taken away."""
        days = self.messages_days
        if days is not None and leaf.ts_ms + (days - ID_AGE_DAYS_MAX) * _DAY_MS <= self.newest_ms:
            text = f"The message is gone; by the bus's policy it was kept for {days} days."
            self._add(Code.MESSAGE_RETIRED, text, index)
        else:
            self._add(Code.ROW_MISSING, f"The message of this {leaf.k} leaf is gone.", index)

    def _record(self, leaf: Leaf, index: int, row: Row | None) -> None:
        answering = self.pairing.answer(leaf, self.shard, index)
        if row is None or len(row) == _REFUSAL_COLUMNS:
            self._add(Code.ROW_MISSING, f"The record of this {leaf.k} leaf is gone.", index)
            return
        verified = self.records.read(leaf, row, self.shard, index)
        if verified is None:
            return
        self.counts.records += 1
        if answering is not None:
            self.pairing.names(answering, _id_named(verified.record.key))

    def _message(self, leaf: Leaf, tile: Tile, index: int, row: Row | None) -> None:
        hash_ = tile.hashes[index - tile.first]
        directory = self.directories.at(self._last_reg)
        grant = self.standing.check(leaf, directory, self.shard, index)
        well = row is not None and tuple(map(type, row[:5])) == _PLAIN
        id_, digest = (row[0], row[2]) if row is not None and well else (b"", b"")
        answering = self.pairing.answer(leaf, self.shard, index)
        if leaf.k == "request":
            self.pairing.ask(hash_, asked_by(leaf, self.shard, index, id_, digest))
        elif leaf.k in ANSWERS and collects(directory, leaf.to):
            self.pairing.box(hash_, asked_by(leaf, self.shard, index, id_, digest))
        if row is None:
            return
        if not well:
            self._add(Code.ROW_MALFORMED, "A message's columns are of other types.", index)
            return
        self.counts.messages += 1
        self._check_row(leaf, hash_, row, index)
        opened = self._open(leaf, row, index, directory, grant)
        if opened is not None and answering is not None and self.envelopes is not None:
            self.pairing.names(answering, self.envelopes.about(opened))
        try:
            self.counts.receipts += check_receipt(
                leaf, row[3], index, tile, self.scanned.note, opened, self.listed.verifier
            )
        except ProofInvalid as error:
            self._add(Code.RECEIPT_INVALID, error.detail, index)

    def _check_row(self, leaf: Leaf, hash_: bytes, row: Row, index: int) -> None:
        _, sender, _, row_hash, accepted_at = row[:5]
        if row_hash != hash_ and len(self._suspects) < _SUSPECTS_MAX:
            self._suspects.append((index, hash_, row_hash))
        elif row_hash != hash_:
            self._add(Code.LEAF_ALTERED, _ALTERED, index)
        if accepted_at != leaf.ts_ms or self.systems.get(sender) != leaf.sender:
            self._add(Code.STORY_DIFFERS, "The row has another sender or time.", index)

    def _open(
        self,
        leaf: Leaf,
        row: Row,
        index: int,
        directory: Directory,
        grant: Grant | None,
    ) -> OpenedEnvelope | None:
        if self.envelopes is None:
            self._add(Code.ENVELOPES_NOT_READABLE, "", index)
            return None
        salt, envelope, key, content, content_key = row[5:]
        sealed = Sealed(row[0], salt, envelope, key, self.shard, index)
        opened = self.envelopes.read(sealed, leaf, directory)
        if opened is not None:
            self.counts.envelopes += 1
            self.envelopes.check_message(sealed, opened, leaf, row[2], grant)
            self.envelopes.check_content(sealed, opened, content, content_key)
        return opened

    def _refusal(self, leaf: Leaf, index: int, row: Row | None) -> None:
        self.counts.refusals += 1
        if row is None:
            if leaf.ts_ms + REFUSALS_KEPT_MS >= self.newest_ms:
                self._add(Code.ROW_MISSING, "The refused envelope is gone before its time.", index)
            return
        id_, code, envelope, salt, key, until = row
        if type(id_) is not bytes or type(code) is not str or type(until) is not int:
            self._add(Code.ROW_MALFORMED, "A refusal's columns are of other types.", index)
        elif self.envelopes is None:
            self._add(Code.ENVELOPES_NOT_READABLE, "", index)
        else:
            sealed = Sealed(id_, salt, envelope, key, self.shard, index)
            opened = self.envelopes.read(sealed, leaf, self.directories.at(self._last_reg))
            if opened is not None:
                self.counts.envelopes += 1
                self.envelopes.check_refusal(sealed, opened, leaf)

    # --- the end ------------------------------------------------------------------------------

    def _check_end(self) -> None:
        hashes = {leaf for _, leaf, _ in self._suspects}
        for index, _, row_hash in self._suspects:
            if row_hash in hashes:
                text = "The leaf of this place's message stands elsewhere in the log."
                self._add(Code.LEAF_MOVED, text, index)
            else:
                self._add(Code.LEAF_ALTERED, _ALTERED, index)
        head, scanned = self.scanned.head, self.scanned
        if scanned.size == head.size and head.last_ts_ms != self._last_ts_ms:
            text = "The log's row names another time for its last leaf."
            self.findings.add(Code.HEAD_DIFFERS, text, self.shard)
        self._check_anchored()

    def _check_anchored(self) -> None:
        listed, size, state = self.listed, self.scanned.size, self.scanned.head.state
        ended, anchored = listed.ended, listed.anchored(size)
        disagree = {
            "open": state == "open" if listed.left else state == "closed",
            "frozen": False,  # the row first, or the record: a copy may show one without the other
            "closed": state != "closed",
        }
        if disagree[listed.state]:
            text = "The log's row and log 0 disagree whether it is closed."
            self.findings.add(Code.HEAD_DIFFERS, text, self.shard)
        if ended is not None and size > ended.size:
            text = f"The log was {listed.state} at {ended.size} leaves; nothing after that counts."
            self.findings.add(Code.LOG_CLOSED, text, self.shard, ended.size)
        elif ended is not None and listed.state == "frozen" and size < ended.size:
            text = (
                f"{ended.size} leaves were signed; {size} are there, and log 0 says that the log"
                " was frozen for it. What the others were can't be told from here."
            )
            self.findings.add(Code.LOG_ROLLED_BACK, text, self.shard, size)
        if size > anchored and (ended is None or size < ended.size):
            text = f"Leaves from here on ({size - anchored}) are in no heads of log 0 yet."
            self.findings.add(Code.TAIL_UNANCHORED, text, self.shard, anchored)

    def _add(self, code: Code, text: str, index: int) -> None:
        self.findings.add(code, text, self.shard, index)


def _id_named(key: str) -> tuple[bytes, str]:
    """The exchange that a record names, as its request's id; without a digest."""
    try:
        return bytes.fromhex(key.replace("-", "")), ""
    except ValueError:
        return b"", ""
