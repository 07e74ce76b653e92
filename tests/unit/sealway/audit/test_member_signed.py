"""Who asserted what a message rests on: the owner's own key, or the operator alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.operation.wiring import Bus
from registry.errors import SignedChangeInvalid
from sealway.audit.anchors import load_anchors
from sealway.audit.verifying import verify_bundle
from sealway.verify.audit import verify_folder
from signing.certificates import issue_self_signed, parse_certificate
from signing.encoding import b64url_encode
from signing.keys import LocalSigner, generate_key
from tests.attacks.deeds import live
from tests.support.recorded_bus import (
    BUS,
    CONSUMER,
    PROVIDER,
    RecordedBus,
    now_ms,
    request,
    send,
)
from tests.support.stated import assert_anyway, fact_of, grant_of, state, statement

MEMBER, OPERATOR = "member-signed", "operator-asserted"
Deed = Callable[[Bus, RecordedBus], Awaitable[None]]


def told(folder: Path, deed: Deed) -> dict[str, Any]:
    """The verdict on the bundle of a bus that did it."""
    made = live(folder, deed)
    anchors = folder / "anchors.toml"
    anchors.write_text(f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n')
    said = verify_bundle(folder / "case.zip", load_anchors(anchors)).to_object()
    codes = verify_folder(made.data, made.log_key, None).findings.counts
    forged = "signed-change-forged"
    assert (forged in {one.value for one in codes}) == (forged in said["finding_counts"])
    return said


def of_purpose(said: dict[str, Any], purpose: str) -> dict[str, str]:
    found = [one for one in said["messages"] if one["purpose"] == purpose]
    assert len(found) == 1
    return {"standing": found[0]["standing"], **found[0]["rests_on"]}


def test_a_grant_is_its_owners_word_only_while_the_owners_key_says_so(tmp_path: Path) -> None:
    async def deed(bus: Bus, made: RecordedBus) -> None:
        signer = made.signers[PROVIDER]
        await state(bus, "grant", grant_of("g1", "pension"), signer)
        await send(bus, request(made, purpose="pension"))
        await assert_anyway(bus, fact_of(bus, "grant", grant_of("g1", "census")), None)
        await send(bus, request(made, purpose="census"))
        await state(bus, "grant", grant_of("g1", "audit"), signer)
        await send(bus, request(made, purpose="audit"))

    said = told(tmp_path, deed)
    assert (said["verdict"], said["finding_counts"]) == ("proven", {})
    for purpose, word in (("pension", MEMBER), ("census", OPERATOR), ("audit", MEMBER)):
        expected = {"standing": OPERATOR, "certificate": OPERATOR, "grant": word}
        assert of_purpose(said, purpose) == expected
    assert said["rests_on"]["grant"] == {MEMBER: 2, OPERATOR: 2}
    assert said["standing"] == {OPERATOR: said["counts"]["messages"]}


def test_a_message_is_member_signed_when_all_that_it_rests_on_is(tmp_path: Path) -> None:
    async def deed(bus: Bus, made: RecordedBus) -> None:
        await state(bus, "grant", grant_of("g1", "pension"), made.signers[PROVIDER])
        key, at = generate_key(), now_ms()
        der = issue_self_signed(key, CONSUMER, at - 600_000, at + 86_400_000)
        members = {"system": CONSUMER, "certificate": b64url_encode(der)}
        await state(bus, "certificate", members, made.signers[CONSUMER])
        made.signers[CONSUMER] = LocalSigner(key, parse_certificate(der).x5t)
        await send(bus, request(made, purpose="pension"))

    said = told(tmp_path, deed)
    assert of_purpose(said, "pension") == dict.fromkeys(
        ("standing", "certificate", "grant"), MEMBER
    )
    assert said["standing"][MEMBER] == 1


def _forgeries() -> dict[str, Deed]:
    async def by_another_member(bus: Bus, made: RecordedBus) -> None:
        fact = fact_of(bus, "grant", grant_of("g1", "pension"))
        await assert_anyway(bus, fact, statement(fact, made.signers[CONSUMER]))

    async def by_nobodys_key(bus: Bus, made: RecordedBus) -> None:
        fact = fact_of(bus, "grant", grant_of("g1", "pension"))
        stranger = LocalSigner(generate_key(), made.signers[PROVIDER].x5t)
        await assert_anyway(bus, fact, statement(fact, stranger))

    async def of_a_narrower_grant(bus: Bus, made: RecordedBus) -> None:
        narrow = fact_of(bus, "grant", grant_of("g1", "census"))
        wide = fact_of(bus, "grant", grant_of("g1", "pension"))
        await assert_anyway(bus, wide, statement(narrow, made.signers[PROVIDER]))

    async def of_another_state(bus: Bus, made: RecordedBus) -> None:
        fact = fact_of(bus, "grant", grant_of("g1", "pension"))
        await assert_anyway(bus, fact, statement(fact, made.signers[PROVIDER], before="A" * 43))

    async def of_last_week(bus: Bus, made: RecordedBus) -> None:
        fact = fact_of(bus, "grant", grant_of("g1", "pension"))
        week_ms = 7 * 86_400_000
        await assert_anyway(bus, fact, statement(fact, made.signers[PROVIDER], ago_ms=week_ms))

    async def that_is_none(bus: Bus, made: RecordedBus) -> None:
        await assert_anyway(bus, fact_of(bus, "grant", grant_of("g1", "pension")), "é")

    return {
        deed.__name__: deed
        for deed in (
            by_another_member, by_nobodys_key, of_a_narrower_grant, of_another_state,
            of_last_week, that_is_none,
        )
    }  # fmt: skip


FORGERIES = _forgeries()


@pytest.mark.parametrize("name", FORGERIES)
def test_a_statement_that_does_not_hold_is_a_lie_of_the_operators(
    name: str, tmp_path: Path
) -> None:
    async def deed(bus: Bus, made: RecordedBus) -> None:
        await FORGERIES[name](bus, made)
        await send(bus, request(made, purpose="pension"))

    said = told(tmp_path, deed)
    assert (said["verdict"], said["finding_counts"]) == ("false", {"signed-change-forged": 1})
    assert of_purpose(said, "pension")["grant"] == OPERATOR


def test_a_statement_shown_twice_says_nothing_the_second_time(tmp_path: Path) -> None:
    async def deed(bus: Bus, made: RecordedBus) -> None:
        signer = made.signers[PROVIDER]
        await state(bus, "grant", grant_of("g1", "census"), signer)
        raw = await state(bus, "grant", grant_of("g1", "pension"), signer)
        await state(bus, "grant", grant_of("g1", "census"), signer)
        await assert_anyway(bus, fact_of(bus, "grant", grant_of("g1", "pension")), raw)
        await send(bus, request(made, purpose="pension"))

    said = told(tmp_path, deed)
    assert said["verdict"] == "proven"
    assert of_purpose(said, "pension")["grant"] == OPERATOR


def test_the_bus_records_no_statement_that_does_not_hold(tmp_path: Path) -> None:
    async def deed(bus: Bus, made: RecordedBus) -> None:
        before = bus.api.directory.version
        with pytest.raises(SignedChangeInvalid):
            await state(bus, "grant", grant_of("g1", "pension"), made.signers[CONSUMER])
        assert bus.api.directory.version == before

    assert told(tmp_path, deed)["verdict"] == "proven"
