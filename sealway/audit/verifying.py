"""The order in which a bundle is verified: its shape, log 0, the inventory, the logs, the times.

Invariant: nothing in a bundle is believed but what leads back to the anchors' key of log 0. Without
anchors the bundle's own key stands in its place, and the best answer is "consistent, not anchored".
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from sealway.audit.anchors import NOBODY, Anchors
from sealway.audit.chains import Chains, load_authorities
from sealway.audit.container import Container
from sealway.audit.edges import Edge
from sealway.audit.errors import BundleRefused
from sealway.audit.inventory import Inventory, LogLine, parse_inventory, verify_inventory
from sealway.audit.layout import CHECKPOINT, INVENTORY, Act, Sort, anchor_name, stamp_name
from sealway.audit.payloads import Payloads
from sealway.audit.reading import BundleFiles, Row
from sealway.audit.selection import RECORDS_ALWAYS
from sealway.audit.spans import Span, Spans
from sealway.audit.times import Witnessed, bracket
from sealway.audit.traffic import BundleLog, Checks
from sealway.audit.verdicts import BundleReport
from sealway.verify.accesses import AccessList
from sealway.verify.audit import Progress
from sealway.verify.directory_log import DirectoryLog
from sealway.verify.envelopes import EnvelopeReader
from sealway.verify.exchanges import Exchanges, Rules
from sealway.verify.findings import Code, Findings
from sealway.verify.listing import Listing
from sealway.verify.log_zero import LogZero
from sealway.verify.names import bus_and_number
from sealway.verify.opening import Opener
from sealway.verify.pairing import Pairing
from sealway.verify.record_rows import RecordKeys, RecordReader
from sealway.verify.standing import Standing
from signing.at_rest import EpochKeys
from signing.errors import ProofInvalid, SealwayError
from signing.keys import ALGORITHMS
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.leaf import Leaf, parse_leaf
from signing.log.note import NoteVerifier, parse_verifier_key
from signing.records import Record

HASH_PIECE: Final = 1024 * 1024
ANCHORS_PREFIX: Final = "anchors/"
PAGE: Final = 4_096


def verify_bundle(
    path: Path,
    anchors: Anchors | None,
    cosigned: Sequence[str] = (),
    progress: Progress | None = None,
    accesses: AccessList | None = None,
) -> BundleReport:
    """Verify one bundle; never extracts it, writes nothing, needs no network.

    ``accesses`` is told of every read and export in its log 0, and of the messages' names.

    ``cosigned``: checkpoints of log 0 that a witness gave to the auditor directly.

    Raises:
        OSError: the file can't be read.
    """
    report = BundleReport(anchors_sha256=anchors.sha256 if anchors else None)
    started = time.perf_counter()
    with path.open("rb") as file:
        report.bundle_sha256 = _sha256(file)
        try:
            BundleAudit(file, anchors, report, progress or _silent, accesses).run(cosigned)
            report.is_finished = True
        except BundleRefused as error:
            report.findings.add(Code.BUNDLE_MALFORMED, error.detail)
        except _Stop:
            pass
    report.seconds = time.perf_counter() - started
    return report


class _Stop(Exception):
    """Nothing that follows could be proven; the finding says why."""


def _silent(what: str, done: int, total: int) -> None:
    """No progress shown."""


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(HASH_PIECE):
        digest.update(piece)
    return digest.hexdigest()


class BundleAudit:
    """One verification."""

    def __init__(
        self,
        file: IO[bytes],
        anchors: Anchors | None,
        report: BundleReport,
        progress: Progress,
        accesses: AccessList | None = None,
    ) -> None:
        self._accesses = accesses
        self._container = Container(file)
        self._anchors = anchors
        self._report = report
        self._findings: Findings = report.findings
        self._progress = progress
        self._done = 0
        self._raw_inventory = self._container.read(INVENTORY)
        self._inventory: Inventory = parse_inventory(self._raw_inventory)
        self._files = BundleFiles(self._container, self._inventory, report.findings)
        self._keys = RecordKeys()
        self._records = RecordReader(self._keys, None, report.findings, are_open=True)

    def run(self, cosigned: Sequence[str]) -> None:
        """Everything, in order. Raises BundleRefused, _Stop."""
        inventory, report = self._inventory, self._report
        report.bus, report.made_ms, report.by = inventory.bus, inventory.made_ms, inventory.by
        report.selection = inventory.selection.to_object()
        report.not_provable = inventory.selection.not_provable
        report.range = inventory.range.start, inventory.range.end
        verifier = self._log_key()
        note = self._files.read(CHECKPOINT).decode("utf-8", "replace")
        witnessed = self._witnessed(verifier, note, cosigned)
        try:
            checkpoint = verify_checkpoint(note, verifier)
        except ProofInvalid as error:
            self._findings.add(Code.CHECKPOINT_FORGED, error.detail, 0)
            raise _Stop from error
        zero, spans = self._log_zero(checkpoint, witnessed)
        self._check_inventory(spans)
        self._traffic(zero, spans)
        self._files.end()
        self._settle_times(witnessed)

    # --- what is trusted ----------------------------------------------------------------------

    def _log_key(self) -> NoteVerifier:
        inventory = self._inventory
        if self._anchors is None:
            text = "No anchors were given: the keys in a bundle are candidates, never roots."
            self._findings.add(Code.NOT_ANCHORED, text)
            try:
                candidate = parse_verifier_key(inventory.log_key)
            except ProofInvalid as error:
                raise BundleRefused(f"The inventory's log key: {error.detail}") from error
            if bus_and_number(candidate.name) != (inventory.bus, 0):
                raise BundleRefused("The inventory's log key is not that of its bus's log 0.")
            return candidate
        if inventory.bus != self._anchors.bus:
            text = f"The bundle is not of {self._anchors.bus}, whose anchors were given."
            self._findings.add(Code.BUS_DIFFERS, text)
            raise _Stop
        return self._anchors.pins[0]

    def _witnessed(self, verifier: NoteVerifier, note: str, cosigned: Sequence[str]) -> Witnessed:
        anchors = self._anchors
        policy, roots = (anchors.policy, anchors.roots) if anchors else (NOBODY, b"")
        witnessed = Witnessed(policy, roots, self._findings)
        witnessed.add(note, verifier, CHECKPOINT)
        for name in list(self._container.names()):
            if name.startswith(ANCHORS_PREFIX) and name.endswith(".note"):
                self._anchor(witnessed, verifier, name)
        for number, text in enumerate(cosigned, 1):
            witnessed.add(text, verifier, f"cosigned checkpoint {number}")
        return witnessed

    def _anchor(self, witnessed: Witnessed, verifier: NoteVerifier, name: str) -> None:
        text = self._files.read(name).decode("utf-8", "replace")
        checkpoint = witnessed.add(text, verifier, name)
        if checkpoint is None or name != anchor_name(checkpoint.size):
            return
        stamp = stamp_name(checkpoint.size)
        if stamp in self._files:
            witnessed.add_stamp(self._files.read(stamp), text, checkpoint.size, stamp)

    # --- log 0 --------------------------------------------------------------------------------

    def _log_zero(self, checkpoint: Checkpoint, witnessed: Witnessed) -> tuple[LogZero, list[Span]]:
        findings, bus = self._findings, self._inventory.bus
        directory, listing = DirectoryLog(findings, bus), Listing(bus, findings)
        zero = LogZero(bus, self._records, directory, listing, findings)
        zero.seen = self._see
        spans = Spans(self._inventory.range)
        edge = Edge(0, b"", {checkpoint.size, *witnessed.sizes})
        for index, shown, act in self._files.rows(0, 0, checkpoint.size):
            edge.add(shown.hash)
            self._leaf_of_zero(zero, spans, (index, shown, act), checkpoint.size)
            self._step(1)
        if edge.roots.get(checkpoint.size) != checkpoint.root:
            text = f"The tree of {checkpoint.size} leaves is not the one that was signed."
            findings.add(Code.CHECKPOINT_DIFFERS, text, 0)
            raise _Stop
        witnessed.check_roots(edge.roots)
        zero.directory.fold()
        zero.listing.finish()
        self._report.directory_version = zero.directory.version
        try:
            return zero, spans.spans()
        except ProofInvalid as error:
            findings.add(Code.RANGE_DIFFERS, error.detail, 0)
            raise _Stop from error

    def _leaf_of_zero(self, zero: LogZero, spans: Spans, row: Row, size: int) -> None:
        index, shown, act = row
        if shown.raw is None:
            self._hidden_in_zero(index, size)
            return
        record_row = (act.data, act.salt, None) if act and act.sort is Sort.RECORD else None
        start, end = self._inventory.range.start or 0, self._inventory.range.end
        leaf, inside = _parsed(shown.raw), start <= index <= end
        kind = leaf.k if leaf else ""
        needed = kind in RECORDS_ALWAYS or (kind == "heads" and inside)
        is_access = leaf is not None and inside and self._inventory.selection.picks_access(leaf)
        if is_access:
            self._check_access(act, index)
        elif act is not None and not needed:
            text = "The bundle holds a record of log 0 that nobody asked for."
            self._findings.add(Code.ACT_UNEXPECTED, text, 0, index)
            record_row = None
        record = zero.take(shown.raw, record_row, index, size, needed=needed)
        if record is not None:
            try:
                spans.add(record, index)
            except SealwayError as error:
                self._findings.add(Code.RECORD_MALFORMED, error.detail, 0, index)

    def _check_access(self, act: Act | None, index: int) -> None:
        """A record that tells who read or exported is there, or said to be gone."""
        if act is None:
            text = "The record of who read or exported was asked for, and is left out."
            self._findings.add(Code.ACT_MISSING, text, 0, index)
        elif act.sort is Sort.GONE:
            text = "The bus says that it has the record of who read or exported no more."
            self._findings.add(Code.ACT_GONE, text, 0, index)

    def _see(self, leaf: Leaf, record: Record | None, log: int, index: int) -> None:
        """A read or export in log 0, for the verdict and for whoever asks for a list."""
        if (self._inventory.range.start or 0) <= index <= self._inventory.range.end:
            self._report.accesses.add(leaf, record, index)
        if self._accesses is not None:
            self._accesses.see(leaf, record, log, index)

    def _hidden_in_zero(self, index: int, size: int) -> None:
        """Only a party export hides leaves, and never the last: its version bears out the rest."""
        self._report.accesses.hidden += 1
        if self._inventory.selection.form != "party" or index == size - 1:
            text = "A leaf of log 0 is not shown: what it changed can't be told."
            self._findings.add(Code.LEAF_HIDDEN, text, 0, index)

    def _check_inventory(self, spans: list[Span]) -> None:
        try:
            verify_inventory(self._raw_inventory, self._keys)
        except SealwayError as error:
            self._findings.add(Code.INVENTORY_FORGED, error.detail)
        told = tuple(LogLine(one.n, one.first, one.end) for one in spans)
        if told != self._inventory.logs:
            text = "The inventory names other logs, or other parts of them, than log 0 does."
            self._findings.add(Code.RANGE_DIFFERS, text)

    # --- the logs it vouches for --------------------------------------------------------------

    def _traffic(self, zero: LogZero, spans: list[Span]) -> None:
        findings, anchors = self._findings, self._anchors
        begins_later = self._inventory.range.start is not None
        several = len(spans) > 1
        exchanges = Exchanges(Rules(findings, several=several, partial=True, outside=begins_later))
        pairing = Pairing(
            findings, several=several, partial=True, outside=begins_later, exchanges=exchanges
        )
        nothing = EpochKeys(0, {})
        checks = Checks(
            files=self._files,
            selection=self._inventory.selection,
            report=self._report,
            pairing=pairing,
            standing=Standing(findings),
            records=self._records,
            envelopes=EnvelopeReader(Opener(nothing, findings), self._inventory.bus, findings),
            payloads=Payloads(findings),
            algorithms=anchors.algorithms if anchors else frozenset(ALGORITHMS),
            chains=self._chains(),
            statements=zero.directory.statements,
            last=zero.directory.reader().at(zero.directory.version),
            step=self._step,
            accesses=self._accesses,
        )
        with exchanges:
            for span in spans:
                listed = zero.listing.logs.get(span.n)
                if listed is None:
                    continue  # its record was malformed, which is a finding
                self._report.logs.append((span.n, span.first, span.end))
                BundleLog(span, listed, zero.directory.reader(), checks).read()
            self._report.open_exchanges = pairing.finish()

    def _chains(self) -> Chains | None:
        pem = self._anchors.authorities if self._anchors else b""
        return Chains(load_authorities(pem)) if pem else None

    def _step(self, leaves: int) -> None:
        self._done += leaves
        if self._done % PAGE == 0:
            self._progress("leaves", self._done, 0)

    # --- times --------------------------------------------------------------------------------

    def _settle_times(self, witnessed: Witnessed) -> None:
        report, (start, end) = self._report, self._report.range
        report.witnesses = witnessed.names()
        for moments, name in ((witnessed.cosigned(), "witnesses"), (witnessed.stamped(), "stamps")):
            high = bracket(moments, end)[1]
            if high is None:
                continue
            report.trusted_times.append(name)
            report.t_hi_ms = min(high, report.t_hi_ms or high)
            low = None if start is None else bracket(moments, start + 1)[0]
            if low is not None:
                report.t_lo_ms = max(low, report.t_lo_ms or low)
        if witnessed.asks_witnesses and "witnesses" not in report.trusted_times:
            text = (
                "No checkpoint that covers the range has enough of the witnesses' cosignatures:"
                " that nobody was shown another log rests on the bus's word."
            )
            self._findings.add(Code.NOT_WITNESSED, text, 0)
        if witnessed.roots and "stamps" not in report.trusted_times:
            text = "No time-stamp under the anchors' roots covers the range."
            self._findings.add(Code.NOT_STAMPED, text, 0)


def _parsed(raw: bytes) -> Leaf | None:
    try:
        return parse_leaf(raw)
    except ProofInvalid:
        return None
