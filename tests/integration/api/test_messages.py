"""Messages over HTTP: state, answer, receipt, delivery form, parts; who may see them."""

import asyncio

import pytest

from signing.encoding import b64url_decode
from signing.envelope import verify_envelope
from signing.log.note import parse_verifier_key
from signing.message import (
    DELIVERY_TYPE,
    FRAME_TYPE,
    Parts,
    check_parts,
    parse_delivery,
    parse_frame,
)
from signing.receipts import verify_message_receipt
from tests.support.agencies import BENEFITS, CIVIL, POPULATION, STATISTICS, TERRITORIES
from tests.support.http import FOUNDER, Edge, code_of


async def _answered(edge: Edge) -> str:
    """A request that has its answer; its path."""
    request = edge.running.ask()
    response = await edge.send(request, prefer="wait=5")
    assert response.status_code == 200, response.text
    return f"/v1/messages/{request.manifest.id}"


async def test_an_answer_comes_in_the_short_form_with_its_place(edge: Edge) -> None:
    request = edge.running.ask()
    response = await edge.send_short(request, prefer="wait=5")
    assert response.status_code == 200
    assert response.json() == {"status": "alive"}
    assert response.headers["location"] == f"/v1/messages/{request.manifest.id}"
    assert response.headers["preference-applied"] == "wait=5"
    envelope = verify_envelope(
        response.headers["sealway-envelope"].encode(), edge.running.bus.api.directory.current
    )
    salt = b64url_decode(response.headers["sealway-salt"], 32)
    check_parts(envelope.manifest, Parts(salt, (response.content,)))
    assert response.headers["link"] == (
        f'</v1/messages/{envelope.manifest.id}/receipt>; rel="receipt"'
    )


async def test_the_delivery_form_is_given_to_who_accepts_it_with_a_receipt_that_holds(
    edge: Edge,
) -> None:
    path = await _answered(edge)
    response = await edge.get(path + "/answer", BENEFITS, headers={"accept": DELIVERY_TYPE})
    assert response.status_code == 200
    assert response.headers["content-type"] == DELIVERY_TYPE
    text, frame = parse_delivery(response.content)
    raw, parts = parse_frame(frame)
    envelope = verify_envelope(raw, edge.running.bus.api.directory.current)
    check_parts(envelope.manifest, parts)
    about = (await edge.get("/.well-known/sealway")).json()
    (key,) = [one["key"] for one in about["logs"] if one["n"] == 1]
    verified = verify_message_receipt(text, envelope, parse_verifier_key(key))
    assert verified.log == "sx.example/log/1"


async def test_an_envelope_too_long_for_a_header_comes_in_a_frame(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await _answered(edge)
    monkeypatch.setattr("exchange.api.answers.HEADER_ENVELOPE_BYTES_MAX", 100)
    response = await edge.get(path + "/answer", BENEFITS)
    assert response.headers["content-type"] == FRAME_TYPE
    assert "sealway-envelope" not in response.headers
    assert parse_frame(response.content)[1].data == (b'{"status":"alive"}',)


async def test_a_rejection_is_a_problem_with_the_providers_envelope(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    rejection = edge.running.reject(request)
    assert (await edge.send(rejection)).status_code == 202
    path = f"/v1/messages/{request.manifest.id}/answer"
    response = await edge.get(path, BENEFITS)
    assert response.status_code == 422
    assert code_of(response) == "rejected"
    assert response.json()["rejection"] == {"code": "no-data"}
    assert response.json()["envelope"].encode() == rejection.envelope
    assert response.json()["parts"] == []
    proven = await edge.get(path, BENEFITS, headers={"accept": DELIVERY_TYPE})
    assert proven.status_code == 422
    assert parse_frame(parse_delivery(proven.content)[1])[0] == rejection.envelope


async def test_an_open_request_has_no_answer_yet(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    response = await edge.get(f"/v1/messages/{request.manifest.id}/answer", BENEFITS)
    assert code_of(response) == "answer-not-yet"
    assert response.headers["retry-after"] == "1"


async def test_an_expired_request_says_so(edge: Edge) -> None:
    expires_ms = edge.running.clock() + 1_000
    request = edge.running.ask(POPULATION, expires_ms=expires_ms)
    await edge.send(request)
    edge.running.clock.ahead_ms += 5_000
    await edge.running.until(request, "expired")
    path = f"/v1/messages/{request.manifest.id}"
    assert code_of(await edge.get(path + "/answer", BENEFITS)) == "message-expired"
    state = (await edge.get(path, BENEFITS)).json()
    assert state["state"] == "expired"
    assert [line["code"] for line in state["timeline"]] == ["accepted", "expired"]


async def test_the_state_tells_parties_times_and_the_answer(edge: Edge) -> None:
    path = await _answered(edge)
    for party in (BENEFITS, CIVIL):
        response = await edge.get(path, party)
        state = response.json()
        assert (state["state"], state["kind"], state["stuck"]) == ("answered", "request", False)
        assert (state["from"], state["to"]) == (BENEFITS, CIVIL)
        assert state["answer"]["kind"] == "response"
        assert [line["code"] for line in state["timeline"]] == ["accepted", "answered"]
        again = await edge.get(path, party, headers={"if-none-match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    answer = await edge.get(f"/v1/messages/{state['answer']['id']}", BENEFITS)
    assert (answer.json()["state"], answer.json()["kind"]) == ("accepted", "response")
    assert answer.json()["about"] == state["id"]


async def test_strangers_get_the_same_not_found_as_for_what_does_not_exist(edge: Edge) -> None:
    path = await _answered(edge)
    for below in ("", "/answer", "/receipt", "/delivery", "/parts/body"):
        told = []
        for one in (path, "/v1/messages/01a201fb-aa7b-7cc0-98c4-dc0c0c07398f", "/v1/messages/x"):
            response = await edge.get(one + below, TERRITORIES)
            assert code_of(response) == "not-found"
            told.append({**response.json(), "trace_id": "", "instance": ""})
        assert told[0] == told[1] == told[2]


async def test_the_founder_sees_metadata_and_no_content(edge: Edge) -> None:
    path = await _answered(edge)
    assert (await edge.get(path, FOUNDER)).status_code == 200
    assert (await edge.get(path + "/receipt", FOUNDER)).status_code == 200
    for below in ("/answer", "/delivery", "/parts/body"):
        assert code_of(await edge.get(path + below, FOUNDER)) == "role-missing"


async def test_a_part_is_saved_by_a_browser_and_never_shown(edge: Edge) -> None:
    path = await _answered(edge)
    response = await edge.get(path + "/parts/body", CIVIL)
    assert response.json() == {"person_code": "38001085718"}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-disposition"] == "attachment"
    assert "sandbox" in response.headers["content-security-policy"]
    assert code_of(await edge.get(path + "/parts/other", CIVIL)) == "not-found"


async def test_a_long_poll_ends_with_the_exchange(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    path = f"/v1/messages/{request.manifest.id}"
    poll = asyncio.create_task(edge.get(path, BENEFITS, headers={"prefer": "wait=10"}))
    await asyncio.sleep(0.1)
    assert not poll.done()
    await edge.send(edge.running.reply(request))
    response = await asyncio.wait_for(poll, 5)
    assert response.json()["state"] == "answered"
    assert response.headers["preference-applied"] == "wait=10"
    assert edge.running.bus.api.long_polls == {}


async def test_long_polls_of_one_system_are_limited(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    api = edge.running.bus.api
    api.long_polls[BENEFITS] = api.limits.long_polls_per_system
    headers = {"prefer": "wait=1"}
    response = await edge.get(f"/v1/messages/{request.manifest.id}", BENEFITS, headers=headers)
    assert code_of(response) == "rate-exceeded"
    assert "retry-after" in response.headers
    other = await edge.get(f"/v1/messages/{request.manifest.id}", STATISTICS, headers=headers)
    assert other.status_code == 200


async def test_a_refusal_names_its_place_in_the_log(edge: Edge) -> None:
    response = await edge.send(edge.running.ask(purpose=None))
    assert code_of(response) == "purpose-required"
    place = response.json()["refusal"]
    assert place["log"] == "sx.example/log/1"
    assert place["index"] >= 0
