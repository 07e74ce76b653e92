"""A member's own statement of a change: what passes, and each way in which it doesn't hold."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.changes import Change, PlannedFact
from registry.directory import Directory
from registry.errors import SignedChangeInvalid
from registry.signed_changes import AHEAD_MS_MAX, OLD_MS_MAX, check_signed_change
from signing.certificates import issue_self_signed, parse_certificate
from signing.changes import StatedChange, sign_change
from signing.encoding import b64url_encode
from signing.errors import UnsupportedVersion
from signing.jws import CHANGE, MESSAGE, sign_jws
from signing.keys import LocalSigner, generate_key
from tests.unit.registry.country import (
    BENEFITS,
    CIVIL,
    DAY,
    NOW,
    a_country,
    applied,
    certificate,
    grant,
    planned,
    service,
)

BUS = "sx.example"
Stated = Callable[[StatedChange], StatedChange]


def key_of(system: str) -> tuple[LocalSigner, str]:
    key = generate_key()
    der = issue_self_signed(key, system, NOW - DAY, NOW + DAY)
    return LocalSigner(key, parse_certificate(der).x5t), b64url_encode(der)


OWNER, OWNER_DER = key_of(CIVIL)
OTHER, OTHER_DER = key_of(BENEFITS)
STRANGER, _ = key_of(CIVIL)
WIDER = grant(purposes=["child-benefit", "pension"])


def a_directory(**more: Any) -> Directory:
    changes = certificate(CIVIL, OWNER_DER, **more), certificate(BENEFITS, OTHER_DER)
    return applied(a_country(), *changes)


def stated(fact: PlannedFact) -> StatedChange:
    return StatedChange(BUS, fact.noun, fact.key, fact.before, fact.after)


def judged(
    change: Change = WIDER,
    *,
    say: Stated = lambda one: one,
    signer: LocalSigner = OWNER,
    at_ms: int = NOW,
    directory: Directory | None = None,
) -> str:
    """Sign, then check; whose word it is."""
    directory = directory or a_directory()
    (fact,) = planned(directory, change).facts
    raw = sign_change(say(stated(fact)), signer, at_ms).decode()
    return check_signed_change(raw, fact, directory, BUS, NOW).certificate.system


@pytest.mark.parametrize(
    "change", [WIDER, grant(id="g-new"), grant(state="withdrawn"), service(title="Another")]
)
def test_the_owners_system_states_a_change(change: Change) -> None:
    assert judged(change) == CIVIL


def test_an_earlier_key_states_the_next_certificate() -> None:
    _, der = key_of(CIVIL)
    assert judged(certificate(CIVIL, der)) == CIVIL


@pytest.mark.parametrize(
    ("change", "say"),
    [
        (WIDER, lambda one: replace(one, bus="other.example")),
        (WIDER, lambda one: replace(one, key="g-other")),
        (WIDER, lambda one: replace(one, noun="service")),
        (WIDER, lambda one: replace(one, before=None)),
        (WIDER, lambda one: replace(one, before="A" * 43)),
        (grant(id="g-new"), lambda one: replace(one, before="A" * 43)),
        (WIDER, lambda one: replace(one, after={**one.after, "purposes": ["pension"]})),
        (WIDER, lambda one: replace(one, after={**one.after, "test": 0})),
        (WIDER, lambda one: replace(one, after={**one.after, "test": 2**60})),
    ],
)
def test_a_statement_of_another_change_bears_nothing_out(change: Change, say: Stated) -> None:
    with pytest.raises(SignedChangeInvalid):
        judged(change, say=say)


@pytest.mark.parametrize("signer", [OTHER, STRANGER])
def test_nobody_elses_key_speaks_for_the_owner(signer: LocalSigner) -> None:
    with pytest.raises(SignedChangeInvalid):
        judged(signer=signer)


def test_a_new_key_does_not_vouch_for_itself() -> None:
    signer, der = key_of(CIVIL)
    with pytest.raises(SignedChangeInvalid, match="not registered"):
        judged(certificate(CIVIL, der), signer=signer)


@pytest.mark.parametrize(
    "more",
    [
        [certificate(CIVIL, OWNER_DER, state="revoked")],
        [Change("system", {"id": CIVIL, "state": "suspended"})],
        [Change("member", {"id": "sx/GOV/2002", "state": "suspended"})],
    ],
)
def test_a_key_or_system_that_is_out_of_force_states_nothing(more: list[Change]) -> None:
    with pytest.raises(SignedChangeInvalid):
        judged(directory=applied(a_directory(), *more))


def test_a_key_that_the_bus_holds_states_nothing() -> None:
    with pytest.raises(SignedChangeInvalid, match="bus itself holds"):
        judged(directory=a_directory(custody="bus"))


def test_a_statement_counts_for_two_days_and_not_from_the_future() -> None:
    for good in (NOW - OLD_MS_MAX, NOW + AHEAD_MS_MAX):
        assert judged(at_ms=good) == CIVIL
    for bad in (NOW - OLD_MS_MAX - 1000, NOW + AHEAD_MS_MAX + 1000):
        with pytest.raises(SignedChangeInvalid, match="48 hours"):
            judged(at_ms=bad)


def test_the_operators_objects_are_no_members_to_state() -> None:
    change = Change("member", {"id": "sx/GOV/2002", "name": "Another name"})
    with pytest.raises(SignedChangeInvalid, match="operator's"):
        judged(change)


def payload(**more: Any) -> bytes:
    whole = {"v": 1, "bus": BUS, "about": {"noun": "grant", "key": "g"}, "after": {}}
    return json.dumps({**whole, **more}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"[]", b"{}", b'{"v":1,"v":1}', payload(more=1), payload(v="1"), payload(bus=1),
        payload(about={}), payload(about={"noun": "grant", "key": 1}), payload(after=[]),
        payload(before="short"), payload(before=None),
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    (fact,) = planned(a_directory(), WIDER).facts
    raw = sign_jws(data, OWNER, CHANGE, NOW // 1000).decode()
    with pytest.raises(SignedChangeInvalid):
        check_signed_change(raw, fact, a_directory(), BUS, NOW)


def test_a_later_version_is_unsupported_and_another_typ_is_none() -> None:
    (fact,) = planned(a_directory(), WIDER).facts
    later = sign_jws(payload(v=2), OWNER, CHANGE, NOW // 1000).decode()
    with pytest.raises(UnsupportedVersion):
        check_signed_change(later, fact, a_directory(), BUS, NOW)
    message = sign_jws(payload(), OWNER, MESSAGE, NOW // 1000).decode()
    with pytest.raises(SignedChangeInvalid, match="typ"):
        check_signed_change(message, fact, a_directory(), BUS, NOW)
    with pytest.raises(SignedChangeInvalid):
        check_signed_change("é.é.é", fact, a_directory(), BUS, NOW)
