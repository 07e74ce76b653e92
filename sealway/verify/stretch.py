"""A stretch of a traffic log: its leaves with their rows, exchanges and envelopes, judged alone.

Stretches begin at multiples of `STRETCH_LEAVES`, whatever process judges them and in which order,
so the outcome is the same for any number of processes. A stretch is judged as if nothing came
before it; `Judged.needs` says when that mattered, and then it is judged once more, with it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from registry.directory import Directory
from registry.grants import Grant
from sealway.verify.bounds import VersionBounds
from sealway.verify.database import Database, DatabaseUnreadable, Row
from sealway.verify.envelopes import EnvelopeReader, OpenedEnvelope, Sealed
from sealway.verify.findings import Code
from sealway.verify.judged import SUSPECTS_MAX, Before, Ground, Judged, Stretch
from sealway.verify.leaves import in_tiles, stored_leaves
from sealway.verify.opening import Opener
from sealway.verify.pairing import Pairing, asked_by, collects
from sealway.verify.plain import PlainTiles
from sealway.verify.receipts import Tile, tiles_of
from sealway.verify.record_rows import RecordReader
from sealway.verify.row_cursor import RowCursor, fetch_messages
from sealway.verify.standing import Standing
from signing.errors import ProofInvalid
from signing.log.leaf import TRAFFIC_KINDS, Leaf, parse_leaf
from signing.manifest import ANSWERS, KINDS

REFUSALS_KEPT_MS: Final = 90 * 86_400_000  # log.md: a refused envelope is kept 90 days
ID_AGE_DAYS_MAX: Final = (
    2  # messages go by their id's day; an id may be so much older than its leaf
)
ALTERED: Final = "The leaf is not the one that its message was accepted with."
_DAY_MS: Final = 86_400_000
_PLAIN: Final = (bytes, int, bytes, bytes, int)
_REFUSAL_COLUMNS: Final = 6


def judge(
    database: Database, ground: Ground, stretch: Stretch, before: Before | None = None
) -> Judged:
    """Go through one stretch. What can't be read ends it, and is told in the outcome."""
    judging = Judging(database, ground, stretch, before or Before())
    try:
        judging.read()
    except DatabaseUnreadable as error:
        judging.judged.unreadable = str(error)
    return judging.finish()


class Judging:
    """One stretch on its way through the checks."""

    def __init__(
        self, database: Database, ground: Ground, stretch: Stretch, before: Before
    ) -> None:
        self._database = database
        self._ground = ground
        self._stretch = stretch
        self._shard = ground.listed.n
        self.judged = judged = Judged()
        self._findings, self._counts = judged.findings, judged.counts
        opener = None if ground.epochs is None else Opener(ground.epochs, judged.findings)
        self._opener = opener
        self._envelopes = (
            None if opener is None else EnvelopeReader(opener, ground.bus, judged.findings)
        )
        self._records = RecordReader(ground.keys, opener, judged.findings)
        self._pairing = Pairing(judged.findings, several=ground.several)
        self._standing = Standing(judged.findings)
        anchors = ground.listed.anchors_for(ground.scanned.head.size)
        self._bounds = VersionBounds(anchors, ground.last_version)
        self._last_ts_ms, self._last_reg = before.ts_ms, before.reg
        plain = (database, ground, judged, self._bounds, self._pairing, self._standing)
        self._plain = PlainTiles(*plain) if opener is None else None

    def read(self) -> None:
        """All leaves, 256 at a time. Raises DatabaseUnreadable."""
        stretch, shard, findings = self._stretch, self._shard, self._findings
        first, end = stretch.first, stretch.end
        rows = self._database.records(shard, first, end)
        records = RowCursor("record", rows, shard, findings)
        refusals = RowCursor("refusal", self._database.refusals(shard, first, end), shard, findings)
        at = 0
        for tile in tiles_of(self._database, self._ground.scanned, first, in_tiles(self._leaves())):
            past = tile.first + len(tile.leaves)
            upto = at
            while upto < len(stretch.indexes) and stretch.indexes[upto] < past:
                upto += 1
            others = self._others(refusals.take(tile.first, past), records.take(tile.first, past))
            self._tile(tile, stretch.indexes[at:upto], stretch.numbers[at:upto], others)
            at = upto

    def _leaves(self) -> Iterator[list[bytes]]:
        """The leaves of the stretch, cut out of the stored groups."""
        stretch = self._stretch
        skip, left = stretch.first - stretch.group, stretch.end - stretch.first
        for leaves in stored_leaves(self._database, self._shard, since=stretch.group):
            part = leaves[skip : skip + left]
            skip, left = max(0, skip - len(leaves)), left - len(part)
            yield part
            if not left:
                return

    def _tile(
        self, tile: Tile, indexes: Sequence[int], numbers: Sequence[object], others: dict[int, Row]
    ) -> None:
        if self._plain is not None and not others:
            after = self._plain.take(tile, numbers, Before(self._last_ts_ms, self._last_reg))
            if after is not None:
                self._last_ts_ms, self._last_reg = after.ts_ms, after.reg
                return
        rows = self._messages(indexes, numbers)
        for offset, raw in enumerate(tile.leaves):
            index = tile.first + offset
            leaf = self._parse(raw, index)
            if leaf is not None:
                self._leaf(leaf, tile, index, rows.pop(index, None), others.pop(index, None))
        self._unclaimed([*rows, *others])

    def finish(self) -> Judged:
        """The outcome, whole."""
        judged = self.judged
        judged.last = Before(self._last_ts_ms, self._last_reg)
        judged.kept = self._pairing.left()
        if self._opener is not None:
            judged.opened = self._opener.opened
        return judged

    def _messages(self, indexes: Sequence[int], numbers: Sequence[object]) -> dict[int, Row]:
        if not numbers:
            return {}
        found = fetch_messages(
            self._database,
            numbers,
            sealed=self._envelopes is not None,
            shard=self._shard,
            findings=self._findings,
        )
        return {index: found[index] for index in indexes if index in found}

    def _others(self, refusals: dict[int, Row], records: dict[int, Row]) -> dict[int, Row]:
        """Refusals and records by index; they differ in how many columns they have."""
        self._unclaimed([index for index in refusals if index in records])
        return {**refusals, **records}

    def _unclaimed(self, indexes: list[int]) -> None:
        for index in indexes:
            text = "A row stands for a leaf of another kind, or for none."
            self._add(Code.ROW_WITHOUT_LEAF, text, index)

    # --- one leaf -----------------------------------------------------------------------------

    def _parse(self, raw: bytes, index: int) -> Leaf | None:
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
        self.judged.saw(leaf.ts_ms, leaf.reg)
        lowest, highest, is_timely = self._bounds.of(index, leaf.ts_ms)
        if not is_timely:
            text = "The leaf's time lies outside of the heads around it."
            self._add(Code.TIME_OUTSIDE_HEADS, text, index)
        if not max(lowest, self._last_reg) <= leaf.reg <= highest:
            text = f"The leaf names directory version {leaf.reg}, which was not in force."
            self._add(Code.VERSION_WRONG, text, index)
        self._last_reg = max(self._last_reg, min(leaf.reg, self._ground.last_version))
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
        days = self._ground.messages_days
        newest_ms = self._ground.newest_ms
        if days is not None and leaf.ts_ms + (days - ID_AGE_DAYS_MAX) * _DAY_MS <= newest_ms:
            text = f"The message is gone; by the bus's policy it was kept for {days} days."
            self._add(Code.MESSAGE_RETIRED, text, index)
        else:
            self._add(Code.ROW_MISSING, f"The message of this {leaf.k} leaf is gone.", index)

    def _record(self, leaf: Leaf, index: int, row: Row | None) -> None:
        answering = self._pairing.answer(leaf, self._shard, index)
        if row is None or len(row) == _REFUSAL_COLUMNS:
            self._add(Code.ROW_MISSING, f"The record of this {leaf.k} leaf is gone.", index)
            return
        verified = self._records.read(leaf, row, self._shard, index)
        if verified is None:
            return
        self._counts.records += 1
        if answering is not None:
            self._pairing.names(answering, _id_named(verified.record.key))

    def _message(self, leaf: Leaf, tile: Tile, index: int, row: Row | None) -> None:
        hash_ = tile.hashes[index - tile.first]
        directory = self._ground.directories.at(self._last_reg)
        grant = self._standing.check(leaf, directory, self._shard, index)
        well = row is not None and tuple(map(type, row[:5])) == _PLAIN
        id_, digest = (row[0], row[2]) if row is not None and well else (b"", b"")
        answering = self._pairing.answer(leaf, self._shard, index)
        if leaf.k == "request":
            self._pairing.ask(hash_, asked_by(leaf, self._shard, index, id_, digest))
        elif leaf.k in ANSWERS and collects(directory, leaf.to):
            self._pairing.box(hash_, asked_by(leaf, self._shard, index, id_, digest))
        if row is None:
            return
        if not well:
            self._add(Code.ROW_MALFORMED, "A message's columns are of other types.", index)
            return
        self._counts.messages += 1
        self._check_row(leaf, hash_, row, index)
        opened = self._open(leaf, row, index, directory, grant)
        if opened is not None and answering is not None and self._envelopes is not None:
            self._pairing.names(answering, self._envelopes.about(opened))
        try:
            self._counts.receipts += tile.proves(index)
            tile.sample(
                leaf, index, opened, self._ground.scanned.note, self._ground.listed.verifier
            )
        except ProofInvalid as error:
            self._add(Code.RECEIPT_INVALID, error.detail, index)

    def _check_row(self, leaf: Leaf, hash_: bytes, row: Row, index: int) -> None:
        _, sender, _, row_hash, accepted_at = row[:5]
        if row_hash != hash_ and len(self.judged.suspects) < SUSPECTS_MAX:
            self.judged.suspects.append((index, hash_, row_hash))
        elif row_hash != hash_:
            self._add(Code.LEAF_ALTERED, ALTERED, index)
        if accepted_at != leaf.ts_ms or self._ground.systems.get(sender) != leaf.sender:
            self._add(Code.STORY_DIFFERS, "The row has another sender or time.", index)

    def _open(
        self,
        leaf: Leaf,
        row: Row,
        index: int,
        directory: Directory,
        grant: Grant | None,
    ) -> OpenedEnvelope | None:
        if self._envelopes is None:
            self._add(Code.ENVELOPES_NOT_READABLE, "", index)
            return None
        salt, envelope, key, content, content_key = row[5:]
        sealed = Sealed(row[0], salt, envelope, key, self._shard, index)
        opened = self._envelopes.read(sealed, leaf, directory)
        if opened is not None:
            self._counts.envelopes += 1
            self._envelopes.check_message(sealed, opened, leaf, row[2], grant)
            self._envelopes.check_content(sealed, opened, content, content_key)
        return opened

    def _refusal(self, leaf: Leaf, index: int, row: Row | None) -> None:
        self._counts.refusals += 1
        if row is None:
            if leaf.ts_ms + REFUSALS_KEPT_MS >= self._ground.newest_ms:
                self._add(Code.ROW_MISSING, "The refused envelope is gone before its time.", index)
            return
        id_, code, envelope, salt, key, until = row
        if type(id_) is not bytes or type(code) is not str or type(until) is not int:
            self._add(Code.ROW_MALFORMED, "A refusal's columns are of other types.", index)
        elif self._envelopes is None:
            self._add(Code.ENVELOPES_NOT_READABLE, "", index)
        else:
            sealed = Sealed(id_, salt, envelope, key, self._shard, index)
            opened = self._envelopes.read(sealed, leaf, self._ground.directories.at(self._last_reg))
            if opened is not None:
                self._counts.envelopes += 1
                self._envelopes.check_refusal(sealed, opened, leaf)

    def _add(self, code: Code, text: str, index: int) -> None:
        self._findings.add(code, text, self._shard, index)


def _id_named(key: str) -> tuple[bytes, str]:
    """The exchange that a record names, as its request's id; without a digest."""
    try:
        return bytes.fromhex(key.replace("-", "")), ""
    except ValueError:
        return b"", ""
