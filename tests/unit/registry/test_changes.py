"""A set of changes: completed, in order, all or none, and idempotent."""

import pytest

from registry.acts import ACTS
from registry.changes import CHANGES_MAX, Change, bus_key_fact
from registry.directory import Directory
from registry.errors import ChangedMeanwhile, ChangeInvalid, Conflict
from registry.nouns import Noun
from signing.encoding import b64url_decode
from signing.records import object_hash
from tests.unit.registry.country import (
    BENEFITS,
    CIVIL,
    NOW,
    STATUS,
    a_country,
    applied,
    certificate,
    certificate_text,
    country,
    grant,
    member,
    planned,
    policy,
    schema,
    schema_text,
    service,
    system,
)


def test_a_country_in_small_is_one_set_in_which_each_change_sees_the_ones_before() -> None:
    facts = planned(Directory.empty(), *country()).facts
    assert [(fact.kind, fact.act) for fact in facts] == [
        ("policy", "policy-set"),
        ("registry", "member-added"),
        ("registry", "member-added"),
        ("registry", "system-added"),
        ("registry", "system-added"),
        ("trust", "certificate-added"),
        ("registry", "schema-added"),
        ("registry", "schema-added"),
        ("registry", "service-added"),
        ("registry", "grant-added"),
    ]
    assert all(fact.before is None for fact in facts)


def test_fills_every_default_so_that_after_is_the_whole_object() -> None:
    facts = {fact.noun: fact.after for fact in planned(Directory.empty(), *country()).facts}
    assert facts[Noun.SYSTEM] == {
        "id": CIVIL, "name": f"System {CIVIL}", "state": "active", "v_max": 1,
        "answers": "fetch",
    }  # fmt: skip
    assert facts[Noun.SERVICE].items() >= {
        "deadline_s": 86_400, "timeout_s": 60, "repeat": "safe", "concurrency": 16,
        "listed": True, "state": "active",
    }.items()  # fmt: skip
    assert facts[Noun.SERVICE]["delivery"] == {"kind": "mailbox"}
    assert facts[Noun.CERTIFICATE].items() >= {
        "alg": "ES256", "custody": "member", "state": "active",
        "not_before": "2026-11-21T06:40:00.000Z", "not_after": "2026-11-23T06:40:00.000Z",
    }.items()  # fmt: skip
    assert facts[Noun.GRANT]["test"] is False
    assert "valid_to" not in facts[Noun.GRANT]


def test_applying_the_same_set_again_changes_nothing() -> None:
    again = planned(a_country(), *country(), now_ms=NOW + 1)
    assert again.facts == ()
    assert again.unchanged == len(country())


def test_members_left_out_keep_what_is_registered() -> None:
    suspended = applied(a_country(), system(state="suspended", mailbox_max=5))
    assert planned(suspended, system()).facts == ()
    (fact,) = planned(suspended, system(name="Another name")).facts
    assert (fact.after["state"], fact.after["mailbox_max"]) == ("suspended", 5)


def test_null_takes_a_member_away() -> None:
    limited = applied(a_country(), grant(valid_to="2027-01-01T00:00:00.000Z"))
    (fact,) = planned(limited, grant(valid_to=None)).facts
    assert "valid_to" not in fact.after


def test_a_key_and_a_state_are_enough_to_change_a_state() -> None:
    (fact,) = planned(a_country(), Change("service", {"state": "suspended"}, key=STATUS)).facts
    assert (fact.act, fact.key) == ("service-suspended", STATUS)


@pytest.mark.parametrize(
    ("changes", "acts"),
    [
        ([member(name="New name")], ["member-changed"]),
        ([member(state="suspended"), member(state="active")],
         ["member-suspended", "member-reactivated"]),
        ([system(state="suspended"), system(state="active"), system(state="withdrawn")],
         ["system-suspended", "system-reactivated", "system-withdrawn"]),
        ([certificate(state="revoked")], ["certificate-revoked"]),
        ([service(state="suspended"), service(state="withdrawn")],
         ["service-suspended", "service-withdrawn"]),
        ([grant(state="withdrawn")], ["grant-withdrawn"]),
        ([policy(limits={"wait_s_max": 30})], ["policy-changed"]),
        ([policy(founder=True)], []),
        ([policy(founder=False)], ["policy-changed"]),
        ([policy(founder=False), policy(founder=True)], ["policy-changed", "policy-changed"]),
        ([schema(text=schema_text(title="two"))], ["schema-added"]),
    ],
)  # fmt: skip
def test_names_the_act(changes: list[Change], acts: list[str]) -> None:
    facts = planned(a_country(), *changes).facts
    assert [fact.act for fact in facts] == acts
    assert set(acts) <= ACTS


def test_before_is_the_hash_of_the_object_as_it_was() -> None:
    there = a_country().fetch(Noun.SYSTEM, BENEFITS).to_object()
    first, second = planned(a_country(), system(name="A"), system(name="B")).facts
    assert first.before == object_hash(there)
    assert second.before == object_hash(first.after)


def test_a_later_schema_version_moves_the_services_that_name_its_subject() -> None:
    facts = planned(a_country(), schema(text=schema_text(title="two")), service()).facts
    added, changed = facts
    assert (added.after["version"], added.after["id"]) == (2, 3)
    assert changed.after["request_schema"] == added.after["fingerprint"]


def test_the_same_schema_in_another_spelling_is_unchanged_and_keeps_its_first_text() -> None:
    spelled = schema_text(title="status.request").replace(", ", " ,\n ")
    assert planned(a_country(), schema(text=spelled)).facts == ()


def test_refuses_the_set_at_the_first_change_that_is_wrong_and_says_which() -> None:
    with pytest.raises(ChangeInvalid) as caught:
        planned(a_country(), member(name="New name"), system(v_max=7), member())
    assert caught.value.index == 1


def test_refuses_a_set_that_is_too_long() -> None:
    with pytest.raises(ChangeInvalid, match="at most 1000"):
        planned(a_country(), *[member()] * (CHANGES_MAX + 1))


@pytest.mark.parametrize("broken", [None, [], "x", 5])
def test_nothing_is_deleted(broken: object) -> None:
    with pytest.raises(ChangeInvalid, match="state"):
        planned(a_country(), Change("system", broken, key=BENEFITS))  # type: ignore[arg-type]


@pytest.mark.parametrize("noun", ["agency", "", "Member", "bus-key"])
def test_refuses_a_noun_that_is_not_for_changes(noun: str) -> None:
    with pytest.raises(ChangeInvalid):
        planned(a_country(), Change(noun, {"certificate": certificate_text()}))


def test_refuses_members_that_name_another_key_than_the_change() -> None:
    with pytest.raises(Conflict, match="'id'"):
        planned(a_country(), Change("system", {"id": CIVIL}, key=BENEFITS))
    with pytest.raises(ChangeInvalid, match="another key"):
        planned(a_country(), Change("system", {"id": CIVIL, "name": "x"}, key="sx/GOV/1001/new"))


def test_a_caller_may_insist_on_what_it_saw() -> None:
    seen = object_hash(a_country().fetch(Noun.SYSTEM, BENEFITS).to_object())
    changed = {"id": BENEFITS, "name": "New"}
    assert planned(a_country(), Change("system", changed, expected=seen)).facts
    with pytest.raises(ChangedMeanwhile):
        planned(applied(a_country(), system(name="B")), Change("system", changed, expected=seen))


def test_a_caller_may_insist_on_something_new() -> None:
    there = a_country().fetch(Noun.SYSTEM, BENEFITS).to_object()
    assert planned(a_country(), Change("system", there, new=True)).unchanged == 1
    with pytest.raises(Conflict, match=r"already, with another name. .*sealway apply"):
        planned(a_country(), Change("system", {**there, "name": "New"}, new=True))


def test_a_bus_key_is_a_fact_of_the_bus_and_no_systems_certificate() -> None:
    text = certificate_text("bus")
    fact = bus_key_fact(b64url_decode(text))
    assert (fact.kind, fact.act, fact.after) == ("trust", "bus-key-added", {"certificate": text})
    directory = a_country().fold([fact])
    key = directory.bus_key(fact.key)
    assert key is not None
    assert key.known.x5t == fact.key
    with pytest.raises(Conflict, match="bus itself"):
        planned(directory, certificate(text=text))


def test_planning_a_thousand_changes_is_quick_enough_to_answer_a_request() -> None:
    systems = [system(f"sx/GOV/1001/s{i}") for i in range(CHANGES_MAX)]
    assert len(planned(a_country(), *systems).facts) == CHANGES_MAX


def test_a_schema_without_references_and_examples_has_the_members_it_always_had() -> None:
    (fact,) = planned(a_country(), schema("bare")).facts
    assert set(fact.after) == {
        "fingerprint", "id", "subject", "version", "format", "state", "text",
    }  # fmt: skip


def test_a_reference_stays_with_the_version_that_it_was_made_for() -> None:
    dialect = '"$schema": "https://json-schema.org/draft/2020-12/schema"'
    text = f'{{{dialect}, "items": {{"$ref": "x"}}}}'
    user = schema("user", text, references=[{"name": "x", "subject": "status.request"}])
    before = applied(a_country(), user)
    named = before.schema_latest("status.request")
    newer = applied(before, schema("status.request", schema_text(title="another")))
    kept = newer.schema_latest("user")
    assert named is not None
    assert kept is not None
    assert [one.fingerprint for one in kept.references] == [named.fingerprint]
    assert newer.references(kept)["x"].text == named.text
    for wrong in ([{"name": "x"}], [{"name": "x", "subject": "none"}], "x", [5],
                  [{"name": "x", "subject": "status.request", "version": 9}]):  # fmt: skip
        with pytest.raises(ChangeInvalid):
            planned(newer, schema("user", text, references=wrong))
