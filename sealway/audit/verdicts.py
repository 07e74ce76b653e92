"""What came of verifying a bundle: one answer, and everything it rests on.

The object is what `audit verify --json` prints and what a report holds; members are only added.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from sealway.audit.accessed import Accessed
from sealway.audit.selection import Selection
from sealway.verify.findings import Code, Findings, Weight
from sealway.verify.report import Verdict
from signing.encoding import format_time

PURPOSE: Final = "purpose"
MESSAGES_LISTED_MAX: Final = 1_000


@dataclass(slots=True)
class BundleReport:
    """Everything that a verification of a bundle says."""

    findings: Findings = field(default_factory=Findings)
    bundle_sha256: str = ""
    anchors_sha256: str | None = None
    """None: verified without anchors."""
    bus: str = ""
    made_ms: int = 0
    by: str = ""
    selection: dict[str, Any] = field(default_factory=dict)
    range: tuple[int | None, int] = (None, 0)
    directory_version: int = 0
    logs: list[tuple[int, int, int]] = field(default_factory=list)
    """Number, first leaf, end."""
    leaves: int = 0
    hidden: int = 0
    messages: int = 0
    records: int = 0
    refusals: int = 0
    open_exchanges: int = 0
    custody: Counter[str] = field(default_factory=Counter)
    standing: Counter[str] = field(default_factory=Counter)
    issued: Counter[str] = field(default_factory=Counter)
    """Messages by whether an authority of the anchors issued the certificate; empty: not asked."""
    accesses: Accessed = field(default_factory=Accessed)
    rests_on: dict[str, Counter[str]] = field(
        default_factory=lambda: {"certificate": Counter(), "grant": Counter()}
    )
    """By what messages rest on: for how many of them who asserted it."""
    signers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Messages by system and custody of the key that signed."""
    not_provable: tuple[str, ...] = ()
    witnesses: list[str] = field(default_factory=list)
    trusted_times: list[str] = field(default_factory=list)
    """Who vouches for T_lo and T_hi: witnesses, stamps."""
    t_lo_ms: int | None = None
    t_hi_ms: int | None = None
    listed: list[dict[str, Any]] = field(default_factory=list)
    """The first messages, for people."""
    seconds: float = 0.0
    is_finished: bool = False

    @property
    def verdict(self) -> Verdict:
        """The one answer; what was broken off proves nothing."""
        verdict = Verdict.of(self.findings.has)
        unfinished = verdict is Verdict.PROVEN and not self.is_finished
        return Verdict.INCOMPLETE if unfinished else verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict is Verdict.FALSE:
            found = self.findings.count(Weight.FALSE)
            return f"false: {found} finding{'' if found == 1 else 's'}"
        if self.verdict is Verdict.PROVEN:
            return "proven"
        others = {code.value for code in self.findings.counts} - {"not-anchored"}
        if self.anchors_sha256 is None and not others:
            return "consistent, not anchored"
        return "incomplete: nothing false, not everything decided"

    def doubt_purpose(self, selection: Selection) -> None:
        """An envelope is gone: whether it was of a purpose that was asked for can't be told."""
        if selection.purpose and PURPOSE not in self.not_provable:
            self.not_provable += (PURPOSE,)

    def list_message(self, line: dict[str, Any]) -> None:
        """Keep a message's line for people, as long as there is room."""
        if len(self.listed) < MESSAGES_LISTED_MAX:
            self.listed.append(line)

    def to_object(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {
            "verdict": self.verdict.value,
            "exit": self.verdict.exit_code,
            "sentence": self.sentence,
            "bundle_sha256": self.bundle_sha256,
            "anchors_sha256": self.anchors_sha256,
            "bus": self.bus,
            "made": format_time(self.made_ms),
            "by": self.by,
            "selection": self.selection,
            "completeness": {
                "leaves": "every leaf of the range" if self.is_finished else "not established",
                "not_provable": list(self.not_provable),
                "hidden": self.hidden,
            },
            "range": {
                "heads": list(self.range),
                "t_lo": _time(self.t_lo_ms),
                "t_hi": _time(self.t_hi_ms),
                "trusted_time": self.trusted_times,
                "witnesses": self.witnesses,
            },
            "logs": [{"n": n, "first": first, "end": end} for n, first, end in self.logs],
            "counts": {
                "leaves": self.leaves,
                "messages": self.messages,
                "records": self.records,
                "refusals": self.refusals,
                "open_exchanges": self.open_exchanges,
                "directory_version": self.directory_version,
            },
            "custody": {"member": self.custody["member"], "bus": self.custody["bus"]},
            "standing": dict(sorted(self.standing.items())),
            "rests_on": {what: dict(sorted(by.items())) for what, by in self.rests_on.items()},
            "issued": dict(sorted(self.issued.items())),
            "accesses": self.accesses.to_object(),
            "disputed": self.findings.counts.get(Code.DISPUTED, 0),
            "messages": self.listed,
            "findings": [_finding(one) for one in self.findings.listed if one.text],
            "finding_counts": {c.value: n for c, n in sorted(self.findings.counts.items())},
        }


def _time(ms: int | None) -> str | None:
    return None if ms is None else format_time(ms)


def _finding(one: Any) -> dict[str, Any]:
    members = {
        "code": one.code.value,
        "weight": one.weight.value,
        "log": one.log,
        "index": one.index,
        "text": one.text,
    }
    return {name: value for name, value in members.items() if value is not None}
