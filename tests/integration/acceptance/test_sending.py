"""Sending: once, again, with an id that is taken; and what the receipt proves."""

import asyncio
from dataclasses import replace

import pytest

from exchange.acceptance.accept import Accepted, Refused
from exchange.operation.key_files import load_log_signer
from signing.compose import PartIn, compose
from signing.envelope import seal, verify_envelope
from signing.errors import ProofInvalid
from signing.jws import MESSAGE, decode_jws
from signing.log.leaf import parse_leaf
from signing.receipts import verify_message_receipt
from tests.support.agencies import (
    BENEFITS,
    CIVIL,
    DAY_MS,
    PERSON_STATUS,
    POPULATION,
    certificate,
    credentials,
    grant,
    service,
)
from tests.support.bus import RunningBus


async def receipt_of(running: RunningBus, accepted: Accepted) -> str:
    return await running.bus.api.receipts.receipt(accepted.place)


async def test_an_accepted_message_has_a_receipt_that_verifies(running: RunningBus) -> None:
    request = running.ask()
    text = await receipt_of(running, await running.send(request))
    verifier = load_log_signer(running.folder / "keys", "sx.example", "1").verifier
    directory = running.bus.api.directory.current
    proof = verify_message_receipt(text, verify_envelope(request.envelope, directory), verifier)
    assert (proof.leaf.k, proof.leaf.sender, proof.leaf.to) == ("request", BENEFITS, CIVIL)
    assert (proof.leaf.svc, proof.leaf.reg) == (PERSON_STATUS, directory.version)
    other = verify_envelope(running.ask().envelope, directory)
    with pytest.raises(ProofInvalid):
        verify_message_receipt(text, other, verifier)


async def test_a_leaf_tells_no_id_and_no_content(running: RunningBus) -> None:
    request = running.ask()
    accepted = await running.send(request)
    leaf = accepted.place.leaf
    assert request.manifest.id.encode() not in leaf
    assert b"38001085718" not in leaf
    assert b"child-benefit" not in leaf


async def test_the_same_message_again_gets_its_first_place(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    first = await running.send(request)
    again = await running.send(request)
    assert (first.again, again.again) == (False, True)
    assert again.place == first.place
    assert running.writers[1].head.size == first.place.index + 1


async def test_the_same_message_signed_anew_is_the_same_message(running: RunningBus) -> None:
    """ES256 signatures are random; what was said is what counts, and the first envelope stays."""
    request = running.ask(POPULATION)
    payload = decode_jws(request.envelope, MESSAGE).payload
    first = await running.send(request)
    key = credentials("benefits, second key", running.clock())
    await running.change(certificate(BENEFITS, key))
    anew = replace(request, envelope=seal(payload, key.signer, request.manifest.created_ms // 1000))
    assert anew.envelope != request.envelope
    again = await running.send(anew)
    assert again.place == first.place
    stored = await running.bus.api.opened.message(
        bytes.fromhex(request.manifest.id.replace("-", ""))
    )
    assert stored is not None
    assert stored.envelope == request.envelope


async def test_twenty_copies_at_once_are_one_message(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    accepted = await asyncio.gather(*(running.send(request) for _ in range(20)))
    assert len({one.place for one in accepted}) == 1
    assert sum(not one.again for one in accepted) == 1


async def test_an_id_that_was_accepted_is_refused_for_another_message(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    other = running.ask(POPULATION, content={"person_code": "1"}, id=request.manifest.id)
    assert await running.outcome(other) == "message-id-reused"
    assert await running.outcome(request) == "again"


async def test_two_messages_under_one_id_at_once_are_one_accepted_and_one_refused(
    running: RunningBus,
) -> None:
    request = running.ask(POPULATION)
    other = running.ask(POPULATION, content={"person_code": "1"}, id=request.manifest.id)
    outcomes = await asyncio.gather(running.outcome(request), running.outcome(other))
    assert sorted(outcomes) == ["accepted", "message-id-reused"]


async def test_a_refused_id_is_not_used_up(running: RunningBus) -> None:
    request = running.ask(POPULATION, purpose="curiosity")
    assert await running.outcome(request) == "purpose-required"
    corrected = running.ask(POPULATION, id=request.manifest.id)
    assert await running.outcome(corrected) == "accepted"


@pytest.mark.parametrize("lost", ["grant", "service", "time", "schema"])
async def test_what_changed_since_does_not_matter_to_a_message_accepted_before(
    running: RunningBus, lost: str
) -> None:
    request = running.ask(POPULATION)
    first = await running.send(request)
    match lost:
        case "grant":
            await running.change(grant(POPULATION, state="withdrawn"))
        case "service":
            await running.change(service(POPULATION, state="suspended"))
        case "time":
            running.clock.ahead_ms = 3 * DAY_MS
        case "schema":
            await running.change(service(POPULATION, request_schema={"subject": "answer"}))
    assert (await running.send(request)).place == first.place


async def test_a_revoked_certificate_does_matter_to_a_message_accepted_before(
    running: RunningBus,
) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    await running.change(certificate(BENEFITS, running.keys[BENEFITS], state="revoked"))
    assert await running.outcome(request) == "certificate-revoked"


async def test_a_refusal_has_a_leaf_that_names_its_kind(running: RunningBus) -> None:
    with pytest.raises(Refused) as refused:
        await running.send(running.ask(POPULATION, purpose="curiosity"))
    assert refused.value.place is not None
    leaf = parse_leaf(refused.value.place.leaf)
    assert (leaf.k, leaf.sender, leaf.svc) == ("refusal", BENEFITS, POPULATION)
    assert leaf.grant is None


async def test_a_refusals_leaf_does_not_repeat_what_is_not_registered(running: RunningBus) -> None:
    with pytest.raises(Refused) as refused:
        await running.send(running.ask(POPULATION, service="nobody-has-this"))
    assert refused.value.place is not None
    leaf = parse_leaf(refused.value.place.leaf)
    assert (leaf.k, leaf.to, leaf.svc) == ("refusal", None, None)


async def test_what_nobody_signed_leaves_no_leaf(running: RunningBus) -> None:
    size = running.writers[1].head.size
    request = running.ask()
    forged = replace(request, envelope=request.envelope[:-8] + b"AAAAAAAA")
    assert await running.outcome(forged) in ("signature-invalid", "envelope-malformed")
    assert running.writers[1].head.size == size


async def test_beyond_ten_a_second_refusals_are_counted_and_not_logged(running: RunningBus) -> None:
    running.clock.held_ms = running.clock()
    refused = [running.ask(POPULATION, purpose="curiosity") for _ in range(25)]
    places = []
    for one in refused:
        with pytest.raises(Refused) as no:
            await running.send(one)
        assert no.value.error.code == "purpose-required"
        places.append(no.value.place)
    assert [place is not None for place in places] == [True] * 10 + [False] * 15
    size = running.writers[1].head.size
    await running.close()
    await running.open()
    assert running.writers[1].head.size == size + 1, "the counts have one leaf"


async def test_a_part_that_does_not_match_is_not_stored(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    other = compose(request.manifest, [PartIn(b"{}")], running.keys[BENEFITS].signer)
    swapped = replace(request, parts=other.parts)
    assert await running.outcome(swapped) == "commitment-mismatch"
    assert await running.state(request) == "none"
    assert await running.outcome(request) == "accepted"
