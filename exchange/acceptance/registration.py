"""Registering schemas and ending them: what people ask of the registry about one subject.

Owns the order: admission, then the comparison at the subject's level, then the record; and what is
answered with it, the report and who is touched. Knows no HTTP: both REST APIs and the command line
of the bus come through here. Every change is a record of log 0 under the actor's name.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange.acceptance.changes import Actor, DirectoryLog, May, Recorded
from exchange.acceptance.directory import DirectoryInForce
from exchange.ledger.log_writer import Clock
from registry.changes import Change, plan
from registry.compatibility import Comparison, comparison_of
from registry.completion import complete
from registry.directory import Directory
from registry.errors import ChangeInvalid
from registry.nouns import Noun
from registry.schema_versions import SchemaVersion
from registry.subjects import Rules
from registry.touched import Touched
from registry.verdicts import Decision
from schemas.compatibility.verdicts import Report


@dataclass(frozen=True, slots=True)
class Proposal:
    """A schema as somebody hands it in.

    ``references`` are ``{name, subject, version?}`` or ``{name, fingerprint}``; ``state`` is
    ``active`` or ``draft``, which no service can use yet.
    """

    subject: str
    text: str
    format: str = "json-schema"
    references: Sequence[Mapping[str, Any]] = ()
    examples: Sequence[str] = ()
    counter_examples: Sequence[str] = ()
    state: str | None = None

    def members(self) -> dict[str, Any]:
        """The members of the change; what isn't given is left out."""
        lists = {
            "references": [dict(one) for one in self.references],
            "examples": list(self.examples),
            "counter_examples": list(self.counter_examples),
        }
        whole = {"subject": self.subject, "text": self.text, "format": self.format}
        given = {name: value for name, value in lists.items() if value}
        return whole | given | ({} if self.state is None else {"state": self.state})


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema after a change; ``report`` is None where nothing had to be compared."""

    schema: SchemaVersion
    is_new: bool
    changed: bool
    report: Report | None
    touched: Touched


@dataclass(frozen=True, slots=True)
class Checked:
    """What registering would come to; nothing was changed.

    ``schema`` is what is registered of this very schema already.
    """

    fingerprint: str
    schema: SchemaVersion | None
    rules: Rules
    report: Report | None
    touched: Touched


def decided(why: str | None, actor: Actor) -> Decision | None:
    """The actor's decision, if a reason is given.

    Raises:
        ChangeInvalid: a reason that isn't one line, or an actor who is no person.
    """
    if why is None:
        return None
    if not actor.name.startswith("person:"):
        raise ChangeInvalid("Only a person decides that an unknown compatibility will do.")
    return Decision.of(actor.name, why)


class Registration:
    """Registers, checks and ends schemas."""

    def __init__(self, log: DirectoryLog, directory: DirectoryInForce, clock: Clock) -> None:
        self._log, self._directory, self._clock = log, directory, clock

    async def register(
        self,
        proposal: Proposal,
        actor: Actor,
        may: May | None = None,
        *,
        decision: str | None = None,
    ) -> Registered:
        """Make a schema the next version of its subject, or answer that it is one already.

        The same schema has one id, whoever registers it and how often; of many who do so at once
        one makes the record. ``decision``: the actor's reason why an unknown compatibility will
        do; it is recorded, and left out where there was nothing to decide.

        Raises:
            ChangeInvalid: not admitted, or it names what isn't there.
            SchemaIncompatible, SchemaUndecided: with the whole report.
            Conflict: it is registered under another subject.
            RateExceeded: too many comparisons wait.
            SealwayError: log 0 can't be written; nothing changed.
        """
        change = Change(Noun.SCHEMA, proposal.members(), decision=decided(decision, actor))
        return await self.change(change, actor, may)

    async def change(self, change: Change, actor: Actor, may: May | None = None) -> Registered:
        """Make one change of a schema. Raises as `register`, SchemaInUse, and what ``may`` does."""
        before = self._directory.current
        recorded = await self._log.change([change], actor, may)
        schema = self._of(before, change, recorded)
        report = recorded.reports[0] if recorded.reports else None
        facts = recorded.facts
        is_new = bool(facts) and facts[0].fact.before is None
        one = None if is_new or not facts else schema.fingerprint
        touched = self._directory.current.touched(schema.subject, one)
        return Registered(schema, is_new, bool(facts), report, touched)

    async def check(
        self,
        proposal: Proposal,
        *,
        rules: Rules | None = None,
        against: Collection[int] | None = None,
    ) -> Checked:
        """What registering this would come to; nothing is changed.

        ``rules``: others than the subject's; ``against``: only the versions of these numbers.

        Raises:
            ChangeInvalid: not admitted, or it names what isn't there.
            Conflict: it is registered under another subject.
            RateExceeded: too many comparisons wait.
        """
        await self._log.catch_up()
        directory, members = self._directory.current, proposal.members()
        contents = directory.contents()
        plan(directory, [Change(Noun.SCHEMA, members)], self._clock(), compare=_yes)
        whole, there = complete(contents, Noun.SCHEMA, None, members, self._clock())
        schema = SchemaVersion.from_object(whole)
        used = rules or directory.rules(proposal.subject)
        comparison = comparison_of(contents, schema, used, against)
        report = None if comparison is None else await self._log.comparer.report(comparison)
        return Checked(
            schema.fingerprint,
            there if isinstance(there, SchemaVersion) else None,
            used,
            report,
            directory.touched(proposal.subject),
        )

    def _of(self, before: Directory, change: Change, recorded: Recorded) -> SchemaVersion:
        """The schema that a change was about, as it is now."""
        if recorded.facts:
            key = recorded.facts[0].fact.key
        else:
            assert change.object is not None
            contents = self._directory.current.contents()
            _, there = complete(contents, Noun.SCHEMA, change.key, change.object, self._clock())
            assert there is not None, "what changes nothing is there"
            key = there.key
        found = self._directory.current.schema(key)
        assert found is not None
        return found


def _yes(comparison: Comparison) -> Report:
    """For a plan that is not made: everything else about the change is judged."""
    return Report(comparison.rules.level, comparison.rules.policy, ())
