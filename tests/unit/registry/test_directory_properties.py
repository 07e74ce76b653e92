"""What holds for every sequence of changes: fold and plan agree, and planning again is nothing."""

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.changes import Change, plan
from registry.directory import Directory
from registry.errors import RegistryError
from registry.nouns import FINAL, Noun, State
from registry.objects import parse_object
from signing.records import object_hash
from tests.unit.registry.country import (
    BENEFITS,
    CIVIL,
    NOW,
    a_country,
    certificate,
    certificate_text,
    grant,
    member,
    policy,
    schema,
    schema_text,
    service,
    system,
)

STATES = st.sampled_from(["active", "suspended", "withdrawn", "revoked"])
SYSTEMS = st.sampled_from([BENEFITS, CIVIL, "sx/GOV/1001/second", "sx/GOV/1001/Second"])
CODES = st.sampled_from(["person-status", "other"])
PURPOSES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True)


def maybe(build: Callable[..., Change], **members: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries({}, optional=members).map(lambda given: build(**given))


CHANGES = st.one_of(
    maybe(member, id=st.sampled_from(["sx/GOV/1001", "sx/COM/7"]), state=STATES),
    maybe(system, id=SYSTEMS, state=STATES, mailbox_max=st.integers(0, 9)),
    maybe(
        certificate,
        owner=SYSTEMS,
        text=st.sampled_from([certificate_text(), certificate_text("x", "Ed25519")]),
        state=STATES,
    ),
    maybe(
        schema,
        subject=st.sampled_from(["status.request", "other"]),
        text=st.sampled_from([schema_text(title=t) for t in ("status.request", "x", "y")]),
    ),
    maybe(service, system=SYSTEMS, code=CODES, state=STATES, listed=st.booleans()),
    maybe(
        grant,
        id=st.sampled_from(["a", "b"]),
        consumer=SYSTEMS,
        service=CODES,
        state=STATES,
        purposes=PURPOSES,
        test=st.booleans(),
    ),
    maybe(policy, algorithms=st.sampled_from([["ES256"], ["Ed25519", "ES256"]])),
)


def history(changes: list[Change]) -> list[Directory]:
    """The directory after each change that is allowed, applied one by one."""
    versions = [a_country()]
    for change in changes:
        try:
            facts = plan(versions[-1], [change], NOW).facts
        except RegistryError:
            continue
        versions.append(versions[-1].fold(facts))
    return versions


def allowed(changes: list[Change]) -> list[Change]:
    directory, kept = a_country(), []
    for change in changes:
        try:
            directory = directory.fold(plan(directory, [change], NOW).facts)
        except RegistryError:
            continue
        kept.append(change)
    return kept


def shown(directory: Directory) -> dict[str, list[dict[str, Any]]]:
    return {noun: [one.to_object() for one in directory.objects(noun)] for noun in Noun}


@given(st.lists(CHANGES, max_size=12))
def test_one_set_comes_to_the_same_as_its_changes_one_by_one(changes: list[Change]) -> None:
    good = allowed(changes)
    together = a_country().fold(plan(a_country(), good, NOW).facts)
    assert shown(together) == shown(history(good)[-1])
    assert together.version == history(good)[-1].version


@given(st.lists(CHANGES, max_size=12))
def test_the_fold_has_the_indexes_of_a_directory_restored_from_its_objects(
    changes: list[Change],
) -> None:
    last = history(changes)[-1]
    rows = [(noun, one.key, one.to_object()) for noun in Noun for one in last.objects(noun)]
    mine, other = last.contents(), Directory.restore(last.version, rows).contents()
    assert (mine.folded, mine.subjects) == (other.folded, other.subjects)
    assert (mine.active_grants, mine.schema_id_last) == (other.active_grants, other.schema_id_last)
    assert mine.known.keys() == other.known.keys()


@given(st.lists(CHANGES, min_size=1, max_size=12))
def test_a_change_that_was_made_is_nothing_when_it_is_made_again_at_once(
    changes: list[Change],
) -> None:
    directory = a_country()
    for change in allowed(changes):
        directory = directory.fold(plan(directory, [change], NOW).facts)
        again = plan(directory, [change], NOW + 1)
        assert (again.facts, again.unchanged) == ((), 1)


@given(st.lists(CHANGES, max_size=12))
def test_what_is_final_stays_and_nothing_is_ever_gone(changes: list[Change]) -> None:
    versions = history(changes)
    for earlier, later in itertools.pairwise(versions):
        for noun in Noun:
            for one in earlier.objects(noun):
                now = later.fetch(noun, one.key)
                assert one.state not in FINAL or now.to_object() == one.to_object()


@given(st.lists(CHANGES, max_size=12))
def test_every_object_reads_back_as_it_is_written(changes: list[Change]) -> None:
    last = history(changes)[-1]
    for noun in Noun:
        for one in last.objects(noun):
            again = parse_object(noun, one.to_object())
            assert again.to_object() == one.to_object()
            assert object_hash(again.to_object()) == object_hash(one.to_object())


@given(st.lists(CHANGES, max_size=12))
def test_ids_and_versions_of_schemas_are_numbered_without_gaps(changes: list[Change]) -> None:
    last = history(changes)[-1].contents()
    assert sorted(one.id for one in last.schemas.values()) == list(range(1, len(last.schemas) + 1))
    for subject, versions in last.subjects.items():
        numbers = [last.schemas[one].version for one in versions]
        assert numbers == list(range(1, len(versions) + 1))
        assert {last.schemas[one].subject for one in versions} == {subject}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["id", "name", "state", "system", "code", "certificate", "text", "subject",
                     "purposes", "delivery", "request_schema", "limits", "algorithms", "consumer",
                     "valid_from", "x5t", "fingerprint", "service", "bus"]),
    JSON | st.sampled_from([BENEFITS, "person-status", "active", State.REVOKED.value]),
    max_size=6,
)  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from([noun.value for noun in Noun]) | st.text(), MEMBERS, st.none() | st.text())
def test_any_members_are_planned_or_refused(
    noun: str, members: dict[str, Any], key: str | None
) -> None:
    try:
        facts = plan(a_country(), [Change(noun, members, key=key)], NOW).facts
    except RegistryError as refused:
        reason = refused
    else:
        assert a_country().fold(facts).version == a_country().version + len(facts)
        return
    assert reason.detail.endswith(".")
    assert reason.index == 0
