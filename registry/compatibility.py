"""Whether a version may follow the others of its subject: what is compared, and what follows.

Owns which versions count and what an answer comes to: a yes admits, a no refuses with the whole
report, an unknown refuses unless a person decides, which the object keeps. Refuses to compare:
that takes seconds and a process of its own, so it is asked of ``Compare``. Invariant: no version
comes into force beside others without an answer that is told in its object.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from registry.contents import Contents
from registry.errors import SchemaIncompatible, SchemaUndecided
from registry.nouns import State
from registry.schema_versions import SchemaVersion
from registry.subjects import Rules
from registry.verdicts import Decision, Verdict
from schemas.compatibility.avro import judge_avro
from schemas.compatibility.check import Judge, check
from schemas.compatibility.levels import Direction, readings
from schemas.compatibility.verdicts import Answer, Finding, Judged, Report
from schemas.formats.avro import Avro
from schemas.formats.json_schema import JsonSchema, whole_document
from schemas.formats.port import Source

_NOBODY = "Nobody compared the two versions."
_OTHER_FORMAT = "Can't tell: versions are compared in JSON Schema and in Avro only."


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new version, those that it follows, oldest first and by their numbers, and the rules."""

    new: Source
    earlier: tuple[tuple[int, Source], ...]
    rules: Rules

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for two comparisons that have the same answer."""
        named = (one.fingerprint for _, one in self.earlier)
        return (self.rules.level, self.rules.policy, self.new.fingerprint, *named)


Compare = Callable[[Comparison], Report]
"""The report of a comparison; its findings name the versions by their numbers."""


def compared(comparison: Comparison, judge: Judge) -> Report:
    """The report by a judge of single readings; as long as all of these take together."""
    sources = [comparison.new, *(one for _, one in comparison.earlier)]
    formats = {one.format for one in sources}
    if formats == {Avro.name}:
        return _by_avros_rules(comparison)
    if formats != {JsonSchema.name}:
        return _unknown(comparison, _OTHER_FORMAT)
    new, *earlier = (whole_document(one.text, one.references) for one in sources)
    report = check(new, earlier, comparison.rules.level, comparison.rules.policy, judge)
    return replace(report, findings=_numbered(comparison, report.findings))


def _by_avros_rules(comparison: Comparison) -> Report:
    rules, findings = comparison.rules, []
    for reading in readings(rules.level, comparison.earlier):
        old = comparison.earlier[reading.version - 1][1]
        backward = reading.direction is Direction.BACKWARD
        writer, reader = (old, comparison.new) if backward else (comparison.new, old)
        findings.append(Finding(reading, judge_avro(writer, reader), ()))
    return Report(rules.level, rules.policy, _numbered(comparison, tuple(findings)))


def uncompared(comparison: Comparison) -> Report:
    """The report where nobody can compare: unknown, so that a person must decide."""
    return _unknown(comparison, _NOBODY)


def _unknown(comparison: Comparison, why: str) -> Report:
    rules = comparison.rules
    findings = tuple(
        Finding(reading, Judged(Answer.UNKNOWN, why), ())
        for reading in readings(rules.level, comparison.earlier)
    )
    return Report(rules.level, rules.policy, _numbered(comparison, findings))


def _numbered(comparison: Comparison, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """With the registry's numbers of versions: some in between may not be in force."""
    numbers = [number for number, _ in comparison.earlier]
    return tuple(
        replace(
            one,
            reading=replace(one.reading, version=numbers[one.reading.version - 1]),
        )
        for one in findings
    )


def comparison_of(
    contents: Contents,
    schema: SchemaVersion,
    rules: Rules | None = None,
    against: Collection[int] | None = None,
) -> Comparison | None:
    """What must be compared before this version may be in force; None when nothing must.

    ``rules``: others than the subject's; ``against``: only the versions of these numbers.
    """
    rules = rules or contents.rules(schema.subject)
    earlier = tuple(
        (one.version, contents.source(one.fingerprint))
        for one in contents.in_force(schema.subject)
        if one.fingerprint != schema.fingerprint and (against is None or one.version in against)
    )
    if not readings(rules.level, earlier):
        return None
    references = contents.references(schema)
    new = Source(schema.fingerprint, schema.format, schema.text, references)
    return Comparison(new, earlier, rules)


def judged(
    contents: Contents,
    schema: SchemaVersion,
    previous: SchemaVersion | None,
    decision: Decision | None,
    compare: Compare,
) -> SchemaVersion:
    """The version with its verdict, where it becomes a draft or active; otherwise as it is.

    Raises:
        SchemaIncompatible: an instance exists that breaks a reader.
        SchemaUndecided: it can't be told whether there is one, and nobody decided.
    """
    if not _begins(schema, previous):
        return schema
    comparison = comparison_of(contents, schema)
    if comparison is None:
        return replace(schema, verdict=None)
    report = compare(comparison)
    if report.answer is Answer.NO:
        raise SchemaIncompatible(schema.subject, report.to_object())
    if report.answer is Answer.YES:
        decision = None
    elif decision is None:
        kept = schema.verdict
        same = kept is not None and kept.against == tuple(n for n, _ in comparison.earlier)
        if kept is None or not same or kept.decision is None:
            raise SchemaUndecided(schema.subject, report.to_object())
        decision = kept.decision
    against = tuple(number for number, _ in comparison.earlier)
    rules = comparison.rules
    verdict = Verdict(report.answer, rules.level, rules.policy, against, decision)
    return replace(schema, verdict=verdict)


def _begins(schema: SchemaVersion, previous: SchemaVersion | None) -> bool:
    """Whether this change is the one that makes the version a draft, or active."""
    if schema.state not in (State.DRAFT, State.ACTIVE):
        return False
    if previous is None or previous.state is State.WITHDRAWN:
        return True
    return previous.state is State.DRAFT and schema.state is State.ACTIVE
