"""Answers in their consumers' mailboxes: leased, confirmed, bounded, proven, audited."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.api.app import create_app
from exchange.delivery.mailbox import LeaseLost
from registry.changes import Change
from sealway.cli.main import main
from sealway.cli.session import Outside
from sealway.client import Client
from sealway.errors import Rejected
from tests.integration.delivery.test_trace import consumer, profile_of
from tests.support.agencies import BENEFITS, POPULATION, STATISTICS
from tests.support.bus import FOUNDER, RunningBus, opened

LEASE_S = 60.0
ANSWERS = ["rejection", "response"]


async def collecting(running: RunningBus, **more: Any) -> None:
    await running.change(Change("system", {"id": BENEFITS, "answers": "mailbox", **more}))


async def answered(running: RunningBus, *, reject: bool = False) -> Any:
    request = running.ask(POPULATION)
    assert await running.outcome(request) == "accepted"
    answer = running.reject(request) if reject else running.reply(request)
    assert await running.outcome(answer) == "accepted"
    return answer


async def lease(running: RunningBus, count: int = 10, wait_s: float = 0.0) -> Any:
    return await running.bus.api.mailbox.lease(BENEFITS, [], count, LEASE_S, wait_s, ANSWERS)


async def test_an_answer_is_leased_confirmed_and_still_fetched(running: RunningBus) -> None:
    await collecting(running)
    answer, no = await answered(running), await answered(running, reject=True)
    first, second = await lease(running)
    assert [first.message.frame, second.message.frame] == [answer.frame, no.frame]
    for one in (first, second, first):
        await running.bus.api.mailbox.confirm(BENEFITS, one.token)
    assert await lease(running) == []
    with pytest.raises(LeaseLost):
        await running.bus.api.mailbox.confirm(STATISTICS, first.token)
    assert answer.manifest.about is not None
    async with consumer(running, running.folder) as caller:
        assert (await caller.exchange(answer.manifest.about.id).answer()).id == answer.manifest.id


async def test_who_fetches_gets_nothing_in_its_mailbox(running: RunningBus) -> None:
    await answered(running)
    assert await lease(running) == []


async def test_a_waiting_consumer_is_woken_by_its_answer(running: RunningBus) -> None:
    await collecting(running)
    waiting = asyncio.create_task(lease(running, wait_s=5.0))
    await asyncio.sleep(0.05)
    answer = await answered(running)
    assert [one.message.manifest.id for one in await waiting] == [answer.manifest.id]


async def test_who_collects_nothing_may_not_ask_but_is_answered(running: RunningBus) -> None:
    await collecting(running, mailbox_max=2)
    open_ = [running.ask(POPULATION) for _ in range(3)]
    for request in open_:
        assert await running.outcome(request) == "accepted"
    for request in open_:
        assert await running.outcome(running.reply(request)) == "accepted", "never on answers"
    more = running.ask(POPULATION)
    assert await running.outcome(more) == "mailbox-full"
    held = await lease(running)
    assert await running.outcome(more) == "mailbox-full", "leased ones are uncollected"
    for one in held[:2]:
        await running.bus.api.mailbox.confirm(BENEFITS, one.token)
    assert await running.outcome(more) == "accepted"


async def test_an_answer_nobody_confirms_dies_and_is_redriven(stopped: RunningBus) -> None:
    file = stopped.folder / "sealway.toml"
    file.write_text(file.read_text().replace("\n[delivery]\n", "\n[delivery]\nleases_max = 2\n"))
    async with opened(stopped) as running:
        await collecting(running)
        answer = await answered(running)
        for _ in range(2):
            assert len(await lease(running)) == 1
            running.clock.ahead_ms += 61_000
        assert await lease(running) == []
        (dead,) = await running.bus.api.reads.dead(10)
        assert (dead.recipient, dead.cause, dead.kind) == (
            BENEFITS,
            "leases-exhausted",
            "response",
        )
        await running.bus.api.dead_letters.redrive(dead, FOUNDER)
        (again,) = await lease(running)
        assert again.message.manifest.id == answer.manifest.id


async def test_the_sdk_yields_proven_answers_and_confirms_them(
    running: RunningBus, tmp_path: Path
) -> None:
    await collecting(running)
    answer, no = await answered(running), await answered(running, reject=True)
    async with consumer(running, tmp_path) as caller:
        found = []
        async for exchange in caller.answers(wait_s=0):
            found.append(exchange.id)
            if len(found) == 1:
                assert (await exchange.answer()).id == answer.manifest.id
            else:
                with pytest.raises(Rejected, match="no-data"):
                    await exchange.answer()
        assert found == [one.manifest.about.id for one in (answer, no)]
    assert await running.bus.api.reads.boxed(BENEFITS, None) == 0


class Bridge(httpx.BaseTransport):
    """Calls the application on the test's loop, from another thread."""

    def __init__(self, bus: RunningBus) -> None:
        self._loop = asyncio.get_running_loop()
        self._to = httpx.ASGITransport(create_app(bus.bus.api))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            asked = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
            reply = await self._to.handle_async_request(asked)
            return httpx.Response(
                reply.status_code, headers=reply.headers, content=await reply.aread()
            )

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


async def test_an_answer_the_loop_broke_off_at_is_handed_out_again(
    running: RunningBus, tmp_path: Path
) -> None:
    await collecting(running)
    answers = [await answered(running) for _ in range(3)]
    profile, bridge = profile_of(running, tmp_path), Bridge(running)

    def handle(handled: int) -> list[str]:
        found: list[str] = []
        with Client(profile, transport=bridge) as bus:
            for exchange in bus.answers(wait_s=0):
                if len(found) == handled:
                    break
                found.append(exchange.answer().id)
        return found

    ids = [one.manifest.id for one in answers]
    assert await asyncio.to_thread(handle, 1) == ids[:1]
    assert await asyncio.to_thread(handle, 9) == ids[1:]


async def test_the_command_line_shows_answers_proven(
    running: RunningBus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await collecting(running)
    answer, no = await answered(running), await answered(running, reject=True)
    profile, outside = profile_of(running, tmp_path), Outside(transport=Bridge(running))
    monkeypatch.setattr("sealway.profile.load_profile", lambda name: profile)
    capsys.readouterr()

    async def said(*words: str) -> dict[str, Any]:
        assert await asyncio.to_thread(main, ["mailbox", *words, "--json"], outside) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    (refused,) = (await said("lease", "--kind", "rejection"))["deliveries"]
    assert (refused["about"], refused["reason"]) == (no.manifest.about.id, "no-data")
    (held,) = (await said("lease", "--max", "5"))["deliveries"]
    assert (held["id"], held["kind"]) == (answer.manifest.id, "response")
    assert held["json"] == json.loads(answer.parts.data[0])
    (done,) = (await said("confirm", held["lease"]))["results"]
    assert done["state"] == "done"
    (left,) = (await said("show"))["services"]
    assert (left["kind"], left["leased"]) == ("rejection", 1)


async def test_an_audit_finds_every_confirmation_paired(
    running: RunningBus, capsys: pytest.CaptureFixture[str]
) -> None:
    await collecting(running)
    for reject in (False, True):
        await answered(running, reject=reject)
    for one in await lease(running):
        await running.bus.api.mailbox.confirm(BENEFITS, one.token)
    key = running.writers[0].verifier_key
    await running.close()
    capsys.readouterr()
    words = ["--log-key", key, "--epoch-keys", str(running.folder / "keys" / "epoch-1"), "--json"]
    verdict = main(["audit", "verify", str(running.folder / "data"), *words])
    assert verdict == 0, capsys.readouterr()
    assert json.loads(capsys.readouterr().out)["verdict"] == "proven"
