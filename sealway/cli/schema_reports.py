"""What `sealway schema` shows of a comparison, and of whom a change touches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from schemas.compatibility.verdicts import Change, Finding, Report
    from sealway.errors import Refused

EXIT: Final = {"yes": 0, "no": 1, "unknown": 2}
OF_CODE: Final = {"schema-incompatible": "no", "schema-undecided": "unknown"}
"""The answer that a refusal of the bus gives about compatibility."""
_CHANGES_SHOWN: Final = 20
_TOUCHED_SHOWN: Final = 20


def print_report(report: Report) -> None:
    """Each reading that isn't a yes with its reason, then the answer."""
    for finding in report.findings:
        _print_finding(finding)
    asked = len(report.findings)
    noun = "reading" if asked == 1 else "readings"
    said = {"yes": "yes", "no": "no", "unknown": "can't tell"}[report.answer.value]
    print(f"compatible: {said} ({report.level.value}, {report.policy.value}, {asked} {noun})")


def print_told_report(members: Mapping[str, Any]) -> None:
    """The same of a report as the bus tells it."""
    from schemas.compatibility.verdicts import Report

    print_report(Report.from_object(members))


def _print_finding(finding: Finding) -> None:
    from sealway.cli.output import clean

    judged, number = finding.judged, finding.reading.version
    who = {
        "BACKWARD": f"reading what version {number} wrote",
        "FORWARD": f"version {number} reading what this one writes",
    }[finding.reading.direction.value]
    print(f"{finding.reading.direction.value} {who}: {judged.answer.value}")
    if judged.answer.value == "yes":
        return
    print(clean(f"  {judged.reason}"))
    if judged.witness is not None:
        witness = judged.witness
        print(clean(f"  instance: {json.dumps(witness.instance, ensure_ascii=False)}"))
        print(clean(f"  refused at {witness.pointer or 'the top'}: {witness.sentence}"))
    print_changes(finding.changes, _CHANGES_SHOWN, "  changed ")


def print_changes(changes: Sequence[Change], shown: int, prefix: str = "") -> None:
    """Changes one a line, the first so many."""
    from sealway.cli.output import clean

    for change in changes[:shown]:
        print(clean(f"{prefix}{change.pointer or 'the top'}: {change.sentence}"))
    if len(changes) > shown:
        print(f"{prefix}… and {len(changes) - shown} more")


def print_touched(members: Mapping[str, Any]) -> None:
    """Services, consumers and schemas that a change touches, one a line."""
    from sealway.cli.output import clean

    lines = [
        *(
            f"touches {one['service']} ({one['role']}, version {one['version']})"
            for one in members.get("services", ())
        ),
        *(
            f"touches {one['consumer']}, a consumer of {one['service']}"
            for one in members.get("consumers", ())
        ),
        *(
            f"touches {one['subject']} version {one['version']}, which refers to it"
            for one in members.get("schemas", ())
        ),
    ]
    for line in lines[:_TOUCHED_SHOWN]:
        print(clean(line))
    if len(lines) > _TOUCHED_SHOWN:
        print(f"… and {len(lines) - _TOUCHED_SHOWN} more; --json has all")
    if not lines:
        print("touches nobody")


def told_refusal(refused: Refused, as_json: bool) -> int:
    """Print a refusal with its report or whom it concerns; its exit code.

    Raises the refusal itself when there is no more to it than any other has.
    """
    from sealway.cli.output import clean, note, print_json

    problem = refused.problem
    if not {"report", "touched"} & set(problem):
        raise refused
    outcome = OF_CODE.get(refused.code, "no")
    if as_json:
        print_json({"answer": outcome, "code": refused.code, **problem})
        return EXIT[outcome]
    if "report" in problem:
        print_told_report(problem["report"])
    if "touched" in problem:
        print_touched(problem["touched"])
    note(clean(f"refused: {refused}"))
    note(clean(f"  {refused.remedy}"))
    return EXIT[outcome]
