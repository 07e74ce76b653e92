"""What a stretch of a log is, what it is judged by, and what comes of it.

These go from one process to another: a stretch to the one that judges it, its outcome back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sealway.verify.directory_log import DirectoryReader
from sealway.verify.exchanges import Kept
from sealway.verify.findings import Findings
from sealway.verify.listing import ListedLog
from sealway.verify.opening import Opened
from sealway.verify.record_rows import RecordKeys
from sealway.verify.scan import ScannedLog
from signing.at_rest import EpochKeys

SUSPECTS_MAX: Final = 10_000


@dataclass(slots=True)
class Counts:
    """What was gone through."""

    messages: int = 0
    refusals: int = 0
    records: int = 0
    receipts: int = 0
    envelopes: int = 0

    def add(self, more: "Counts") -> None:
        """Count these too."""
        self.messages += more.messages
        self.refusals += more.refusals
        self.records += more.records
        self.receipts += more.receipts
        self.envelopes += more.envelopes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which leaves, and where the rows of their messages are."""

    first: int
    end: int
    group: int
    """The first leaf of the stored group that holds ``first``."""
    indexes: Sequence[int]
    """The leaves that have a message's row, growing."""
    numbers: Sequence[object]
    """The numbers of those rows, as `Database.messages` takes them."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all stretches of one log are judged by."""

    bus: str
    scanned: ScannedLog
    listed: ListedLog
    directories: DirectoryReader
    keys: RecordKeys
    epochs: EpochKeys | None
    systems: dict[object, object]
    several: bool
    last_version: int
    newest_ms: int = 0
    messages_days: int | None = None
    """For how many days messages are kept, at the least, as a policy in log 0 said."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the leaves before a stretch hand on: the last time, the highest directory version."""

    ts_ms: int = 0
    reg: int = 0


@dataclass(slots=True)
class Judged:
    """What came of one stretch."""

    findings: Findings = field(default_factory=Findings)
    counts: Counts = field(default_factory=Counts)
    opened: Opened = field(default_factory=Opened)
    kept: list[Kept] = field(default_factory=list)
    suspects: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """Leaves that aren't those of their rows: index, the leaf's hash, the row's."""
    first_ts_ms: int | None = None
    lowest_reg: int | None = None
    last: Before = Before()
    unreadable: str | None = None

    def saw(self, ts_ms: int, reg: int) -> None:
        """The next leaf's time and version."""
        if self.first_ts_ms is None or self.lowest_reg is None:
            self.first_ts_ms, self.lowest_reg = ts_ms, reg
        elif reg < self.lowest_reg:
            self.lowest_reg = reg

    def needs(self, before: Before) -> bool:
        """Whether what came before changes what was judged without it."""
        if self.first_ts_ms is None or self.lowest_reg is None:
            return False
        return self.first_ts_ms < before.ts_ms or self.lowest_reg < before.reg

    def after(self, before: Before) -> Before:
        """What is handed on."""
        ts_ms = before.ts_ms if self.first_ts_ms is None else self.last.ts_ms
        return Before(ts_ms, max(before.reg, self.last.reg))
