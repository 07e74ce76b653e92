"""The check of a new version at a level: a reading each way against each version that counts."""

from collections.abc import Callable, Sequence

from schemas.compatibility.changes import changes_between
from schemas.compatibility.document import Json
from schemas.compatibility.levels import Direction, Level, Policy, readings
from schemas.compatibility.verdicts import Finding, Judged, Report

Judge = Callable[[Json, Json, Policy], Judged]
"""Whether the second document reads what writers by the first send; ``judge.judge``, or a process
that runs it and can be killed."""


def check(
    new: Json, versions: Sequence[Json], level: Level, policy: Policy, judge: Judge
) -> Report:
    """Answer for a version that follows ``versions``, which come oldest first.

    All documents are parsed and admitted. One judgement a reading; all are made, so that the
    report names every version that a change would break.
    """
    findings = []
    for reading in readings(level, versions):
        old = versions[reading.version - 1]
        backward = reading.direction is Direction.BACKWARD
        writer, reader = (old, new) if backward else (new, old)
        judged = judge(writer, reader, policy)
        findings.append(Finding(reading, judged, changes_between(old, new)))
    return Report(level, policy, tuple(findings))
