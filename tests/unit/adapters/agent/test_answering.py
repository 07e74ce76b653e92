"""The mailbox side of the agent: proven, put to the department, answered, kept as evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.base import AdapterRequest, Answer, Reject
from adapters.errors import ProviderUnreachable
from sealway import Rejected
from sealway.client import Client
from signing.message import encode_delivery, encode_frame, parse_delivery
from tests.support.eventually import until
from tests.support.fake_bus import FakeBus

REGISTRY = "sx/GOV/2002/civil-registry"
TIMEOUT_S = 5


def send(consumer: Client, content: Any = None) -> Any:
    return consumer.send(REGISTRY, "person-status", content or {"n": 1}, "child-benefit")


async def serve(office: Any) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await office.agent.answering.serve_once()
        await office.agent.answering.finish()


async def test_a_question_is_answered_by_the_department_under_the_agencys_key(
    office: Any, department: Any, consumer: Client
) -> None:
    exchange = send(consumer, {"person_code": "1"})
    await serve(office)
    answer = exchange.answer()
    assert (answer.json, answer.signer) == ({"status": "alive"}, REGISTRY)
    (asked,) = department.asked
    assert (asked.id, asked.json, asked.purpose) == (
        exchange.id,
        {"person_code": "1"},
        "child-benefit",
    )
    assert (asked.sender, asked.system) == ("sx/GOV/1001/benefits", REGISTRY)


async def test_both_receipts_of_what_it_answered_are_kept(office: Any, consumer: Client) -> None:
    exchange = send(consumer)
    await serve(office)
    lines = office.lines
    assert [(line["act"], line["kind"], line["index"]) for line in lines] == [
        ("was-asked", "request", 0),
        ("answered", "response", 1),
    ]
    assert lines[1]["about"] == exchange.id


@pytest.mark.parametrize(("code", "expected"), [("no-data", "no-data"), ("Not A Code", "failure")])
async def test_the_departments_no_is_a_signed_rejection(
    office: Any, department: Any, consumer: Client, code: str, expected: str
) -> None:
    async def no(request: AdapterRequest) -> Reject:
        return Reject(code, "No such person.")

    department.script = no
    exchange = send(consumer)
    await serve(office)
    with pytest.raises(Rejected) as raised:
        exchange.answer()
    assert (raised.value.code, raised.value.text) == (expected, "No such person.")


async def test_a_department_that_is_away_is_asked_again_and_the_timeline_says_why(
    office: Any, department: Any, consumer: Client, bus: FakeBus
) -> None:
    async def away(request: AdapterRequest) -> Answer:
        raise ProviderUnreachable("No connection.")

    well, department.script = department.script, away
    exchange = send(consumer)
    await serve(office)
    assert [reason for _, reason in bus.released] == ["provider-unreachable"]
    department.script = well
    await serve(office)
    assert exchange.answer().json == {"status": "alive"}
    assert [asked.attempt for asked in department.asked] == [1, 2]


async def test_a_plug_ins_own_mistake_is_an_attempt_that_failed(
    office: Any, department: Any, consumer: Client, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: AdapterRequest) -> Answer:
        raise KeyError("38001085718")

    department.script = broken
    send(consumer)
    await serve(office)
    assert [reason for _, reason in bus.released] == ["provider-misbehaved"]
    assert "38001085718" not in caplog.text


async def test_a_copied_envelope_in_the_mailbox_reaches_no_department(
    office: Any, department: Any, consumer: Client, bus: FakeBus
) -> None:
    """Somebody who holds an old envelope, and even its old receipt, asks nothing with it."""
    old = send(consumer)
    kept = bus.kept[old.id]
    copied = encode_frame(kept.message.envelope.raw, kept.message.parts)
    receipt, _ = parse_delivery(bus.delivery_of(kept))
    await serve(office)
    del department.asked[:]
    new = send(consumer, {"n": 2})
    of_new, _ = parse_delivery(bus.delivery_of(bus.kept[new.id]))
    for claimed in (of_new, receipt):

        def lie(of: Any, claimed: str = claimed) -> bytes:
            return encode_delivery(claimed, copied)

        bus.delivery_of = lie  # type: ignore[method-assign]
        bus.kept[new.id].leased_until_ms = 0
        await serve(office)
    assert department.asked == []
    assert [line["id"] for line in office.lines if line["act"] == "was-asked"] == [old.id]
    assert bus.kept[new.id].state == "open"


async def test_a_delivery_whose_receipt_is_not_its_own_is_not_shown_to_the_department(
    office: Any, department: Any, consumer: Client, bus: FakeBus
) -> None:
    send(consumer)
    bus.tamper = lambda what, value: value.replace("\n— ", "\n— x") if what == "receipt" else value
    await serve(office)
    assert department.asked == []
    assert office.lines == []


async def test_nobody_is_asked_while_receipts_cannot_be_kept(
    office: Any, department: Any, consumer: Client, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    exchange = send(consumer)
    with monkeypatch.context() as patch:
        patch.setattr("adapters.agent.receipts.os.fsync", full)
        await serve(office)
    assert department.asked == []
    assert [reason for _, reason in bus.released] == ["receipts-not-kept"]
    await serve(office)
    assert exchange.answer().json == {"status": "alive"}


async def test_an_answer_that_could_not_be_handed_over_is_sent_again_unchanged(
    office: Any, department: Any, consumer: Client, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.agent.answering.ANSWER_S", 0.0)
    exchange = send(consumer)

    async def then_away(request: AdapterRequest) -> Answer:
        bus.down = [httpx.ConnectError("")]
        return Answer("application/json", b'{"status":"alive"}')

    await office.agent.reasons()
    department.script = then_away
    own = office.agent.answering._talk.trust
    await office.agent._connection.run(own.certificate(bus_certificate(bus)))
    await serve(office)
    assert bus.kept[exchange.id].state == "open"
    bus.kept[exchange.id].leased_until_ms = 0
    await serve(office)
    assert exchange.answer().json == {"status": "alive"}
    assert len(department.asked) == 1


def bus_certificate(bus: FakeBus) -> Any:
    (x5t,) = (x5t for x5t, system in bus.systems.items() if system.id == REGISTRY)
    return x5t


async def test_an_answer_the_bus_will_not_have_is_made_anew(
    office: Any, department: Any, consumer: Client, bus: FakeBus
) -> None:
    exchange = send(consumer)
    bus.refuse["person-status"] = {"status": 422, "code": "payload-invalid"}
    await serve(office)
    assert [reason for _, reason in bus.released] == ["provider-misbehaved"]
    del bus.refuse["person-status"]
    await serve(office)
    assert len(department.asked) == 2
    assert exchange.answer().json == {"status": "alive"}


async def test_told_to_stop_it_finishes_what_is_in_hand(
    office: Any, department: Any, consumer: Client, bus: FakeBus
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(request: AdapterRequest) -> Answer:
        asked.set()
        await may_answer.wait()
        return Answer("application/json", b'{"status":"alive"}')

    department.script = slow
    exchange = send(consumer)
    running = asyncio.create_task(office.agent.answering.run())
    async with asyncio.timeout(TIMEOUT_S):
        await asked.wait()
        office.agent.answering.stop()
        may_answer.set()
        await running
    assert exchange.answer().json == {"status": "alive"}


async def test_what_is_not_finished_in_time_is_released_for_somebody_else(
    office: Any, department: Any, consumer: Client, bus: FakeBus
) -> None:
    async def endless(request: AdapterRequest) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    department.script = endless
    send(consumer)
    async with asyncio.timeout(TIMEOUT_S):
        await office.agent.answering.serve_once()
        await asyncio.sleep(0.05)
        await office.agent.answering.give_up()
    assert [reason for _, reason in bus.released] == ["provider-stopping"]


async def test_a_lease_is_kept_while_the_department_works(
    opening: Callable[..., Any],
    department: Any,
    consumer: Client,
    bus: FakeBus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def slow(request: AdapterRequest) -> Answer:
        await until(extended)
        return Answer("application/json", b'{"status":"alive"}')

    def extended() -> bool:
        return any(call.url.path == "/v1/mailbox/extend" for call in bus.calls)

    department.script = slow
    serves = {"serves": {"person-status": "people"}, "adapters": {"people": {"kind": "scripted"}}}
    monkeypatch.setattr("adapters.agent.answering.EXTENDS_A_LEASE", 6000)
    async with opening(profile="civil-registry", mailbox={"wait_s": 0}, **serves) as office:
        exchange = send(consumer)
        running = asyncio.create_task(office.agent.answering.run())
        async with asyncio.timeout(TIMEOUT_S):
            await until(extended)
            office.agent.answering.stop()
            await running
    assert exchange.answer().json == {"status": "alive"}
