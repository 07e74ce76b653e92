"""What came of a verification: the verdict, the counts, the findings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sealway.verify.findings import Code, Findings, Weight
from sealway.verify.judged import Counts
from sealway.verify.names import log_name


class Verdict(StrEnum):
    """The one answer."""

    PROVEN = "proven"
    FALSE = "false"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> int:
        """0 proven, 1 false, 2 incomplete, erased or undecidable."""
        return {"proven": 0, "false": 1, "incomplete": 2}[self.value]

    @classmethod
    def of(cls, has: Callable[[Weight], bool]) -> "Verdict":
        """Anything false decides; then anything undecided."""
        if has(Weight.FALSE):
            return cls.FALSE
        return cls.INCOMPLETE if has(Weight.INCOMPLETE) else cls.PROVEN


@dataclass(frozen=True, slots=True)
class LogReport:
    """One log, counted: all leaves, those under its checkpoint, those under heads of log 0."""

    n: int
    origin: str
    leaves: int
    signed: int
    anchored: int | None
    """None for log 0, which the pinned key itself vouches for."""
    state: str = "open"
    """As log 0 says: open, frozen or closed."""

    @property
    def name(self) -> str:
        """`0`, `0.1` for its successor, `7`."""
        return log_name(self.n)

    def to_object(self) -> dict[str, Any]:
        """For machines."""
        members: dict[str, Any] = {
            "n": self.n,
            "origin": self.origin,
            "state": self.state,
            "leaves": self.leaves,
            "signed": self.signed,
        }
        return members if self.anchored is None else {**members, "anchored": self.anchored}


@dataclass(slots=True)
class Report:
    """Everything a verification says."""

    bus: str
    log_keys: tuple[str, ...]
    findings: Findings
    counts: Counts = field(default_factory=Counts)
    logs: list[LogReport] = field(default_factory=list)
    heads: int = 0
    directory_version: int = 0
    open_exchanges: int = 0
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The one answer; about nothing at all, nothing is proven."""
        verdict = Verdict.of(self.findings.has)
        return Verdict.INCOMPLETE if verdict is Verdict.PROVEN and not self.logs else verdict

    def verdict_of(self, log: LogReport) -> Verdict:
        """What was found in one log alone."""
        return Verdict.of(self.findings.of_log(log.n).__contains__)

    @property
    def shards(self) -> list[LogReport]:
        """The logs of traffic."""
        return [log for log in self.logs if log.n > 0]

    @property
    def shards_verified(self) -> int:
        """How many of them are proven, each for itself."""
        return sum(self.verdict_of(log) is Verdict.PROVEN for log in self.shards)

    @property
    def leaves(self) -> int:
        """Leaves of all logs."""
        return sum(log.leaves for log in self.logs)

    def to_object(self) -> dict[str, Any]:
        """The report as one JSON object; members are only ever added."""
        counts = self.counts
        return {
            "verdict": self.verdict.value,
            "exit": self.verdict.exit_code,
            "bus": self.bus,
            "log_key": self.log_keys[0],
            "log_keys": list(self.log_keys),
            "logs": [
                {**log.to_object(), "verdict": self.verdict_of(log).value} for log in self.logs
            ],
            "counts": {
                "leaves": self.leaves,
                "shards": len(self.shards),
                "shards_verified": self.shards_verified,
                "messages": counts.messages,
                "refusals": counts.refusals,
                "records": counts.records,
                "heads": self.heads,
                "receipts": counts.receipts,
                "envelopes": counts.envelopes,
                "directory_version": self.directory_version,
                "open_exchanges": self.open_exchanges,
            },
            "seconds": round(self.seconds, 3),
            "findings": [_finding(one.code, one) for one in self.findings.listed if one.text],
            "finding_counts": {code.value: n for code, n in sorted(self.findings.counts.items())},
        }


def _finding(code: Code, one: Any) -> dict[str, Any]:
    members = {
        "code": code.value,
        "weight": one.weight.value,
        "log": one.log,
        "index": one.index,
        "text": one.text,
    }
    return {name: value for name, value in members.items() if value is not None}
