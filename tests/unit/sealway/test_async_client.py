"""The client for asyncio keeps the rules of the other: proven answers, the same bytes again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from sealway import (
    AnswerPending,
    AsyncClient,
    BusUnavailable,
    Client,
    ProofFailed,
    Provider,
    Refused,
    Reject,
    Rejected,
)
from sealway.profile import load_profile
from signing.errors import MessageIdInvalid
from tests.support.fake_bus import FakeBus, FakeClock, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
CANARY = "38001085718"
Answering = Callable[[Callable[[Any], Any]], None]


class AsyncFakeClock:
    """The fake bus's clock, awaited."""

    def __init__(self, clock: FakeClock) -> None:
        self.now_ms, self.elapsed_s, self._clock = clock.now_ms, clock.elapsed_s, clock

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self._clock.pass_s(seconds)


def connect(bus: FakeBus) -> AsyncClient:
    return AsyncClient(
        load_profile("benefits"), clock=AsyncFakeClock(bus.clock), transport=bus.transport
    )


@pytest.fixture
async def caller(bus: FakeBus, benefits: FakeSystem) -> AsyncIterator[AsyncClient]:
    async with connect(bus) as made:
        yield made


async def ask(caller: AsyncClient, **options: Any) -> Any:
    content = {"person_code": CANARY}
    return await caller.ask(REGISTRY, "person-status", content, "child-benefit", **options)


async def send(caller: AsyncClient) -> Any:
    return await caller.send(REGISTRY, "person-status", {"person_code": CANARY}, "child-benefit")


def posted(bus: FakeBus) -> list[bytes]:
    return [call.content for call in bus.calls if call.url.path == "/v1/messages"]


async def test_gives_the_answer_with_its_signer_and_its_place_in_the_log(
    caller: AsyncClient, answering: Answering
) -> None:
    answering(lambda request: {"status": "alive", "asked": request.json["person_code"]})
    answer = await ask(caller)
    assert answer.json == {"status": "alive", "asked": CANARY}
    assert (answer.signer, answer.custody) == (REGISTRY, "member")
    assert answer.receipt.index == 1
    assert (await answer.exchange.receipt()).index == 0
    assert (await answer.exchange.state()).state == "answered"


async def test_many_tasks_ask_at_once(caller: AsyncClient, answering: Answering) -> None:
    answering(lambda request: {"asked": request.json["n"]})
    answers = await asyncio.gather(
        *(caller.ask(REGISTRY, "person-status", {"n": n}) for n in range(20))
    )
    assert [answer.json["asked"] for answer in answers] == list(range(20))


async def test_a_rejection_is_raised_with_its_code_and_leads_to_the_evidence(
    caller: AsyncClient, answering: Answering
) -> None:
    answering(lambda _: Reject("no-data", "No such person."))
    with pytest.raises(Rejected) as caught:
        await ask(caller)
    assert (caught.value.code, caught.value.text) == ("no-data", "No such person.")
    assert (await caught.value.exchange.receipt()).index == 0


async def test_a_refusal_is_raised_with_its_remedy(caller: AsyncClient, bus: FakeBus) -> None:
    bus.refuse["person-status"] = {"status": 403, "code": "not-allowed"}
    with pytest.raises(Refused) as caught:
        await ask(caller)
    assert (caught.value.code, caught.value.remedy) == ("not-allowed", "Do the right thing.")


@pytest.mark.parametrize("what", ["frame", "receipt"])
async def test_nothing_unproven_comes_through(
    caller: AsyncClient, bus: FakeBus, provider: Provider, what: str
) -> None:
    def lie(about: str, value: Any) -> Any:
        if about != what:
            return value
        if isinstance(value, str):
            return value.replace("A", "B")
        return value[:-3] + bytes([value[-3] ^ 1]) + value[-2:]

    provider.service("person-status")(lambda _: {"status": "alive"})
    exchange = await send(caller)
    provider.serve_once()
    bus.tamper = lie
    for _ in range(2):
        with pytest.raises(ProofFailed):
            await exchange.answer()


async def test_what_was_pending_is_resumed_by_its_id_in_another_process(
    caller: AsyncClient, client: Client, bus: FakeBus, provider: Provider
) -> None:
    began_ms = bus.clock.ms
    with pytest.raises(AnswerPending) as caught:
        await ask(caller, timeout_s=1)
    message_id = caught.value.exchange.id
    bus.clock.ms = began_ms + 500  # it was answered in time; the answer didn't come through
    provider.service("person-status")(lambda _: {"status": "alive"})
    provider.serve_once()
    async with connect(bus) as later:
        answer = await later.exchange(message_id).answer(wait_s=5)
    assert answer.json == {"status": "alive"}
    assert answer.exchange.id == message_id
    assert client.exchange(message_id).answer().json == {"status": "alive"}
    assert (await caught.value.exchange.answer()).json == {"status": "alive"}


async def test_what_was_sent_is_collected_later(caller: AsyncClient, answering: Answering) -> None:
    exchange = await send(caller)
    with pytest.raises(AnswerPending) as caught:
        await exchange.answer()
    assert caught.value.exchange is exchange
    answering(lambda _: {"status": "alive"})
    assert (await exchange.answer(wait_s=3)).json == {"status": "alive"}


def test_an_id_that_is_none_is_refused_before_any_call(
    client: Client, benefits: FakeSystem, bus: FakeBus
) -> None:
    for one in (client, connect(bus)):
        with pytest.raises(MessageIdInvalid):
            one.exchange("../secrets")
    assert bus.calls == []


async def test_the_same_bytes_are_sent_again_while_the_bus_is_away(
    caller: AsyncClient, bus: FakeBus, answering: Answering
) -> None:
    answering(lambda _: {"status": "alive"})
    bus.down = [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 503]
    assert (await ask(caller)).json == {"status": "alive"}
    assert len(posted(bus)[:4]) == 4
    assert len(set(posted(bus)[:4])) == 1


async def test_gives_up_when_its_time_is_over_and_the_bytes_can_be_sent_again(
    caller: AsyncClient, bus: FakeBus
) -> None:
    bus.down = [httpx.ReadTimeout("slow")] * 100
    with pytest.raises(BusUnavailable) as caught:
        await caller.send(REGISTRY, "person-status", {}, timeout_s=5)
    assert caught.value.maybe_sent
    assert 1 < len(bus.calls) < 20
    bus.down = []
    assert (await caught.value.exchange.resend()).index == 0
    assert (await caught.value.exchange.resend()).index == 0
    assert len(set(posted(bus))) == 1
    assert len(bus.kept) == 1


def test_the_bytes_can_be_sent_again_without_asyncio_too(client: Client, bus: FakeBus) -> None:
    bus.down = [httpx.ReadTimeout("slow")] * 100
    with pytest.raises(BusUnavailable) as caught:
        client.send(REGISTRY, "person-status", {}, timeout_s=5)
    bus.down = []
    assert caught.value.exchange.resend().index == 0
    assert len(set(posted(bus))) == 1


async def test_an_answer_that_refers_to_another_question_is_never_kept(
    caller: AsyncClient, bus: FakeBus, answering: Answering
) -> None:
    exchange, other = await send(caller), await send(caller)
    answering(lambda _: {"status": "alive"})
    exchange._question._receipt = other._question._receipt
    for _ in range(2):
        with pytest.raises(ProofFailed, match="another question"):
            await exchange.answer(wait_s=3)


async def test_a_task_that_is_cancelled_ends_where_it_waits(
    bus: FakeBus, benefits: FakeSystem
) -> None:
    begun = asyncio.Event()

    async def hang(request: httpx.Request) -> httpx.Response:
        begun.set()
        await asyncio.sleep(60)
        raise AssertionError("never")

    async with AsyncClient(load_profile("benefits"), transport=httpx.MockTransport(hang)) as caller:
        task = asyncio.create_task(ask(caller))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_closing_twice_is_nothing(caller: AsyncClient, bus: FakeBus) -> None:
    await caller.close()
    await caller.close()
    assert bus.calls == []


async def test_the_log_tells_what_happened_and_never_content(
    caller: AsyncClient,
    client: Client,
    bus: FakeBus,
    answering: Answering,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "sealway")
    answering(lambda request: Reject("no-data", f"nobody is {request.json['person_code']}"))
    bus.down = [httpx.ConnectError(f"cannot send {CANARY}"), 503]
    with pytest.raises(Rejected) as rejected:
        await ask(caller)
    with pytest.raises(Rejected):
        client.ask(REGISTRY, "person-status", {"person_code": CANARY}, "child-benefit")
    bus.refuse["person-status"] = {"status": 403, "code": "not-allowed", "detail": CANARY}
    with pytest.raises(Refused):
        await ask(caller)
    bus.tamper = lambda what, value: value.replace("A", "B") if what == "receipt" else value
    bus.refuse.clear()
    with pytest.raises(ProofFailed):
        await ask(caller)
    bus.down = [httpx.ReadError(CANARY)] * 100
    with pytest.raises(BusUnavailable):
        await ask(caller, timeout_s=1)
    ours = [record for record in caplog.records if record.name.startswith("sealway")]
    text = "\n".join(record.getMessage() + str(record.__dict__) for record in ours)
    for told in ("rejected, no-data", "not-allowed", "proof-failed", "bus-unavailable", "again in"):
        assert told in text
    assert rejected.value.exchange.id in text
    tokens = [
        call.headers["authorization"] for call in bus.calls if "authorization" in call.headers
    ]
    for secret in (CANARY, "Bearer", "child-benefit", "PRIVATE KEY", *tokens):
        assert secret not in text
    assert all(record.exc_info is None for record in ours)
