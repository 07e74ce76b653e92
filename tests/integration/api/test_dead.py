"""Dead letters over HTTP: tried again or dropped, by a person, on the record."""

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from adapters.errors import ProviderMisbehaved, ProviderTimeout
from exchange.delivery.dead_letters import DeadLetterGone
from exchange.ledger.shards import read_leaves
from registry.changes import Change
from sealway.verify.record_rows import nonce_of
from signing.at_rest import SealedEnvelope, open_envelope
from signing.compose import Composed
from signing.identifiers import message_id_bytes
from signing.log.leaf import parse_leaf
from signing.records import decode_record
from tests.support.agencies import BENEFITS, CIVIL, NAME_CHANGE, POPULATION, STATISTICS
from tests.support.bus import FOUNDER as OPERATOR
from tests.support.bus import alive
from tests.support.http import FOUNDER, Edge, code_of

LEASE = "/v1/mailbox/lease"


async def _dead(edge: Edge, code: str, error: Exception) -> Composed:
    """A request whose provider fails until the bus gives it up."""

    async def fail(request: AdapterRequest) -> Answer | Reject:
        raise error

    edge.running.adapter.script = fail
    request = edge.running.ask(code)
    await edge.send(request)
    assert await edge.running.until(request, "dead") == "dead"
    edge.running.adapter.script = alive
    return request


async def _worn_out(edge: Edge, request: Composed, leases: int = 17) -> None:
    """Leased so often that it is given up."""
    for _ in range(leases):
        await edge.post(LEASE, {"lease_s": 1}, STATISTICS)
        edge.running.clock.ahead_ms += 2_000
    assert await edge.running.until(request, "dead") == "dead"


async def _records(edge: Edge) -> list[tuple[str, str, str]]:
    """Act, actor and cause of every `dead` leaf's record."""
    reads = edge.running.bus.api.reads
    found = []
    for number, writer in edge.running.writers.items():
        leaves = await read_leaves(reads, number, 0, writer.head.size)
        for index, raw in enumerate(leaves):
            leaf = parse_leaf(raw)
            if leaf.k != "dead":
                continue
            row = await reads.record(number, index)
            assert row is not None
            data, salt, key = row
            assert key is not None
            epochs = edge.running.bus.api.opened._epochs
            opened, _ = open_envelope(SealedEnvelope(data, key, salt), nonce_of(leaf), epochs)
            record = decode_record(opened)
            assert isinstance(record.after, dict)
            found.append((record.act, record.actor, str(record.after["cause"])))
    return found


async def test_a_redriven_dead_letter_is_tried_again_and_recorded(edge: Edge) -> None:
    request = await _dead(edge, "person-status", ProviderMisbehaved("rubbish"))
    id_ = request.manifest.id
    response = await edge.post(f"/v1/dead/{id_}/redrive", {}, FOUNDER)
    assert response.json() == {"id": id_, "delivery": "queued"}
    assert await edge.running.until(request, "answered") == "answered"
    assert [one.attempt for one in edge.running.adapter.asked] == [1, 2, 3, 4]
    assert await _records(edge) == [
        ("exchange-dead", "bus", "provider-misbehaved"),
        ("dead-letter-redriven", "person:founder", "provider-misbehaved"),
    ]
    state = (await edge.get(f"/v1/messages/{id_}", BENEFITS)).json()
    (line,) = [one for one in state["timeline"] if one["code"] == "redriven"]
    assert (line["reason"], line["attempt"]) == ("provider-misbehaved", 3)
    assert state["last_attempt"]["code"] == "provider-misbehaved"


async def test_a_redriven_dead_letter_misbehaves_as_often_as_a_new_one(edge: Edge) -> None:
    request = await _dead(edge, "person-status", ProviderMisbehaved("rubbish"))

    async def fail(_: AdapterRequest) -> Answer | Reject:
        raise ProviderMisbehaved("rubbish")

    edge.running.adapter.script = fail
    await edge.post(f"/v1/dead/{request.manifest.id}/redrive", {}, FOUNDER)
    assert await edge.running.until(request, "dead") == "dead"
    assert (await edge.running.delivery(request)).attempt == 6


async def test_a_redriven_mailbox_delivery_is_leased_as_often_again(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    await _worn_out(edge, request)
    path = f"/v1/dead/{request.manifest.id}/redrive"
    assert (await edge.post(path, {}, FOUNDER)).json()["delivery"] == "ready"
    (one,) = (await edge.post(LEASE, {"lease_s": 1}, STATISTICS)).json()["deliveries"]
    assert one["attempt"] == 18
    edge.running.clock.ahead_ms += 2_000
    await _worn_out(edge, request, 16)
    assert (await edge.running.delivery(request)).attempt == 34


async def test_what_must_not_be_repeated_needs_a_persons_word(edge: Edge) -> None:
    request = await _dead(edge, NAME_CHANGE, ProviderTimeout("no answer"))
    path = f"/v1/dead/{request.manifest.id}/redrive"
    assert code_of(await edge.post(path, {}, FOUNDER)) == "repeat-not-confirmed"
    assert (await edge.running.delivery(request)).state == "dead"
    response = await edge.post(path, {"may_repeat": True}, FOUNDER)
    assert response.json()["delivery"] == "queued"
    assert await edge.running.until(request, "answered") == "answered"


async def test_a_dropped_dead_letter_is_handed_to_nobody_and_its_exchange_expires(
    edge: Edge,
) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    await _worn_out(edge, request)
    id_ = request.manifest.id
    response = await edge.call("POST", f"/v1/dead/{id_}/drop", FOUNDER)
    assert response.json() == {"id": id_, "delivery": "withdrawn"}
    assert (await edge.post(LEASE, {}, STATISTICS)).json() == {"deliveries": []}
    assert (await edge.get("/v1/dead", FOUNDER)).json()["items"] == []
    state = (await edge.get(f"/v1/messages/{id_}", BENEFITS)).json()
    assert (state["state"], state["stuck"]) == ("open", False)
    assert state["timeline"][-1]["code"] == "dropped"
    assert (await _records(edge))[-1][:2] == ("dead-letter-dropped", "person:founder")
    edge.running.clock.ahead_ms += 86_400_000
    assert await edge.running.until(request, "expired") == "expired"
    assert (await edge.running.delivery(request)).state == "withdrawn"


async def test_a_late_provider_may_still_answer_what_was_dropped(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    await _worn_out(edge, request)
    await edge.call("POST", f"/v1/dead/{request.manifest.id}/drop", FOUNDER)
    answer = edge.running.reply(request)
    assert (await edge.send(answer)).status_code == 202
    assert await edge.running.state(request) == "answered"


async def test_only_what_is_dead_is_decided_of(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    id_ = request.manifest.id
    for path in (f"/v1/dead/{id_}/redrive", f"/v1/dead/{id_}/drop"):
        assert code_of(await edge.post(path, {}, FOUNDER)) == "not-found"
    await _worn_out(edge, request)
    (dead,) = await edge.running.bus.api.reads.deliveries(message_id_bytes(id_))
    for who in (STATISTICS, BENEFITS, CIVIL):
        for path in (f"/v1/dead/{id_}/redrive", f"/v1/dead/{id_}/drop"):
            assert code_of(await edge.post(path, {}, who)) == "role-missing"
    wrong = await edge.post(f"/v1/dead/{id_}/redrive", {"force": True}, FOUNDER)
    assert code_of(wrong) == "request-invalid"
    await edge.running.change(
        Change("service", {"state": "withdrawn"}, f"{STATISTICS}/{POPULATION}")
    )
    await edge.call("POST", f"/v1/dead/{id_}/drop", FOUNDER)
    letters = edge.running.bus.api.dead_letters
    with pytest.raises(DeadLetterGone):
        await letters.redrive(dead, OPERATOR)
    with pytest.raises(DeadLetterGone):
        await letters.drop(dead, OPERATOR)
