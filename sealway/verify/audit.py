"""The order of a verification: log 0 under the pinned key, then what it vouches for.

Invariant: nothing in the folder is believed but what leads back to the pinned key of log 0; a
part that can't be read is a finding, and the rest is verified all the same.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sealway.verify.database import PLACED_TABLES, Database, DatabaseUnreadable, open_database
from sealway.verify.directory_log import DirectoryLog
from sealway.verify.envelopes import EnvelopeReader
from sealway.verify.findings import Code, Findings
from sealway.verify.listing import ListedLog, Listing
from sealway.verify.log_zero import LogZero
from sealway.verify.pairing import Pairing
from sealway.verify.record_rows import RecordKeys, RecordReader
from sealway.verify.report import LogReport, Report
from sealway.verify.scan import StoredHead, read_heads, scan_log
from sealway.verify.standing import Standing
from sealway.verify.traffic import TrafficLog
from signing.at_rest import EpochKeys
from signing.errors import ProofInvalid
from signing.log.note import NoteVerifier, parse_verifier_key

LOG_0: Final = "/log/0"
SCHEMA_VERSIONS: Final = (1, 2)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, leaves done so far, leaves in all (an estimate)."""


def bus_of(log_key: NoteVerifier) -> str:
    """The bus whose log 0 a key belongs to. Raises ProofInvalid."""
    if not log_key.name.endswith(LOG_0) or log_key.name == LOG_0:
        raise ProofInvalid("The key is not that of a log 0: its name ends in /log/0.")
    return log_key.name.removesuffix(LOG_0)


def verify_folder(
    folder: Path, log_key: str, epochs: EpochKeys | None, progress: Progress | None = None
) -> Report:
    """Verify a copied data folder; never writes into it.

    Raises:
        ProofInvalid: ``log_key`` is no verifier key of a log 0.
        FolderUnusable: the folder holds no database.
    """
    verifier = parse_verifier_key(log_key)
    findings = Findings()
    report = Report(bus_of(verifier), str(verifier), findings)
    started = time.perf_counter()
    try:
        with open_database(folder) as database:
            Audit(database, verifier, epochs, report, progress or _silent).run()
    except DatabaseUnreadable as error:
        findings.add(Code.DATABASE_UNREADABLE, str(error))
    report.seconds = time.perf_counter() - started
    return report


def _silent(what: str, done: int, total: int) -> None:
    """No progress shown."""


class Audit:
    """One verification."""

    def __init__(
        self,
        database: Database,
        verifier: NoteVerifier,
        epochs: EpochKeys | None,
        report: Report,
        progress: Progress,
    ) -> None:
        self._database = database
        self._verifier = verifier
        self._epochs = epochs
        self._report = report
        self._findings = report.findings
        self._progress = progress
        self._done = 0
        self._total = 0
        self._keys = RecordKeys()

    def run(self) -> None:
        """Everything, in order. Raises DatabaseUnreadable when log 0 can't be read."""
        for table in self._database.missing_tables:
            text = f"There is no table {table}, or something else stands in its place."
            self._findings.add(Code.DATABASE_UNREADABLE, text)
        heads = read_heads(self._database, self._findings)
        self._total = 2 * sum(head.size for head in heads.values())
        zero = self._log_zero(heads)
        self._attempt(self._check_bus, zero.instance if zero else None)
        if zero is not None:
            self._attempt(lambda: zero.directory.check_table(self._database))
            self._traffic(zero, heads)
        self._attempt(self._strays, sorted(heads))

    def _attempt(self, check: Callable[..., None], *arguments: object) -> None:
        try:
            check(*arguments)
        except DatabaseUnreadable as error:
            self._findings.add(Code.DATABASE_UNREADABLE, str(error))

    def _check_bus(self, instance: object) -> None:
        rows = self._database.bus()
        if len(rows) != 1 or rows[0][0] not in SCHEMA_VERSIONS:
            text = "The tables are of no schema that this verifier reads."
            self._findings.add(Code.DATABASE_UNREADABLE, text)
        if len(rows) != 1 or rows[0][1:] != (self._report.bus, instance):
            text = f"The database is not that of {self._report.bus}, whose key is pinned."
            self._findings.add(Code.BUS_DIFFERS, text)

    def _step(self, what: str) -> Callable[[int], None]:
        def step(leaves: int) -> None:
            self._done += leaves
            self._progress(what, self._done, self._total)

        return step

    # --- log 0 --------------------------------------------------------------------------------

    def _log_zero(self, heads: dict[int, StoredHead]) -> LogZero | None:
        head = heads.get(0)
        if head is None or head.origin != self._verifier.name:
            text = f"There is no log {self._verifier.name}, whose key is pinned."
            self._findings.add(Code.LOG_MISSING, text, 0)
            return None
        report, findings = self._report, self._findings
        step = self._step("log 0")
        scanned = scan_log(self._database, head, self._verifier, (), findings, step)
        zero = LogZero(
            report.bus,
            RecordReader(self._keys, self._epochs, findings),
            DirectoryLog(findings),
            Listing(report.bus, findings),
            findings,
        )
        zero.read(self._database, scanned, step)
        report.logs.append(LogReport(0, head.origin, scanned.size, scanned.signed, None))
        report.counts.records += zero.records
        report.heads = zero.listing.heads
        report.directory_version = zero.directory.version
        return zero

    # --- the logs it vouches for --------------------------------------------------------------

    def _traffic(self, zero: LogZero, heads: dict[int, StoredHead]) -> None:
        listed = zero.listing.logs
        for n in heads:
            if n and n not in listed:
                text = f"Log 0 never opened the log {heads[n].origin[:300]}."
                self._findings.add(Code.LOG_UNLISTED, text, n)
        pairing = Pairing(self._findings, several=len(listed) > 1)
        systems: dict[object, object] = {}
        self._attempt(lambda: systems.update(self._database.systems()))
        for n in sorted(listed):
            head = heads.get(n)
            if head is None or head.origin != listed[n].origin:
                text = f"The log {listed[n].origin}, which log 0 opened, is not there."
                self._findings.add(Code.LOG_MISSING, text, n)
            else:
                self._attempt(self._one_log, zero, listed[n], head, pairing, systems)
        self._report.open_exchanges = pairing.finish()

    def _one_log(
        self,
        zero: LogZero,
        listed: ListedLog,
        head: StoredHead,
        pairing: Pairing,
        systems: dict[object, object],
    ) -> None:
        report, findings = self._report, self._findings
        step = self._step(f"log {listed.n}")
        scanned = scan_log(self._database, head, listed.verifier, listed.anchors, findings, step)
        reader = None
        if self._epochs is not None:
            reader = EnvelopeReader(self._epochs, report.bus, findings)
        last = listed.last
        anchored = min(last.size, scanned.size) if last else 0
        report.logs.append(
            LogReport(listed.n, listed.origin, scanned.size, scanned.signed, anchored)
        )
        TrafficLog(
            database=self._database,
            scanned=scanned,
            listed=listed,
            directories=zero.directory.reader(),
            pairing=pairing,
            standing=Standing(findings),
            records=RecordReader(self._keys, self._epochs, findings),
            envelopes=reader,
            systems=systems,
            findings=findings,
            counts=report.counts,
            last_version=zero.directory.version,
            newest_ms=zero.last_ts_ms,
        ).read(step)

    def _strays(self, shards: list[int]) -> None:
        for table in PLACED_TABLES:
            for _ in self._database.strays(table, shards):
                text = f"A row of table {table} stands in a log that is not there."
                self._findings.add(Code.ROW_WITHOUT_LEAF, text)
