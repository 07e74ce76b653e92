"""A local system asks through the agent: plain JSON in, a proven answer and kept receipts out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sealway import Reject
from sealway.client import Client
from signing.encoding import b64url_encode
from signing.log.note import parse_verifier_key
from signing.message import FRAME_TYPE, encode_frame
from signing.receipts import verify_receipt
from tests.support.eventually import until
from tests.support.fake_bus import FakeBus

REGISTRY = "sx/GOV/2002/civil-registry"
CANARY = "38001085718"
Answering = Callable[[Callable[[Any], Any]], None]


def code_of(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    assert document["remedy"]
    return str(document["code"])


async def test_gives_the_answer_and_says_who_signed_it(desk: Any, answering: Answering) -> None:
    answering(lambda request: {"asked": request.json, "why": request.purpose})
    response = await desk.ask({"person_code": CANARY})
    assert response.status_code == 200, response.text
    assert response.json() == {"asked": {"person_code": CANARY}, "why": "child-benefit"}
    assert response.headers["sealway-signer"] == REGISTRY
    assert response.headers["sealway-custody"] == "member"
    assert response.headers["sealway-receipt"] == "sx.example/log/1 1"
    again = await desk.local.get(response.headers["location"] + "/answer")
    assert again.content == response.content


async def test_both_receipts_are_kept_and_prove_what_was_said(
    desk: Any, answering: Answering, bus: FakeBus
) -> None:
    answering(lambda request: {"status": "alive"})
    await desk.ask({"person_code": CANARY})
    lines = desk.lines
    assert [(line["act"], line["index"]) for line in lines] == [("asked", 0), ("got", 1)]
    log_key = parse_verifier_key(bus.shard.verifier_key)
    for line in lines:
        assert verify_receipt(line["receipt"], line["envelope"].encode(), log_key)
    files = list((desk.folder / "receipts").iterdir())
    assert all(CANARY not in file.read_text() for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


async def test_a_repeated_look_keeps_no_second_line(desk: Any, answering: Answering) -> None:
    answering(lambda request: {"status": "alive"})
    where = (await desk.ask()).headers["location"] + "/answer"
    for _ in range(2):
        assert (await desk.local.get(where)).status_code == 200
    assert len(desk.lines) == 2


async def test_an_answer_that_takes_long_is_fetched_from_a_local_link(
    desk: Any, answering: Answering, bus: FakeBus
) -> None:
    response = await desk.ask(headers={"prefer": "respond-async"})
    assert response.status_code == 202
    where = response.json()["answer"]
    assert [line["act"] for line in desk.lines] == ["asked"]
    assert code_of(await desk.local.get(where)) == "answer-not-yet"
    state = (await desk.local.get(response.headers["location"])).json()
    assert (state["state"], state["answer"]) == ("open", where)
    answering(lambda request: {"status": "alive"})
    found = await desk.local.get(where, headers={"prefer": "wait=5"})
    assert (found.status_code, found.json()) == (200, {"status": "alive"})
    assert [line["act"] for line in desk.lines] == ["asked", "got"]


async def test_the_question_outlives_the_call(desk: Any, bus: FakeBus) -> None:
    asked = (await desk.ask(headers={"prefer": "wait=0"})).json()["id"]
    assert bus.kept[asked].message.envelope.manifest.expires_ms is None


async def test_the_providers_no_is_a_problem_with_its_words_and_kept_as_evidence(
    desk: Any, answering: Answering
) -> None:
    answering(lambda request: Reject("no-data", "No such person."))
    response = await desk.ask()
    assert (response.status_code, code_of(response)) == (422, "rejected")
    assert response.json()["rejection"] == {"code": "no-data", "text": "No such person."}
    assert [(line["act"], line["kind"]) for line in desk.lines] == [
        ("asked", "request"),
        ("got", "rejection"),
    ]


async def test_a_refusal_of_the_bus_passes_through(desk: Any, bus: FakeBus) -> None:
    errors = [{"pointer": "/person_code", "message": "is missing"}]
    bus.refuse["person-status"] = {"status": 422, "code": "payload-invalid", "errors": errors}
    response = await desk.ask()
    assert code_of(response) == "payload-invalid"
    assert response.json()["errors"] == errors
    assert desk.lines == []


async def test_an_answer_that_is_not_proven_is_withheld(
    desk: Any, answering: Answering, bus: FakeBus
) -> None:
    answering(lambda request: {"status": "alive"})
    bus.tamper = lambda what, value: value.replace(b"alive", b"ALIVE") if what == "frame" else value
    response = await desk.ask()
    assert (response.status_code, code_of(response)) == (502, "proof-failed")
    assert b"ALIVE" not in response.content
    assert "got" not in [line["act"] for line in desk.lines]


async def test_a_bus_that_is_away_leads_to_the_exchange_where_the_question_may_be(
    desk: Any, bus: FakeBus
) -> None:
    bus.down = [httpx.ReadError("")]
    response = await desk.ask(headers={"prefer": "wait=0"})
    assert response.status_code == 202, "the same bytes again are harmless, and were sent"
    bus.down = [httpx.ReadError("")] * 20
    response = await desk.ask(headers={"prefer": "wait=1"})
    assert code_of(response) == "bus-unavailable"
    assert response.json()["exchange"].startswith("/exchanges/01")


async def test_an_answer_whose_receipt_cannot_be_kept_is_withheld_until_it_can(
    desk: Any, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(lambda request: {"status": "alive"})

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("adapters.agent.receipts.os.fsync", full)
        response = await desk.ask()
        assert (response.status_code, code_of(response)) == (503, "receipts-not-kept")
        reasons = (await desk.local.get("/readyz")).json()["reasons"]
        assert any("No space" in reason for reason in reasons)
    assert desk.lines == []
    found = await desk.local.get(response.json()["exchange"] + "/answer")
    assert found.json() == {"status": "alive"}
    assert len(desk.lines) == 2


async def test_a_copied_envelope_posted_straight_to_the_agent_is_refused(
    desk: Any, bus: FakeBus, consumer: Client
) -> None:
    exchange = consumer.send(REGISTRY, "person-status", {"person_code": CANARY}, "child-benefit")
    message = bus.kept[exchange.id].message
    frame = encode_frame(message.envelope.raw, message.parts)
    path, calls = f"/{REGISTRY}/person-status", len(bus.calls)
    whole = await desk.local.post(path, content=frame, headers={"content-type": FRAME_TYPE})
    short = await desk.local.post(
        path,
        content=message.parts.data[0],
        headers={
            "content-type": "application/json",
            "sealway-envelope": message.envelope.raw.decode(),
            "sealway-salt": b64url_encode(message.parts.salt),
        },
    )
    assert [code_of(one) for one in (whole, short)] == ["body-type-unsupported"] * 2
    assert len(bus.calls) == calls
    assert desk.lines == []


@pytest.mark.parametrize(
    ("headers", "path", "content", "code"),
    [
        ({"origin": "https://news.example"}, "", b"{}", "not-allowed"),
        ({"sec-fetch-site": "cross-site"}, "", b"{}", "not-allowed"),
        ({"host": "rebound.example:8470"}, "", b"{}", "not-allowed"),
        ({"content-type": "text/plain"}, "", b"{}", "body-type-unsupported"),
        ({}, "", b'{"a":1,"a":2}', "request-invalid"),
        ({}, "", b"", "request-invalid"),
        ({}, "", b'"' + b"x" * 200 + b'"', "body-too-large"),
        ({"sealway-purpose": "Because I can"}, "", b"{}", "request-invalid"),
        ({"traceparent": "nonsense"}, "", b"{}", "request-invalid"),
        ({}, "/sx/GOV/2002/civil-registry/Person", b"{}", "request-invalid"),
        ({}, "/sx/GOV/2002/civil-registry", b"{}", "not-found"),
        ({}, "/", b"{}", "not-found"),
        ({}, "/livez", b"{}", "method-not-allowed"),
        ({}, "/exchanges/1/answer", b"{}", "method-not-allowed"),
    ],
)
async def test_bad_calls_are_told_and_reach_no_bus(
    opening: Any, bus: FakeBus, headers: dict[str, str], path: str, content: bytes, code: str
) -> None:
    async with opening(limits={"body_bytes_max": 100}) as desk:
        response = await desk.local.post(
            path or f"/{REGISTRY}/person-status",
            content=content,
            headers={"content-type": "application/json", **headers},
        )
    assert code_of(response) == code
    assert bus.calls == []


async def test_an_exchange_that_is_none_is_told(desk: Any) -> None:
    assert code_of(await desk.local.get("/exchanges/7/answer")) == "request-invalid"
    unknown = "/exchanges/01a201fb-aa7b-7cc0-98c4-dc0c0c07398f"
    assert code_of(await desk.local.get(unknown)) == "not-found"


async def test_no_more_questions_wait_than_the_settings_say(opening: Any, bus: FakeBus) -> None:
    async with opening(limits={"questions_max": 2}) as desk:
        asked = [asyncio.create_task(desk.ask(headers={"prefer": "wait=20"})) for _ in range(2)]
        await until(lambda: [call.url.path for call in bus.calls].count("/v1/messages") >= 2)
        assert code_of(await desk.ask()) == "rate-exceeded"
        desk.agent.questions.stop()
        found = await asyncio.gather(*asked)
        assert [one.status_code for one in found] == [202, 202], "told to stop, they are let go"
        assert len(desk.lines) == 2


async def test_the_purpose_comes_from_the_call_or_the_service_or_the_settings(
    opening: Any, bus: FakeBus
) -> None:
    async def purpose(desk: Any, system: str, **headers: str) -> str | None:
        lines = {"prefer": "wait=0", **headers}
        response = await desk.local.post(f"/{system}/person-status", json={}, headers=lines)
        return bus.kept[response.json()["id"]].message.envelope.manifest.purpose

    other = "sx/GOV/3003/territories"
    by_service = {f"{REGISTRY}/person-status": "child-benefit"}
    async with opening(purpose="statistics", purposes=by_service) as desk:
        assert await purpose(desk, other) == "statistics"
        assert await purpose(desk, REGISTRY) == "child-benefit"
        assert await purpose(desk, REGISTRY, **{"sealway-purpose": "audit"}) == "audit"


async def test_readiness_asks_the_bus_and_wants_the_pinned_one(desk: Any, bus: FakeBus) -> None:
    assert (await desk.local.get("/livez")).json() == {"alive": True}
    assert (await desk.local.get("/readyz")).json() == {"ready": True}
    desk.agent._look.at_s = -1000.0
    bus.down = [httpx.ConnectError("")]
    away = await desk.local.get("/readyz")
    assert code_of(away) == "not-ready"
    assert "cannot be reached" in away.json()["reasons"][0]


async def test_a_token_is_wanted_where_the_settings_name_one(opening: Any, tmp_path: Any) -> None:
    (tmp_path / "local.token").write_text("t" * 40 + "\n")
    async with opening(listen={"token_file": "local.token"}) as desk:
        where = "/exchanges/01a201fb-aa7b-7cc0-98c4-dc0c0c07398f"

        async def code(**headers: str) -> str:
            return code_of(await desk.local.get(where, headers=headers))

        assert await code() == "token-missing"
        assert await code(authorization="Bearer " + "t" * 39) == "token-invalid"
        assert await code(authorization="Bearer " + "t" * 40) == "not-found"
        assert (await desk.local.get("/livez")).status_code == 200


async def test_no_log_line_shows_content(
    desk: Any, answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answering(lambda request: Reject("no-data", CANARY) if request.json["n"] else {"code": CANARY})
    for n in (0, 1):
        await desk.ask({"n": n, "person_code": CANARY})
    assert "question.answered" in caplog.text
    assert CANARY not in caplog.text
