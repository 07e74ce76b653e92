"""Each rule of each noun: what passes, and each way to break it."""

from typing import Any

import pytest

from registry.changes import Change
from registry.directory import Directory
from registry.errors import ChangeInvalid, Conflict, RegistryError
from registry.nouns import Noun
from tests.unit.registry.country import (
    BENEFITS,
    CIVIL,
    DAY,
    NOW,
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

ED25519 = certificate_text("statistics", "Ed25519")
OTHER_GRANT = {"id": "g-other"}

PASSES: dict[str, list[Change]] = {
    "a member": [member("sx/COM/77")],
    "a member that starts suspended": [member("sx/COM/77", state="suspended")],
    "a system": [system("sx/GOV/1001/second")],
    "a system with every special character": [system("sx/GOV/1001/a'()+,.=?-")],
    "a system that starts withdrawn": [system("sx/GOV/1001/old", state="withdrawn")],
    "a second certificate": [certificate(text=ED25519)],
    "a hosted key": [certificate(text=ED25519, custody="bus")],
    "a certificate that is not valid yet": [
        certificate(text=certificate_text("later", "ES256", NOW + DAY, NOW + 2 * DAY))
    ],
    "an old certificate, revoked": [
        certificate(
            text=certificate_text("old", "ES256", NOW - 9 * DAY, NOW - DAY), state="revoked"
        )
    ],
    "a certificate that expires this second": [
        certificate(text=certificate_text("soon", "ES256", NOW - DAY, NOW + 1000))
    ],
    "a schema": [schema("other", schema_text(type="object"))],
    "a second version": [schema(text=schema_text(title="again"))],
    "a service behind an adapter": [service(delivery={"kind": "adapter", "name": "civil-sql"})],
    "a service that takes tests": [service(test_delivery={"kind": "mailbox"})],
    "an incompatible version": [service(code="person-status.v2")],
    "a service by fingerprints": [
        service(
            request_schema=a_country().objects(Noun.SCHEMA)[0].key,
            response_schema=a_country().objects(Noun.SCHEMA)[0].key,
        )
    ],
    "a service with the longest deadline": [service(deadline_s=2_592_000)],
    "a second grant": [grant(**OTHER_GRANT)],
    "a grant to oneself": [grant(consumer=CIVIL)],
    "a grant without purposes": [grant(purposes=[], **OTHER_GRANT)],
    "a grant with an end": [grant(valid_to="2027-01-01T00:00:00.000Z")],
    "a grant for a suspended system": [system(state="suspended"), grant(**OTHER_GRANT)],
    "a policy with limits": [policy(limits={"wait_s_max": 30}, algorithms=["ES256"])],
    "a new certificate when the first one was revoked": [
        certificate(state="revoked"),
        certificate(text=ED25519),
    ],
}


@pytest.mark.parametrize("changes", PASSES.values(), ids=PASSES)
def test_passes(changes: list[Change]) -> None:
    assert len(planned(a_country(), *changes).facts) == len(changes)


def bad(change: Change, **more: Any) -> Change:
    assert change.object is not None
    return Change(change.noun, {**change.object, **more})


def lacking(change: Change, name: str) -> Change:
    assert change.object is not None
    return Change(change.noun, {k: v for k, v in change.object.items() if k != name})


NEW_MEMBER, NEW_SYSTEM = member("sx/COM/77"), system("sx/GOV/1001/second")
NEW_SERVICE, NEW_GRANT = service(code="other"), grant(**OTHER_GRANT)
NEW_CERTIFICATE, NEW_SCHEMA = certificate(text=ED25519), schema("other", schema_text(title="o"))

BROKEN: dict[str, tuple[str, list[Change]]] = {
    # members
    "a member without a name": ("lacks 'name'", [lacking(NEW_MEMBER, "name")]),
    "an unknown member of a member": ("no field 'colour'", [bad(NEW_MEMBER, colour="red")]),
    "a member id of two segments": ("member identifier", [bad(NEW_MEMBER, id="sx/COM")]),
    "a member id with dots only": ("member identifier", [bad(NEW_MEMBER, id="sx/COM/..")]),
    "a member id that is a number": ("member identifier", [bad(NEW_MEMBER, id=5)]),
    "a member of another instance": ("begin with 'sx/'", [member("sy/COM/77")]),
    "a member withdrawn": ("'active' or 'suspended'", [bad(NEW_MEMBER, state="withdrawn")]),
    "a member with an empty name": ("1 to 400", [bad(NEW_MEMBER, name="")]),
    "a member with a long name": ("1 to 400", [bad(NEW_MEMBER, name="x" * 401)]),
    "a member with two lines": ("one line", [bad(NEW_MEMBER, name="a\nb")]),
    "a member with a trailing space": ("one line", [bad(NEW_MEMBER, name="a ")]),
    "a member with a lone surrogate": ("one line", [bad(NEW_MEMBER, name="a\ud800b")]),
    # systems
    "a system of no member": ("'sx/GOV/9' is not registered", [system("sx/GOV/9/x")]),
    "a system id that is too long": ("system identifier", [system("sx/GOV/1001/" + "x" * 250)]),
    "a system with a percent sign": ("system identifier", [system("sx/GOV/1001/a%2Fb")]),
    "a version that does not exist": ("'v_max'", [bad(NEW_SYSTEM, v_max=2)]),
    "a version that is true": ("'v_max'", [bad(NEW_SYSTEM, v_max=True)]),
    "answers by letter": ("'answers'", [bad(NEW_SYSTEM, answers="letter")]),
    "a mailbox of none": ("'mailbox_max'", [bad(NEW_SYSTEM, mailbox_max=0)]),
    "a mailbox without end": ("'mailbox_max'", [bad(NEW_SYSTEM, mailbox_max=100_001)]),
    # certificates
    "a certificate of no system": ("not registered", [certificate("sx/GOV/1001/x", ED25519)]),
    "a certificate that is not DER": ("X.509", [certificate(text="AAAA")]),
    "a certificate in PEM": ("base64url", [certificate(text="-----BEGIN")]),
    "a certificate with padding": ("base64url", [certificate(text=ED25519 + "=")]),
    "a certificate that is a number": ("base64url", [bad(NEW_CERTIFICATE, certificate=5)]),
    "no certificate": ("lacks", [lacking(NEW_CERTIFICATE, "certificate")]),
    "another thumbprint": ("'x5t' is not", [bad(NEW_CERTIFICATE, x5t="A" * 43)]),
    "another algorithm": ("'alg' is not", [bad(NEW_CERTIFICATE, alg="ES256")]),
    "another end": (
        "'not_after' is not",
        [bad(NEW_CERTIFICATE, not_after="2036-11-23T06:40:00.000Z")],
    ),
    "a custody of nobody": ("'custody'", [bad(NEW_CERTIFICATE, custody="nobody")]),
    "a certificate withdrawn": ("'state'", [bad(NEW_CERTIFICATE, state="withdrawn")]),
    "an algorithm that policy forbids": (
        "policy allows no other",
        [policy(algorithms=["ES256"]), NEW_CERTIFICATE],
    ),
    "an expired certificate": (
        "has expired",
        [certificate(text=certificate_text("old", "ES256", NOW - 9 * DAY, NOW))],
    ),
    # schemas
    "a schema without a subject": ("'subject'", [lacking(NEW_SCHEMA, "subject")]),
    "a schema with an odd subject": ("'subject'", [bad(NEW_SCHEMA, subject="a b")]),
    "a schema that is not admitted": ("names no dialect", [bad(NEW_SCHEMA, text="{}")]),
    "a schema that is an object": ("both texts", [bad(NEW_SCHEMA, text={})]),
    "another format": ("not offered", [bad(NEW_SCHEMA, format="protobuf")]),
    "a schema that is over from the start": ("'state'", [bad(NEW_SCHEMA, state="revoked")]),
    "an id of one's own": ("given by the registry", [bad(NEW_SCHEMA, id=77)]),
    "a version of one's own": ("given by the registry", [bad(NEW_SCHEMA, version=2)]),
    "another fingerprint": (
        "given by the registry",
        [bad(NEW_SCHEMA, fingerprint="sha256:" + "0" * 64)],
    ),
    # services
    "a service of no system": ("not registered", [bad(NEW_SERVICE, system="sx/GOV/2002/x")]),
    "a code in capitals": ("service code", [bad(NEW_SERVICE, code="Status")]),
    "a request schema that nobody registered": (
        "'request_schema' is not registered",
        [bad(NEW_SERVICE, request_schema="sha256:" + "0" * 64)],
    ),
    "a response schema that nobody registered": (
        "'response_schema' is not registered",
        [bad(NEW_SERVICE, response_schema="sha256:" + "0" * 64)],
    ),
    "a subject that nobody registered": (
        "under the subject 'none'. Add the schema first",
        [bad(NEW_SERVICE, request_schema={"subject": "none"})],
    ),
    "a subject and more": (
        "must be a fingerprint",
        [bad(NEW_SERVICE, request_schema={"subject": "status.request", "version": 1})],
    ),
    "a schema that is a list": ("fingerprint", [bad(NEW_SERVICE, request_schema=[])]),
    "a deadline of none": ("'deadline_s'", [bad(NEW_SERVICE, deadline_s=0)]),
    "a deadline of 31 days": ("'deadline_s'", [bad(NEW_SERVICE, deadline_s=31 * 86_400)]),
    "a deadline with a fraction": ("'deadline_s'", [bad(NEW_SERVICE, deadline_s=1.5)]),
    "a timeout of two hours": ("'timeout_s'", [bad(NEW_SERVICE, timeout_s=7200)]),
    "no concurrency": ("'concurrency'", [bad(NEW_SERVICE, concurrency=0)]),
    "another kind of repeat": ("'repeat'", [bad(NEW_SERVICE, repeat="often")]),
    "listed by a text": ("'listed'", [bad(NEW_SERVICE, listed="yes")]),
    "an adapter without a name": ("lacks 'name'", [bad(NEW_SERVICE, delivery={"kind": "adapter"})]),
    "an adapter with an odd name": (
        "'name'",
        [bad(NEW_SERVICE, delivery={"kind": "adapter", "name": "../x"})],
    ),
    "a mailbox with a name": (
        "no field 'name'",
        [bad(NEW_SERVICE, delivery={"kind": "mailbox", "name": "x"})],
    ),
    "a delivery by pigeon": ("'kind'", [bad(NEW_SERVICE, delivery={"kind": "pigeon"})]),
    "a delivery that is a text": ("'delivery'", [bad(NEW_SERVICE, delivery="mailbox")]),
    "push to nowhere": ("'name'", [bad(NEW_SERVICE, delivery={"kind": "push"})]),
    "tests by push to an address": (
        "'name'",
        [bad(NEW_SERVICE, test_delivery={"kind": "push", "name": "https://x.example/"})],
    ),
    # grants
    "a grant to no system": ("not registered", [bad(NEW_GRANT, consumer="sx/GOV/1001/x")]),
    "a grant without a consumer": ("lacks 'consumer'", [lacking(grant(), "consumer")]),
    "a grant for no service": ("Service", [bad(NEW_GRANT, service="none")]),
    "a grant for a service of no system": ("Service", [bad(NEW_GRANT, system="sx/GOV/2002/x")]),
    "a purpose in capitals": ("'purposes'", [bad(NEW_GRANT, purposes=["Child benefit"])]),
    "a purpose twice": ("repeats", [bad(NEW_GRANT, purposes=["a", "a"])]),
    "purposes that are a text": ("'purposes'", [bad(NEW_GRANT, purposes="a")]),
    "a purpose that is a number": ("'purposes'", [bad(NEW_GRANT, purposes=[5])]),
    "too many purposes": ("at most 64", [bad(NEW_GRANT, purposes=[f"p{i}" for i in range(65)])]),
    "no legal basis": ("lacks 'legal_basis'", [lacking(NEW_GRANT, "legal_basis")]),
    "a day without a time": ("'valid_from'", [bad(NEW_GRANT, valid_from="2026-01-01")]),
    "a day that does not exist": (
        "'valid_from'",
        [bad(NEW_GRANT, valid_from="2026-02-30T00:00:00.000Z")],
    ),
    "an end at the beginning": (
        "later than",
        [bad(NEW_GRANT, valid_to="2026-01-01T00:00:00.000Z")],
    ),
    "an odd grant id": ("'id'", [bad(NEW_GRANT, id="a/b")]),
    "a grant suspended": ("'state'", [bad(NEW_GRANT, state="suspended")]),
    "a test flag that is a text": ("'test'", [bad(NEW_GRANT, test="yes")]),
    # policy
    "a policy without algorithms": ("'algorithms'", [policy(algorithms=[])]),
    "a policy with an unknown algorithm": ("'algorithms'", [policy(algorithms=["none"])]),
    "a policy with an algorithm twice": ("'algorithms'", [policy(algorithms=["ES256", "ES256"])]),
    "a founder who is a text": ("'founder'", [policy(founder="no")]),
    "a limit that is a text": ("'limits'", [policy(limits={"wait_s_max": "30"})]),
    "a limit below zero": ("'limits'", [policy(limits={"wait_s_max": -1})]),
    "limits that are a list": ("'limits'", [policy(limits=[])]),
}


@pytest.mark.parametrize(("says", "changes"), BROKEN.values(), ids=BROKEN)
def test_refuses_as_invalid(says: str, changes: list[Change]) -> None:
    with pytest.raises(ChangeInvalid) as caught:
        planned(a_country(), *changes)
    assert says in caught.value.detail
    assert caught.value.index == len(changes) - 1


CONFLICTS: dict[str, tuple[str, list[Change]]] = {
    "a member that differs in case": ("only in case", [member("sx/gov/1001")]),
    "a system that differs in case": ("only in case", [system("sx/GOV/1001/Benefits")]),
    "a withdrawn system again": (
        "withdrawn for ever",
        [system(state="withdrawn"), system(state="active")],
    ),
    "another name for a withdrawn system": (
        "withdrawn for ever",
        [system(state="withdrawn"), system(name="New")],
    ),
    "a revoked certificate again": (
        "revoked for ever",
        [certificate(state="revoked"), certificate(state="active")],
    ),
    "a withdrawn service again": (
        "withdrawn for ever",
        [service(state="withdrawn"), service(state="active")],
    ),
    "a withdrawn grant again": (
        "withdrawn for ever. Add a new one with an 'id' of its own",
        [grant(state="withdrawn"), grant(state="active")],
    ),
    "a certificate of another system": ("'system' can't change", [certificate(CIVIL)]),
    "a revoked certificate for another system": (
        "'system' can't change",
        [certificate(state="revoked"), certificate(CIVIL)],
    ),
    "another custody": ("'custody' can't change", [certificate(custody="bus")]),
    "a certificate for a withdrawn system": (
        "withdrawn; it takes no new certificate",
        [system(state="withdrawn"), NEW_CERTIFICATE],
    ),
    "a service for a withdrawn system": (
        "withdrawn; it takes no new service",
        [system(CIVIL, state="withdrawn"), NEW_SERVICE],
    ),
    "a grant for a withdrawn system": (
        "withdrawn; it takes no new grant",
        [system(state="withdrawn"), NEW_GRANT],
    ),
    "a grant for a withdrawn service": (
        "withdrawn; it takes no new grant",
        [service(state="withdrawn"), NEW_GRANT],
    ),
    "the same schema under another subject": (
        "'status.request', version 1",
        [schema("other", schema_text(title="status.request"))],
    ),
    "another number for a schema": ("'id' can't change", [schema(id=9)]),
    "another text for a fingerprint": (
        "'text' can't change",
        [Change("schema", {"text": "{}"}, key=a_country().objects(Noun.SCHEMA)[0].key)],
    ),
    "a grant for another service under its id": (
        "'service' can't change",
        [NEW_SERVICE, NEW_GRANT, bad(NEW_GRANT, service="other")],
    ),
    "a grant for another consumer under its id": (
        "'consumer' can't change",
        [NEW_GRANT, bad(NEW_GRANT, consumer=CIVIL)],
    ),
    "another name for the bus": ("'bus' can't change", [policy(bus="sy.example")]),
    "another instance": ("'instance' can't change", [policy(instance="sy")]),
}


@pytest.mark.parametrize(("says", "changes"), CONFLICTS.values(), ids=CONFLICTS)
def test_refuses_as_a_conflict(says: str, changes: list[Change]) -> None:
    with pytest.raises(Conflict) as caught:
        planned(a_country(), *changes)
    assert says in caught.value.detail


@pytest.mark.parametrize("noun", ["member", "system", "schema", "service"])
def test_refuses_a_country_without_what_the_rest_stands_on(noun: str) -> None:
    with pytest.raises(ChangeInvalid):
        planned(Directory.empty(), *(one for one in country() if one.noun != noun))


def test_a_set_may_register_a_history_that_has_ended() -> None:
    ended = [system(state="withdrawn"), certificate(state="revoked"), grant(state="withdrawn")]
    before = [one for one in country() if one.noun not in ("certificate", "grant")]
    assert applied(Directory.empty(), *before, *ended).system(BENEFITS) is not None


def test_a_suspended_system_comes_back_and_a_certificate_that_expired_is_still_revoked() -> None:
    late = NOW + 30 * DAY
    changes = [system(state="suspended"), system(state="active"), certificate(state="revoked")]
    assert len(planned(a_country(), *changes, now_ms=late).facts) == 3


def test_every_refusal_is_a_sentence() -> None:
    for _, changes in (*BROKEN.values(), *CONFLICTS.values()):
        with pytest.raises(RegistryError) as caught:
            planned(a_country(), *changes)
        assert caught.value.detail.endswith(".")
        assert len(caught.value.detail) < 500
