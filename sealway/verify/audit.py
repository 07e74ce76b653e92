"""The order of a verification: log 0 under the pinned key, then what it vouches for.

Invariant: nothing in the folder is believed but what leads back to the pinned key of log 0, or to
that of its successor for what the successor holds; a part that can't be read is a finding, and the
rest is verified all the same.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from sealway.verify.accesses import Seen
from sealway.verify.database import PLACED_TABLES, Database, DatabaseUnreadable, open_database
from sealway.verify.directory_log import DirectoryLog
from sealway.verify.exchanges import Exchanges, Rules
from sealway.verify.findings import Code, Findings
from sealway.verify.judged import Ground, Judged, Stretch
from sealway.verify.listing import ListedLog, Listing
from sealway.verify.log_zero import LogZero
from sealway.verify.names import bus_and_number, log_name, origin_of
from sealway.verify.opening import Opener
from sealway.verify.record_rows import RecordKeys, RecordReader
from sealway.verify.report import LogReport, Report
from sealway.verify.scan import StoredHead, read_heads, scan_log
from sealway.verify.succession import sizes_named
from sealway.verify.traffic import Judge, TrafficLog, Whole
from sealway.verify.workers import WorkerLost, can_spread, spread
from signing.at_rest import EpochKeys
from signing.errors import ProofInvalid
from signing.log.note import NoteVerifier, parse_verifier_key

SCHEMA_VERSIONS: Final = (1, 2, 3, 4, 5, 6, 7)

STRETCHES_SHUT_MIN: Final = 8
"""Work for one process where envelopes stay shut: less is done before it has begun."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, leaves done so far, leaves in all (an estimate)."""

Pins = dict[int, NoteVerifier]
"""Pinned keys by number: 0, and -1 … for the successors of log 0."""


def parse_pins(log_keys: Sequence[str]) -> tuple[str, Pins]:
    """The bus whose directory logs the keys are of, and the keys by number.

    Raises:
        ProofInvalid: no verifier key, not of a log 0, of two buses, or two for one log.
    """
    bus: str | None = None
    pins: Pins = {}
    for text in log_keys:
        verifier = parse_verifier_key(text)
        named = bus_and_number(verifier.name)
        if named is None or named[1] > 0:
            raise ProofInvalid("The key is not that of a log 0: its name ends in /log/0.")
        if bus not in (None, named[0]):
            raise ProofInvalid("The keys are of the logs of two buses.")
        bus = named[0]
        if pins.setdefault(named[1], verifier) != verifier:
            raise ProofInvalid(f"Two keys are given for {verifier.name}.")
    if bus is None:
        raise ProofInvalid("At least the key of log 0 is needed.")
    return bus, pins


def verify_folder(
    folder: Path,
    log_keys: str | Sequence[str],
    epochs: EpochKeys | None,
    progress: Progress | None = None,
    seen: Seen | None = None,
    processes: int = 1,
) -> Report:
    """Verify a copied data folder, or a database file; never writes into it.

    The report is the same for any number of ``processes``, in which long logs are gone through.
    With ``seen`` only log 0 and its successors are verified, and it is told of every read and
    export that stands there.

    Raises:
        ProofInvalid: one of ``log_keys`` is no verifier key of a log 0.
        FolderUnusable: the folder holds no database.
    """
    bus, pins = parse_pins([log_keys] if isinstance(log_keys, str) else log_keys)
    findings = Findings()
    texts = tuple(str(pins[n]) for n in sorted(pins, reverse=True))
    report = Report(bus, texts, findings)
    started = time.perf_counter()
    try:
        with open_database(folder) as database:
            audit = Audit(database, pins, epochs, report, progress or _silent, processes)
            audit.run() if seen is None else audit.run_log_zero(seen)
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
        pins: Pins,
        epochs: EpochKeys | None,
        report: Report,
        progress: Progress,
        processes: int = 1,
    ) -> None:
        self._database = database
        self._processes = processes
        self._pins = pins
        self._report = report
        self._findings = report.findings
        self._opener = None if epochs is None else Opener(epochs, report.findings)
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
        self._attempt(self._check_bus, zero)
        if zero is not None and self._are_pinned(heads):
            self._attempt(lambda: zero.directory.check_table(self._database))
            self._traffic(zero, heads)
        self._attempt(self._strays, sorted(heads))
        if self._opener is not None:
            self._opener.settle()

    def run_log_zero(self, seen: Seen) -> None:
        """Log 0 and its successors alone. Raises DatabaseUnreadable."""
        heads = read_heads(self._database, self._findings)
        self._total = 2 * sum(head.size for head in heads.values() if head.shard <= 0)
        self._attempt(self._check_bus, self._log_zero(heads, seen))
        self._are_pinned(heads)
        if self._opener is not None:
            self._opener.settle()

    def _attempt(self, check: Callable[..., None], *arguments: object) -> None:
        try:
            check(*arguments)
        except DatabaseUnreadable as error:
            self._findings.add(Code.DATABASE_UNREADABLE, str(error))

    def _check_bus(self, zero: LogZero | None) -> None:
        rows = self._database.bus()
        if len(rows) != 1 or rows[0][0] not in SCHEMA_VERSIONS:
            readable = " and ".join(map(str, SCHEMA_VERSIONS))
            text = f"The tables are of another schema than {readable}, which this verifier reads."
            self._findings.add(Code.DATABASE_UNREADABLE, text)
        told = rows[0][1:] if len(rows) == 1 else ()
        known = (self._report.bus, zero.instance) if zero else (self._report.bus,)
        if told[: len(known)] != known:
            text = f"The database is not that of {self._report.bus}, whose key is pinned."
            self._findings.add(Code.BUS_DIFFERS, text)

    def _step(self, what: str) -> Callable[[int], None]:
        def step(leaves: int) -> None:
            self._done += leaves
            self._progress(what, self._done, self._total)

        return step

    # --- log 0 --------------------------------------------------------------------------------

    def _log_zero(self, heads: dict[int, StoredHead], seen: Seen | None = None) -> LogZero | None:
        """Log 0, and each successor whose key is pinned; None when log 0 itself can't be told."""
        if 0 not in self._pins:
            text = "The key of log 0 itself was not given: everything after it goes on from there."
            self._findings.add(Code.LOG_KEY_MISSING, text, 0)
            return None
        report, findings = self._report, self._findings
        zero = LogZero(
            report.bus,
            RecordReader(self._keys, self._opener, findings),
            DirectoryLog(findings, report.bus),
            Listing(report.bus, findings),
            findings,
            seen=seen,
        )
        for n in range(0, min([*self._pins, *heads, 0]) - 1, -1):
            head = heads.get(n)
            if head is None or head.origin != origin_of(report.bus, n):
                text = f"There is no log {origin_of(report.bus, n)}, which must be there."
                findings.add(Code.LOG_MISSING, text, n)
                if n == 0:
                    return None
                break
            if n not in self._pins:
                break  # `_are_pinned` says so
            self._directory_log(zero, head)
        zero.listing.finish()
        return zero

    def _directory_log(self, zero: LogZero, head: StoredHead) -> None:
        n, verifier, report = head.shard, self._pins[head.shard], self._report
        step = self._step(f"log {log_name(n)}")
        also = sizes_named(self._database, n - 1)
        scanned = scan_log(self._database, head, verifier, (), self._findings, step, also)
        zero.read(self._database, scanned, verifier, step)
        report.logs.append(
            LogReport(n, head.origin, scanned.size, scanned.signed, None, head.state)
        )
        report.counts.records += zero.records
        zero.records = 0
        report.heads = zero.listing.heads
        report.directory_version = zero.directory.version

    def _are_pinned(self, heads: dict[int, StoredHead]) -> bool:
        """Whether every directory log that is there has its key; the directory is all of them."""
        for n in sorted((n for n in heads if n < 0 and n not in self._pins), reverse=True):
            origin = origin_of(self._report.bus, n)
            text = (
                f"The bus goes on in {origin}, whose key was not given, so the directory and the"
                " logs of traffic can't be judged. Ask for that key by another way and give both."
            )
            self._findings.add(Code.LOG_KEY_MISSING, text, n)
        return all(n >= 0 or n in self._pins for n in heads)

    # --- the logs it vouches for --------------------------------------------------------------

    def _traffic(self, zero: LogZero, heads: dict[int, StoredHead]) -> None:
        listed = zero.listing.logs
        for n in heads:
            if n > 0 and n not in listed:
                text = f"Log 0 never opened the log {heads[n].origin[:300]}."
                self._findings.add(Code.LOG_UNLISTED, text, n)
        rules = Rules(self._findings, several=len(listed) > 1)
        systems: dict[object, object] = {}
        self._attempt(lambda: systems.update(self._database.systems()))
        with Exchanges(rules) as exchanges:
            whole = Whole(self._findings, self._report.counts, self._opener, exchanges)
            for n in sorted(listed):
                head = heads.get(n)
                if head is None or head.origin != listed[n].origin:
                    text = f"The log {listed[n].origin}, which log 0 opened, is not there."
                    self._findings.add(Code.LOG_MISSING, text, n)
                else:
                    self._attempt(self._one_log, zero, listed[n], head, whole, systems)
            self._report.open_exchanges = exchanges.settle()

    def _one_log(
        self,
        zero: LogZero,
        listed: ListedLog,
        head: StoredHead,
        whole: Whole,
        systems: dict[object, object],
    ) -> None:
        step = self._step(f"log {listed.n}")
        anchors = listed.anchors_for(head.size)
        scanned = scan_log(self._database, head, listed.verifier, anchors, self._findings, step)
        anchored = listed.anchored(scanned.size)
        self._report.logs.append(
            LogReport(listed.n, listed.origin, scanned.size, scanned.signed, anchored, listed.state)
        )
        ground = Ground(
            bus=self._report.bus,
            scanned=scanned,
            listed=listed,
            directories=zero.directory.reader(),
            keys=self._keys,
            epochs=self._opener.keys if self._opener is not None else None,
            systems=systems,
            several=len(zero.listing.logs) > 1,
            last_version=zero.directory.version,
            newest_ms=zero.last_ts_ms,
            messages_days=zero.messages_days,
        )
        TrafficLog(self._database, ground, whole).read(self._spread, step)

    def _spread(
        self, work: Judge, stretches: Iterable[Stretch], count: int
    ) -> Iterator[tuple[Stretch, Judged]]:
        at_least = 1 if self._opener is not None else STRETCHES_SHUT_MIN
        processes = min(self._processes, count // at_least)
        if processes < 2 or not can_spread():
            for stretch in stretches:
                yield stretch, work(self._database, stretch)
            return
        try:
            yield from spread(partial(_start, self._database, work), stretches, processes)
        except WorkerLost as error:
            raise DatabaseUnreadable(str(error)) from error

    def _strays(self, shards: list[int]) -> None:
        for table in PLACED_TABLES:
            for _ in self._database.strays(table, shards):
                text = f"A row of table {table} stands in a log that is not there."
                self._findings.add(Code.ROW_WITHOUT_LEAF, text)


def _start(database: Database, work: Judge) -> Callable[[Stretch], Judged]:
    return partial(work, database.again())
