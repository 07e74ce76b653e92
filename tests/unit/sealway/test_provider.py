"""Answering: what a handler gets, what its results become, and what survives trouble."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import threading
from typing import Any

import httpx
import pytest

from sealway import Client, Provider, Refused, Reject, Rejected, Request
from sealway.profile import load_profile
from sealway.requests import part_of
from sealway.serving import ANSWERS_MAX, AnswerMemory
from signing.errors import IdentifierInvalid
from tests.support.fake_bus import FakeBus, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
CANARY = "canary-38001085718"


def send(client: Client, **options: Any) -> Any:
    content = {"person_code": CANARY}
    return client.send(REGISTRY, "person-status", content, purpose="child-benefit", **options)


def test_a_handler_gets_the_verified_question(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    seen: list[Request] = []

    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        seen.append(request)
        return {"status": "alive"}

    exchange = send(client)
    assert provider.serve_once() == 1
    (request,) = seen
    assert request.id == exchange.id
    assert request.json == {"person_code": CANARY}
    assert (request.sender, request.service) == ("sx/GOV/1001/benefits", "person-status")
    assert (request.purpose, request.test, request.attempt) == ("child-benefit", False, 1)
    assert request.receipt == exchange.receipt
    assert exchange.answer().json == {"status": "alive"}


def test_a_handler_gets_the_trace_that_the_consumer_is_in(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    seen: list[str | None] = []
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    provider.service("person-status")(lambda request: seen.append(request.traceparent) or {})
    send(client, traceparent=trace)
    send(client)
    while provider.serve_once():
        pass
    assert seen == [trace, None]
    posted = [
        call.headers.get("traceparent") for call in bus.calls if call.url.path == "/v1/messages"
    ]
    assert posted[:2] == [trace, None]


def test_a_reject_becomes_a_signed_rejection(client: Client, provider: Provider) -> None:
    provider.service("person-status")(lambda _: Reject("no-data", "No such person."))
    exchange = send(client)
    provider.serve_once()
    with pytest.raises(Rejected) as caught:
        exchange.answer()
    assert (caught.value.code, caught.value.text) == ("no-data", "No such person.")


def test_a_reject_may_have_no_words(client: Client, provider: Provider) -> None:
    provider.service("person-status")(lambda _: Reject("access-denied"))
    exchange = send(client)
    provider.serve_once()
    with pytest.raises(Rejected) as caught:
        exchange.answer()
    assert (caught.value.code, caught.value.text) == ("access-denied", "")


def test_a_reject_says_at_once_when_it_cannot_be_sent() -> None:
    with pytest.raises(IdentifierInvalid):
        Reject("No Data")
    with pytest.raises(ValueError, match="at most 4000"):
        Reject("no-data", "x" * 4001)


@pytest.mark.parametrize(
    ("said", "body"),
    [({"a": 1}, b'{"a":1}'), ([1], b"[1]"), (b"raw", b"raw"), ({"ä": "é"}, '{"ä":"é"}'.encode())],
)
def test_results_become_parts(said: Any, body: bytes) -> None:
    assert (part_of(said).data, part_of(said).type) == (body, "application/json")


@pytest.mark.parametrize("said", [None, 7, "text", float("nan"), object()])
def test_other_results_are_mistakes(said: Any) -> None:
    with pytest.raises(TypeError):
        part_of(said)


def test_a_handler_that_raises_leaves_the_question_for_later(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([ValueError(CANARY), {"status": "alive"}])

    @provider.service("person-status")
    def person_status(request: Request) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        assert request.attempt == 2
        return answer

    exchange = send(client)
    with caplog.at_level(logging.DEBUG):
        provider.serve_once()
        assert provider.serve_once() == 0
        bus.clock.pass_s(61)
        provider.serve_once()
    assert exchange.answer().json == {"status": "alive"}
    assert "provider.handler_failed" in caplog.text
    assert "ValueError" in caplog.text
    assert CANARY not in caplog.text


def test_nothing_of_the_content_is_logged(
    client: Client, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.service("person-status")(lambda request: request.json)
    with caplog.at_level(logging.DEBUG, logger="sealway"):
        exchange = send(client)
        provider.serve_once()
    assert exchange.answer().json == {"person_code": CANARY}
    assert "provider.answered" in caplog.text
    assert CANARY not in caplog.text


def test_a_repeat_is_answered_with_the_same_bytes_without_the_handler(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    calls: list[str] = []
    provider.service("person-status")(lambda request: calls.append(request.id) or {"n": 1})
    send(client)

    def lost_on_the_way(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("lost")

    whole = bus.post_message
    bus.post_message = lost_on_the_way  # type: ignore[method-assign]
    provider.serve_once()
    bus.post_message = whole  # type: ignore[method-assign]
    bus.clock.pass_s(61)
    provider.serve_once()
    posted = [call.content for call in bus.calls if call.url.path == "/v1/messages"][1:]
    assert len(calls) == 1
    assert len(posted) > 1
    assert len(set(posted)) == 1
    assert next(iter(bus.kept.values())).state == "answered"


def test_an_unproven_question_never_reaches_a_handler(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Request] = []
    provider.service("person-status")(calls.append)
    send(client)
    bus.tamper = lambda what, value: value[:-2] + b"x}" if what == "frame" else value
    provider.serve_once()
    assert calls == []
    assert "provider.delivery_unproven" in caplog.text


def test_an_expired_question_never_reaches_a_handler(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    calls: list[Request] = []
    provider.service("person-status")(calls.append)
    send(client, expires_s=5)
    bus.clock.pass_s(6)
    assert provider.serve_once() == 1
    assert calls == []


def test_a_question_to_somebody_else_never_reaches_a_handler(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    calls: list[Request] = []
    provider.service("person-status")(calls.append)
    bus.add_system("sx/GOV/4004/statistics")
    client.send("sx/GOV/4004/statistics", "person-status", {})
    (kept,) = bus.kept.values()
    bus.post_lease = lambda request: httpx.Response(  # type: ignore[method-assign]
        200, json={"deliveries": [bus.lease_of(kept.message.envelope.manifest.id, kept)]}
    )
    kept.leased_until_ms = bus.clock.ms + 1000
    provider.serve_once()
    assert calls == []


def test_a_late_answer_is_not_the_end(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    provider.service("person-status")(lambda _: {"status": "alive"})
    exchange = send(client)
    bus.refuse["person-status"] = {"status": 409, "code": "answer-late"}
    provider.serve_once()
    assert "answer-late" in caplog.text
    assert exchange.state().is_open


def test_run_goes_on_when_the_bus_is_away(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    provider.service("person-status")(lambda _: {"status": "alive"})
    exchange = send(client)
    bus.down = [httpx.ConnectError("refused"), 503]
    provider.run(until=lambda: next(iter(bus.kept.values())).state == "answered")
    assert exchange.answer().json == {"status": "alive"}
    assert "provider.bus_unavailable" in caplog.text


def test_run_ends_when_the_bus_will_not_have_us(
    provider: Provider, bus: FakeBus, registry: FakeSystem
) -> None:
    provider.service("person-status")(lambda _: {})
    bus.post_lease = lambda request: bus.problem(  # type: ignore[method-assign]
        403, "sender-suspended"
    )
    with pytest.raises(Refused, match="sender-suspended"):
        provider.run()


def test_stop_ends_run_from_another_thread(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    provider.service("person-status")(lambda _: {"status": "alive"})
    thread = threading.Thread(target=provider.run)
    thread.start()
    provider.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_sigterm_lets_the_question_in_hand_be_answered_first(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {"status": "alive"}

    before = signal.getsignal(signal.SIGTERM)
    exchange = send(client)
    provider.run()
    assert exchange.answer().json == {"status": "alive"}
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_breaks_an_idle_wait(provider: Provider, bus: FakeBus) -> None:
    provider.service("person-status")(lambda _: {})
    waits: list[int] = []

    def wait(request: httpx.Request) -> httpx.Response:
        waits.append(1)
        os.kill(os.getpid(), signal.SIGTERM)
        return httpx.Response(200, json={"deliveries": []})

    bus.post_lease = wait  # type: ignore[method-assign]
    provider.run()
    assert waits == [1]


def test_a_second_signal_does_not_wait_for_the_handler(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        return {"status": "alive"}

    exchange = send(client)
    with pytest.raises(KeyboardInterrupt):
        provider.run()
    assert exchange.state().is_open


def test_a_big_delivery_is_fetched_by_its_link(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    provider.service("person-status")(lambda request: request.json)
    exchange = send(client)
    whole = bus.lease_of

    def by_link(message_id: str, kept: Any) -> dict[str, Any]:
        lease = whole(message_id, kept)
        del lease["delivery"]
        return lease | {"href": f"/v1/messages/{message_id}/delivery"}

    bus.lease_of = by_link  # type: ignore[method-assign]
    provider.serve_once()
    assert exchange.answer().json == {"person_code": CANARY}


def test_memory_of_answers_is_bounded() -> None:
    memory = AnswerMemory()
    for number in range(ANSWERS_MAX + 10):
        memory.put(str(number), b"frame")
    assert memory.get("9") is None
    assert memory.get("10") == b"frame"


def test_a_handler_may_pass_on_anything_with_body_and_type(registry: FakeSystem) -> None:
    @dataclasses.dataclass
    class Picture:
        body: bytes = b"\x89PNG"
        type: str = "image/png"

    part = part_of(Picture())
    assert (part.data, part.type) == (b"\x89PNG", "image/png")


def test_a_provider_needs_a_systems_profile(bus: FakeBus, registry: FakeSystem) -> None:
    made = Provider(load_profile("civil-registry"), transport=bus.transport)
    with made, pytest.raises(AssertionError, match="register a handler"):
        made.run()


def test_a_lease_is_extended_while_its_question_is_worked_on(
    client: Client, bus: FakeBus, registry: FakeSystem
) -> None:
    extended = threading.Event()
    whole = bus.post_extend

    def post_extend(request: httpx.Request) -> httpx.Response:
        reply = whole(request)
        extended.set()
        return reply

    bus.post_extend = post_extend  # type: ignore[method-assign]
    made = Provider(
        load_profile("civil-registry"),
        lease_s=1,
        wait_s=1,
        clock=bus.clock,
        transport=bus.transport,
    )

    @made.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        bus.clock.pass_s(0.9)
        assert extended.wait(5)
        bus.clock.pass_s(0.9)
        return {"status": "alive"}

    exchange, other = send(client), send(client)
    with made:
        assert made.serve_once() == 2
    assert exchange.answer().json == other.answer().json == {"status": "alive"}
    assert [kept.attempts for kept in bus.kept.values() if kept.attempts] == [1, 1]


def test_a_question_whose_lease_is_lost_is_left_to_its_holder(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    calls: list[str] = []

    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        calls.append(request.id)
        bus.clock.pass_s(61)
        return {"status": "alive"}

    send(client), send(client)
    assert provider.serve_once() == 2
    assert len(calls) == 1


def test_a_question_is_kept_no_longer_than_it_may_be_worked_on(
    client: Client, bus: FakeBus, registry: FakeSystem
) -> None:
    made = Provider(
        load_profile("civil-registry"),
        lease_s=1,
        wait_s=1,
        work_s=0,
        clock=bus.clock,
        transport=bus.transport,
    )

    @made.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        threading.Event().wait(0.5)
        return {"status": "alive"}

    send(client)
    with made:
        made.serve_once()
    assert not [call for call in bus.calls if call.url.path == "/v1/mailbox/extend"]


def test_what_was_not_begun_is_given_up_when_we_stop(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        provider.stop()
        return {"status": "alive"}

    exchanges = [send(client) for _ in range(3)]
    provider.run()
    assert exchanges[0].answer().json == {"status": "alive"}
    given_up = [(f"{one.id}.1", "provider-stopping") for one in exchanges[1:]]
    assert bus.released == given_up


def test_a_bus_that_is_away_keeps_nobody_from_stopping(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        provider.stop()
        return {"status": "alive"}

    send(client), send(client)
    bus.post_release = lambda request: bus.problem(503, "not-ready")  # type: ignore[method-assign]
    provider.run()
    assert "provider.leases_not_released" in caplog.text


def test_an_interim_is_signed_and_handed_over_before_the_answer(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        request.interim("in-progress")
        with pytest.raises(IdentifierInvalid):
            request.interim("In Progress")
        return {"status": "alive"}

    exchange = send(client)
    provider.serve_once()
    kinds = [kept.message.envelope.manifest.kind for kept in bus.kept.values()]
    assert kinds == ["request", "interim", "response"]
    interim = list(bus.kept.values())[1].message.envelope.manifest
    assert interim.about is not None
    assert (interim.status, interim.about.id) == ("in-progress", exchange.id)
    assert exchange.answer().json == {"status": "alive"}


def test_a_handler_learns_from_an_interim_that_nobody_wants_its_answer(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = send(client)

    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        exchange.cancel()
        request.interim("in-progress")
        raise AssertionError("it goes on")

    provider.serve_once()
    assert "provider.answer_refused" in caplog.text
    assert "it goes on" not in caplog.text


def test_who_answers_against_the_schema_is_told_which_keywords_and_nothing_else(
    client: Client, provider: Provider, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    send(client)
    errors = [{"pointer": f"/{CANARY}", "keyword": "required", "message": CANARY}]
    bus.refuse["person-status"] = {"status": 422, "code": "payload-invalid", "errors": errors}
    provider.service("person-status")(lambda _: {CANARY: 1})
    provider.serve_once()
    assert " payload-invalid (required)" in caplog.text
    assert CANARY not in caplog.text


def test_an_interim_needs_a_question_in_hand(client: Client, provider: Provider) -> None:
    seen: list[Request] = []

    @provider.service("person-status")
    def person_status(request: Request) -> dict[str, Any]:
        seen.append(request)
        return {"status": "alive"}

    send(client)
    provider.serve_once()
    with pytest.raises(ValueError, match="while a question"):
        dataclasses.replace(seen[0], tell=None).interim("in-progress")
