"""The directory: look-ups, immutability, and the fold that an auditor repeats."""

from dataclasses import replace

import pytest

from registry.changes import PlannedFact, plan
from registry.directory import Directory
from registry.errors import DirectoryBroken, NotFound
from registry.nouns import Noun
from signing.encoding import b64url_decode
from signing.errors import CertificateUnknown
from signing.identifiers import SystemId
from signing.keys import ES256, LocalSigner, Thumbprint, generate_key
from signing.records import Record, decode_record, sign_record
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
    planned,
    schema,
    schema_text,
    service,
    system,
)


def facts() -> list[PlannedFact]:
    return list(planned(Directory.empty(), *country()).facts)


def rows(directory: Directory) -> list[tuple[str, str, dict[str, object]]]:
    return [(n, one.key, one.to_object()) for n in Noun for one in directory.objects(n)]


def test_the_version_counts_the_records() -> None:
    assert Directory.empty().version == 0
    assert a_country().version == len(country())
    assert applied(a_country(), system(name="A"), system(name="B")).version == len(country()) + 2


def test_finds_what_a_message_names() -> None:
    directory = a_country()
    found = directory.service(CIVIL, "person-status")
    assert found is not None
    assert found.key == STATUS
    assert directory.system(BENEFITS) is not None
    assert directory.system("sx/GOV/1001/BENEFITS") is None
    member = directory.member_of(BENEFITS)
    assert member is not None
    assert member.id == "sx/GOV/1001"
    assert directory.grant_for(BENEFITS, CIVIL, "person-status") is not None
    assert directory.grant_for(CIVIL, BENEFITS, "person-status") is None
    assert directory.schema(found.request_schema) == directory.schema_latest("status.request")
    assert directory.schema_latest("none") is None
    assert directory.policy is not None


def test_resolves_a_thumbprint_to_its_system_even_when_revoked() -> None:
    x5t = a_country().objects(Noun.CERTIFICATE)[0].key
    known = a_country().resolve(x5t)
    assert (known.system, known.revoked, known.verifier.alg) == (BENEFITS, False, ES256)
    assert applied(a_country(), certificate(state="revoked")).resolve(x5t).revoked
    with pytest.raises(CertificateUnknown):
        a_country().resolve("A" * 43)


def test_lists_in_order_of_keys_and_refuses_what_is_not_there() -> None:
    directory = a_country()
    assert [one.key for one in directory.objects(Noun.SYSTEM)] == [BENEFITS, CIVIL]
    assert directory.count(Noun.SCHEMA) == 2
    assert directory.fetch(Noun.SYSTEM, CIVIL).key == CIVIL
    with pytest.raises(NotFound):
        directory.fetch(Noun.SYSTEM, "sx/GOV/1001/none")


def test_planning_and_folding_leave_the_old_version_as_it_was() -> None:
    before = a_country()
    shown = rows(before)
    applied(before, system(state="withdrawn"), grant(state="withdrawn"), schema(text=schema_text()))
    assert rows(before) == shown
    assert before.grant_for(BENEFITS, CIVIL, "person-status") is not None


def test_several_grants_stand_in_order_of_their_ids_and_withdrawn_ones_are_left_out() -> None:
    directory = applied(a_country(), grant(id="a"), grant(id="z"))
    ids = [one.id for one in directory.grants_for(BENEFITS, CIVIL, "person-status")]
    assert (ids[0], ids[-1], len(ids)) == ("a", "z", 3)
    fewer = applied(directory, grant(id="a", state="withdrawn"))
    assert [one.id for one in fewer.grants_for(BENEFITS, CIVIL, "person-status")] == ids[1:]
    gone = applied(a_country(), grant(state="withdrawn"))
    assert gone.grants_for(BENEFITS, CIVIL, "person-status") == ()


def test_restores_from_current_objects_in_any_order() -> None:
    directory = applied(a_country(), schema(text=schema_text(title="two")), service())
    restored = Directory.restore(directory.version, reversed(rows(directory)))
    assert rows(restored) == rows(directory)
    assert restored.version == directory.version
    assert restored.schema_latest("status.request") == directory.schema_latest("status.request")
    again = planned(restored, schema(text=schema_text(title="two")), service())
    assert again.facts == ()
    (fact,) = planned(restored, schema("third", schema_text(title="third"))).facts
    assert fact.after["id"] == 4


def test_folds_the_records_that_were_signed() -> None:
    signer = LocalSigner(generate_key(), Thumbprint("A" * 43))
    signed = [
        sign_record(
            Record(f.kind, NOW, "bus", "operator", f.act, f.noun, f.key, f.before, f.after), signer
        )
        for f in facts()
    ]
    folded = Directory.empty().fold(decode_record(raw) for raw in signed)
    assert rows(folded) == rows(a_country())


def test_refuses_a_record_left_out() -> None:
    changed = planned(a_country(), system(name="A"), system(name="B")).facts
    with pytest.raises(DirectoryBroken, match="Record 11"):
        a_country().fold(changed[1:])


def test_refuses_a_record_twice() -> None:
    with pytest.raises(DirectoryBroken):
        a_country().fold(facts()[:1])


def test_refuses_a_first_record_that_says_something_was_there() -> None:
    with pytest.raises(DirectoryBroken):
        Directory.empty().fold([replace(facts()[0], before="A" * 43)])


@pytest.mark.parametrize(
    "change",
    [
        {"noun": "agency"},
        {"key": "sx/GOV/9"},
        {"after": None},
        {"after": {"id": "sx/GOV/1001"}},
        {"after": {"id": "sx/GOV/1001", "name": "A", "state": "active", "more": 1}},
    ],
)
def test_refuses_a_record_that_is_no_object_of_its_noun_and_key(change: dict[str, object]) -> None:
    record = replace(facts()[1], **change)  # type: ignore[arg-type]
    with pytest.raises(DirectoryBroken):
        Directory.empty().fold([record])


def test_refuses_a_certificate_record_that_contradicts_its_bytes() -> None:
    (fact,) = planned(a_country(), certificate(text=certificate_text("x", "Ed25519"))).facts
    lie = {**fact.after, "not_after": "2099-01-01T00:00:00.000Z"}
    with pytest.raises(DirectoryBroken, match="not what its bytes say"):
        a_country().fold([replace(fact, after=lie)])


def test_a_directory_is_the_resolver_that_signatures_are_checked_with() -> None:
    key = a_country().resolve(a_country().objects(Noun.CERTIFICATE)[0].key)
    assert key.system == SystemId(BENEFITS)
    assert key.not_before_ms < NOW < key.not_after_ms
    assert b64url_decode(key.x5t, 32)


def test_an_empty_plan_folds_to_the_same_version() -> None:
    assert a_country().fold(plan(a_country(), [], NOW).facts).version == a_country().version
