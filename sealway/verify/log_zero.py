"""The second pass over log 0 and its successors: every leaf with its record, signed, in its place.

Learns from them the record keys, the directory, the other logs and their heads. Nothing else in the
folder is believed about these.
"""

from dataclasses import dataclass
from typing import Final

from sealway.verify.accesses import ACCESS_KINDS, Seen
from sealway.verify.database import Database
from sealway.verify.directory_log import DirectoryLog
from sealway.verify.findings import Code, Findings
from sealway.verify.leaves import in_tiles, stored_leaves
from sealway.verify.listing import Listing
from sealway.verify.names import origin_of
from sealway.verify.record_rows import BUS_KEY_ADDED, BUS_KEY_NOUN, RecordReader
from sealway.verify.row_cursor import RowCursor
from sealway.verify.scan import ScannedLog, Step
from sealway.verify.succession import check_succession
from signing.errors import ProofInvalid, SealwayError
from signing.log.leaf import DIRECTORY_KINDS, LOG_0_KINDS, Leaf, parse_leaf
from signing.log.note import NoteVerifier
from signing.records import Record

MESSAGES_DAYS: Final = "messages_days"
_FIRST: Final = (
    ("trust", BUS_KEY_NOUN, "the bus's record key"),
    ("policy", "policy", "the bus's policy"),
    ("shard", "log", "the first log of traffic"),
)


@dataclass(frozen=True, slots=True)
class Before:
    """A log 0 that was read, and the key that it was verified with."""

    scanned: ScannedLog
    verifier: NoteVerifier


@dataclass(slots=True)
class LogZero:
    """What log 0 tells, once it is read; a successor goes on from what was told before."""

    bus: str
    reader: RecordReader
    directory: DirectoryLog
    listing: Listing
    findings: Findings
    records: int = 0
    last_ts_ms: int = 0
    instance: object = None
    """As the last policy says."""
    messages_days: int | None = None
    """For how many days messages are kept: the least of what policies said; None keeps all."""

    log: int = 0
    """The log that is being read: 0, or -1 … for a successor."""
    seen: Seen | None = None
    """Told of every read and export."""
    before: Before | None = None
    """The log whose place this one took, and its key."""

    def read(
        self, database: Database, scanned: ScannedLog, verifier: NoteVerifier, step: Step
    ) -> None:
        """Go through all leaves of one log, the older logs first. Raises DatabaseUnreadable."""
        self.log = self.listing.log = self.directory.log = scanned.head.shard
        self.last_ts_ms = 0
        rows = RowCursor("record", database.records(self.log), self.log, self.findings)
        index = 0
        for leaves in in_tiles(stored_leaves(database, self.log)):
            taken = rows.take(index, index + len(leaves))
            for offset, raw in enumerate(leaves):
                self.take(raw, taken.get(index + offset), index + offset, scanned.signed)
            index += len(leaves)
            step(len(leaves))
        rows.end()
        self.directory.fold()
        self._check_end(scanned)
        self.before = Before(scanned, verifier)

    def _check_end(self, scanned: ScannedLog) -> None:
        if scanned.size == scanned.head.size and scanned.head.last_ts_ms != self.last_ts_ms:
            text = "The log's row names another time for its last leaf."
            self.findings.add(Code.HEAD_DIFFERS, text, self.log)

    def take(
        self,
        raw: bytes,
        row: tuple[object, ...] | None,
        index: int,
        signed: int,
        *,
        needed: bool = True,
    ) -> Record | None:
        """The next leaf with its record's row; ``needed``: whether the record must be there."""
        add = self.findings.add
        try:
            leaf = parse_leaf(raw)
        except ProofInvalid as error:
            add(Code.LEAF_MALFORMED, error.detail, self.log, index)
            return None
        if leaf.k not in LOG_0_KINDS:
            text = f"A leaf of kind {leaf.k} has no place in log 0."
            add(Code.LEAF_MISPLACED, text, self.log, index)
            return None
        if leaf.ts_ms < self.last_ts_ms:
            add(Code.TIME_RUNS_BACK, "The leaf is older than the one before it.", self.log, index)
        self.last_ts_ms = leaf.ts_ms
        version = self.directory.version + (leaf.k in DIRECTORY_KINDS)
        if leaf.reg != version:
            text = f"The leaf names directory version {leaf.reg}; it is {version}."
            add(Code.VERSION_WRONG, text, self.log, index)
        record = None
        if row is not None:
            verified = self.reader.read(leaf, row, self.log, index)
            record = verified.record if verified else None
        elif needed:
            add(Code.ROW_MISSING, f"The record of this {leaf.k} leaf is gone.", self.log, index)
        self._tell(leaf, record, index, signed)
        return record

    def _tell(self, leaf: Leaf, record: Record | None, index: int, signed: int) -> None:
        if leaf.k in DIRECTORY_KINDS:
            self.directory.add(record, index)
        elif leaf.k in ACCESS_KINDS and self.seen is not None:
            self.seen(leaf, record, self.log, index)
        if self.before is not None and index == 0:
            self._succeed(record, leaf, self.before)
            return
        if self.before is None and index < len(_FIRST):
            self._check_first(record, leaf, index)
        if record is None:
            return
        self.records += 1
        if index and (record.act, record.noun) == (BUS_KEY_ADDED, BUS_KEY_NOUN):
            self._add_key(record, index)
        elif leaf.k == "policy":
            self._check_policy(record, index)
        elif leaf.k == "shard":
            self.listing.add_shard(record, leaf, index)
            self.directory.expect(record, self.directory.version, index)
        elif leaf.k == "heads" and index < signed:
            self.listing.add_heads(record, leaf, index)

    def _succeed(self, record: Record | None, leaf: Leaf, before: Before) -> None:
        self.listing.succeed()
        origin = origin_of(self.bus, self.log)
        if record is None or (leaf.k, record.noun, record.key) != ("shard", "log", origin):
            text = "Leaf 0 of a log 0 that took another's place must say whose and why."
            self.findings.add(Code.FIRST_LEAVES, text, self.log, 0)
            return
        self.records += 1
        check_succession(record, self.log, before.scanned, before.verifier, self.findings)

    def _add_key(self, record: Record, index: int) -> None:
        try:
            self.reader.keys.add(record)
        except SealwayError as error:
            self.findings.add(Code.RECORD_MALFORMED, error.detail, self.log, index)

    def _check_first(self, record: Record | None, leaf: Leaf, index: int) -> None:
        kind, noun, what = _FIRST[index]
        good = record is not None and (leaf.k, record.noun) == (kind, noun)
        if not good:
            self.findings.add(Code.FIRST_LEAVES, f"Leaf {index} must be {what}.", self.log, index)

    def _check_policy(self, record: Record, index: int) -> None:
        after = record.after if isinstance(record.after, dict) else {}
        self.instance = after.get("instance")
        limits = after.get("limits")
        days = limits.get(MESSAGES_DAYS) if isinstance(limits, dict) else None
        if type(days) is int:
            self.messages_days = min(days, self.messages_days or days)
        if after.get("bus") != self.bus:
            text = f"The policy is not that of {self.bus}, whose key is pinned."
            self.findings.add(Code.BUS_DIFFERS, text, self.log, index)
