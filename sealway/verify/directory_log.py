"""The directory as log 0 tells it: folded once to check it, and again for each log's own reading.

The fold itself is the registry's. Keeps every record's object, so memory grows with the history of
the registry, never with traffic.
"""

from dataclasses import dataclass
from typing import Any, Final

from registry.directory import Directory
from registry.errors import DirectoryBroken
from sealway.verify.database import Database
from sealway.verify.findings import Code, Findings
from sealway.verify.statements import Statements
from signing.errors import JsonInvalid
from signing.jws import RECORD_BYTES_MAX
from signing.records import RECORD_DEPTH_MAX, Record, object_hash
from signing.strict_json import parse_json

CHUNK: Final = 512  # a fold copies the directory once
_OPTIONAL_NOUNS: Final = frozenset({"bus-key", "log"})
"""What the bus reads from elsewhere, so that its table need not hold them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A record that made version ``version``; None when the record itself is not proven."""

    version: int
    log: int
    index: int
    record: Record | None


@dataclass(frozen=True, slots=True)
class _Expected:
    version: int
    log: int
    index: int
    hash: str


class DirectoryLog:
    """All facts of log 0, in order; the n-th made version n."""

    def __init__(self, findings: Findings, bus: str) -> None:
        self._findings = findings
        self.statements = Statements(bus, findings)
        self._facts: list[Fact] = []
        self._good: list[Record | None] = []
        self._directory = Directory.empty()
        self._objects: dict[tuple[str, str], _Expected] = {}
        self.log = 0
        """The directory log that is being read: 0, or -1 … for a successor."""

    @property
    def version(self) -> int:
        """The version after the facts so far."""
        return len(self._facts)

    def add(self, record: Record | None, index: int) -> None:
        """The next leaf of kind registry, trust or policy."""
        version = len(self._facts) + 1
        is_signed = record is not None and record.signed_change is not None
        if is_signed:
            self.fold()
        before = self._directory
        self._facts.append(Fact(version, self.log, index, record))
        if record is not None and is_signed:
            self.fold()
        if record is not None and self._good[version - 1 :] != [None]:
            self.statements.note(record, version, before, (self.log, index))
        if record is not None:
            self.expect(record, version, index)
        if len(self._facts) % CHUNK == 0:
            self.fold()

    def expect(self, record: Record, version: int, index: int) -> None:
        """What the bus's table of objects should hold for this record."""
        if record.after is not None:
            try:
                hashed = object_hash(record.after)
            except ValueError:  # a number that JSON's canonical form does not have
                text = "The record's object holds a number beyond 2^53."
                self._findings.add(Code.RECORD_MALFORMED, text, self.log, index)
                return
            self._objects[record.noun, record.key] = _Expected(version, self.log, index, hashed)

    def fold(self) -> None:
        """Fold what was added, noting every record that does not follow from those before it."""
        for fact in self._facts[len(self._good) :]:
            self._good.append(fact.record)
        start = self._directory.version
        self._directory = self._folded(self._directory, self._facts[start:])

    def _folded(self, directory: Directory, facts: list[Fact]) -> Directory:
        records = [fact.record for fact in facts if fact.record is not None]
        if len(records) == len(facts):
            try:
                return directory.fold(records)
            except DirectoryBroken as error:
                if len(facts) == 1:
                    place = facts[0].log, facts[0].index
                    self._findings.add(Code.DIRECTORY_BROKEN, error.detail, *place)
                    self._good[facts[0].version - 1] = None
                    return _skip(directory)
        if len(facts) == 1:
            return _skip(directory)
        middle = len(facts) // 2
        return self._folded(self._folded(directory, facts[:middle]), facts[middle:])

    def reader(self) -> "DirectoryReader":
        """Directories by version, for one pass over a log."""
        return DirectoryReader(self._good)

    # --- the bus's own table ------------------------------------------------------------------

    def check_table(self, database: Database) -> None:
        """Hold the table of objects, and the version beside it, against the fold."""
        rows = database.directory_version()
        if rows != [(self.version,)]:
            text = f"Log 0 makes directory version {self.version}; the database says another."
            self._findings.add(Code.DIRECTORY_VERSION_DIFFERS, text, 0)
        left = dict(self._objects)
        for noun, key, version, log, index, text in database.objects():
            expected = left.pop((noun, key), None)
            if expected != _Expected(version, log, index, _hash_of(text) or ""):
                self._differs(noun, key, log, index)
        for (noun, key), expected in left.items():
            if noun not in _OPTIONAL_NOUNS:
                self._differs(noun, key, expected.log, expected.index)

    def _differs(self, noun: object, key: object, log: object, index: object) -> None:
        text = f"The object of {str(noun)[:40]} '{str(key)[:300]}' is not what log 0's records say."
        place = index if type(index) is int else None
        where = log if type(log) is int else 0
        self._findings.add(Code.DIRECTORY_OBJECT_DIFFERS, text, where, place)


def _skip(directory: Directory) -> Directory:
    return Directory(directory.version + 1, directory.contents())


def _hash_of(text: object) -> str | None:
    if type(text) is not str:
        return None
    try:
        value: Any = parse_json(
            text.encode("utf-8", "replace"),
            depth_max=RECORD_DEPTH_MAX,
            bytes_max=RECORD_BYTES_MAX,
        )
        return object_hash(value)
    except (JsonInvalid, ValueError):
        return None


class DirectoryReader:
    """The directory at one version after another; going on is cheap, going back begins anew."""

    def __init__(self, records: list[Record | None]) -> None:
        self._records = records
        self._directory = Directory.empty()

    def at(self, version: int) -> Directory:
        """The directory of ``version``, at most the last one."""
        if version < self._directory.version:
            self._directory = Directory.empty()
        start = self._directory.version
        if version > start:
            some = self._records[start:version]
            records = [record for record in some if record is not None]
            self._directory = Directory(version, self._directory.fold(records).contents())
        return self._directory
