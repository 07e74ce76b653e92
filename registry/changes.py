"""Changes to the directory, planned: which facts they are, or why they are refused.

Owns the path from what somebody asks to what is recorded: complete, read, check, compare. Refuses
to delete: an object's ``state`` says that it is gone. Invariant: folding a plan's facts over the
directory it was made for gives the directory that the plan saw, and planning the same changes
again gives nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.acts import BUS_KEY_ADDED, act_of
from registry.certificates import BusKey, read_der
from registry.compatibility import Compare, judged, uncompared
from registry.completion import complete
from registry.contents import Contents
from registry.directory import Directory
from registry.errors import ChangedMeanwhile, ChangeInvalid, Conflict, RegistryError
from registry.nouns import FINAL, LEAF_KINDS, Noun
from registry.objects import parse_noun, parse_object
from registry.rules import Moment, check_rules
from registry.schema_versions import SchemaVersion
from registry.verdicts import Decision
from signing.encoding import b64url_encode
from signing.keys import ALGORITHMS
from signing.records import object_hash

CHANGES_MAX = 1_000  # one set is one transaction and one group of log 0


@dataclass(frozen=True, slots=True)
class Change:
    """One change as asked for; members left out keep what they are.

    ``expected`` is the hash of the object that the caller saw (If-Match); ``new`` refuses to
    change what is there already. ``decision``: somebody takes it upon them that a schema's
    compatibility is unknown. ``signed``: the member's own statement of it (`signing.changes`), to
    be recorded with it; planning does not look at it.
    """

    noun: str
    object: Mapping[str, Any] | None
    key: str | None = None
    expected: str | None = None
    new: bool = False
    decision: Decision | None = None
    signed: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedFact:
    """One record to be: leaf kind, act, noun, key, hash of the previous object, whole object."""

    kind: str
    act: str
    noun: Noun
    key: str
    before: str | None
    after: dict[str, Any]
    signed: str | None = None
    """The member's own statement, as it came."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The facts of a set of changes, in order, and how many changed nothing."""

    facts: tuple[PlannedFact, ...]
    unchanged: int


def plan(
    directory: Directory,
    changes: Sequence[Change],
    now_ms: int,
    allowed_algorithms: Collection[str] | None = None,
    compare: Compare = uncompared,
) -> Plan:
    """What these changes come to, all or none; each sees the ones before it.

    ``allowed_algorithms``: by default the policy's. ``compare`` answers for versions of schemas
    that follow others; without it each is unknown. Limits: ``CHANGES_MAX`` changes.

    Raises:
        ChangeInvalid, Conflict, ChangedMeanwhile: the first change that is refused; its place in
            the set is in ``index``.
    """
    if len(changes) > CHANGES_MAX:
        raise ChangeInvalid(f"A set has at most {CHANGES_MAX} changes. Send it in pieces.")
    contents = directory.contents()
    facts: list[PlannedFact] = []
    for index, change in enumerate(changes):
        try:
            fact = _planned(contents, change, now_ms, allowed_algorithms, compare)
        except RegistryError as error:
            error.index = index
            raise
        if fact is not None:
            facts.append(fact)
    return Plan(tuple(facts), len(changes) - len(facts))


def bus_key_fact(der: bytes) -> PlannedFact:
    """The fact that adds a record key of the bus. Raises ChangeInvalid."""
    key = BusKey(read_der(b64url_encode(der)))
    kind = LEAF_KINDS[Noun.BUS_KEY]
    return PlannedFact(kind, BUS_KEY_ADDED, Noun.BUS_KEY, key.key, None, key.to_object())


def _planned(
    contents: Contents,
    change: Change,
    now_ms: int,
    allowed: Collection[str] | None,
    compare: Compare,
) -> PlannedFact | None:
    noun = parse_noun(change.noun)
    if not isinstance(change.object, Mapping):
        raise ChangeInvalid(f"A change needs the {noun} as 'object'; set its state to end it.")
    whole, previous = complete(contents, noun, change.key, change.object, now_ms)
    one = parse_object(noun, whole)
    if change.key is not None and one.key != change.key:
        raise ChangeInvalid(f"The {noun}'s members name another key than the change does.")
    after = one.to_object()
    there = None if previous is None else previous.to_object()
    before = None if there is None else object_hash(there)
    if change.expected is not None and change.expected != before:
        raise ChangedMeanwhile(f"The {noun} has changed since it was read. Read it again.")
    if after == there:
        return None
    if change.new and previous is not None and previous.state not in FINAL:
        other = ", ".join(sorted(name for name in after if after[name] != (there or {}).get(name)))
        raise Conflict(
            f"This {noun} is registered already, with another {other}. To change it, give it as it "
            "is to be to `sealway apply`, or PUT it with If-Match."
        )
    check_rules(contents, one, previous, Moment(now_ms, _algorithms(contents, allowed)))
    if isinstance(one, SchemaVersion):
        assert previous is None or isinstance(previous, SchemaVersion)
        one = judged(contents, one, previous, change.decision, compare)
        after = one.to_object()
    contents.put(one)
    state = None if previous is None else previous.state
    act = act_of(noun, state, one.state, new=previous is None)
    return PlannedFact(LEAF_KINDS[noun], act, noun, one.key, before, after, change.signed)


def _algorithms(contents: Contents, allowed: Collection[str] | None) -> Collection[str]:
    if allowed is not None:
        return allowed
    policy = next(iter(contents.policies.values()), None)
    return ALGORITHMS if policy is None else policy.algorithms
