"""Delivery to an adapter: attempts, backoff, parking, rubbish, silence, what is not repeated."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from adapters.errors import ProviderMisbehaved, ProviderTimeout, ProviderUnreachable
from exchange.bus.embedded import EmbeddedBus
from exchange.bus.faulty import Faults, FaultyBus
from exchange.bus.port import MessageBus
from exchange.ledger.shards import read_leaves
from signing.identifiers import message_id_bytes
from signing.log.leaf import parse_leaf
from tests.support.agencies import NAME_CHANGE, PERSON_STATUS, service
from tests.support.bus import RunningBus, Script, alive, opened


def first(count: int, failure: Exception, then: Script = alive) -> Script:
    """Fail so many times, then answer."""
    left = count

    async def script(request: AdapterRequest) -> Answer | Reject:
        nonlocal left
        if left:
            left -= 1
            raise failure
        return await then(request)

    return script


def saying(answer: Answer | Reject) -> Script:
    """Always this."""

    async def script(request: AdapterRequest) -> Answer | Reject:
        return answer

    return script


async def slow(request: AdapterRequest) -> Answer | Reject:
    """Longer than a record is held."""
    await asyncio.sleep(0.7)
    return await alive(request)


async def never(request: AdapterRequest) -> Answer | Reject:
    """No answer at all."""
    await asyncio.Event().wait()
    raise AssertionError


async def kinds(running: RunningBus) -> list[str]:
    """The kinds of the traffic log's leaves."""
    head = running.writers[1].head
    return [parse_leaf(raw).k for raw in await read_leaves(running.bus.api.reads, 1, 0, head.size)]


async def test_an_adapter_is_told_what_was_asked_and_by_whom(running: RunningBus) -> None:
    request = running.ask()
    await running.send(request)
    await running.until(request, "answered")
    (asked,) = running.adapter.asked
    manifest = request.manifest
    assert (asked.id, asked.sender, asked.system) == (manifest.id, manifest.sender, manifest.to)
    assert (asked.body, asked.purpose, asked.attempt) == (
        request.parts.data[0],
        manifest.purpose,
        1,
    )


async def test_an_adapters_no_is_a_signed_rejection(running: RunningBus) -> None:
    running.adapter.script = saying(Reject("no-data", "No such person."))
    request = running.ask()
    await running.send(request)
    assert await running.until(request, "rejected") == "rejected"
    assert await kinds(running) == ["request", "rejection"]


async def test_an_unreachable_provider_is_tried_again_after_pauses_that_grow(
    running: RunningBus,
) -> None:
    running.adapter.script = first(3, ProviderUnreachable("down", maybe_sent=False))
    request = running.ask()
    await running.send(request)
    assert await running.until(request, "answered") == "answered"
    assert [asked.attempt for asked in running.adapter.asked] == [1, 2, 3, 4]
    steps = await running.bus.api.reads.steps(message_id_bytes(request.manifest.id))
    assert [step.code for step in steps] == ["provider-unreachable"] * 3
    pauses = [step.next_at_ms - step.at_ms for step in steps if step.next_at_ms is not None]
    assert pauses == [100, 200, 400]


async def test_a_slow_call_is_parked_under_a_lease_and_not_doubled(running: RunningBus) -> None:
    running.adapter.script = slow
    request = running.ask()
    await running.send(request)
    await asyncio.sleep(0.5)
    row = await running.delivery(request)
    assert (row.state, row.attempt) == ("in-flight", 1)
    assert row.owner is not None
    assert await running.until(request, "answered") == "answered"
    assert len(running.adapter.asked) == 1


async def test_a_call_longer_than_the_claim_is_not_doubled(running: RunningBus) -> None:
    """A service may take an hour; its row belongs to the call for as long."""
    await running.change(service(PERSON_STATUS, timeout_s=3600))
    running.adapter.script = never
    request = running.ask()
    await running.send(request)
    await asyncio.sleep(0.5)
    running.clock.ahead_ms = 60_000
    await asyncio.sleep(0.3)
    assert len(running.adapter.asked) == 1


async def test_a_provider_that_never_answers_times_out_and_is_asked_again(
    running: RunningBus,
) -> None:
    turns = iter([never, alive])
    running.adapter.script = lambda request: next(turns)(request)
    request = running.ask()
    await running.send(request)
    assert await running.until(request, "answered") == "answered"
    assert await running.steps(request) == ["provider-timeout"]


RUBBISH = [
    Answer("application/json", b"not json"),
    Answer("application/json", b'{"status":7}'),
    Answer("application/json", b'{"status":"a","status":"b"}'),
    Answer("text/html", b"<h1>Welcome</h1>"),
]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=["no json", "schema", "duplicate keys", "html"])
async def test_three_unusable_answers_make_a_dead_letter(
    running: RunningBus, rubbish: Answer
) -> None:
    running.adapter.script = saying(rubbish)
    request = running.ask()
    await running.send(request)
    assert await running.until(request, "dead") == "dead"
    row = await running.delivery(request)
    assert (row.misbehaved, row.cause) == (3, "provider-misbehaved")
    assert await running.state(request) == "open", "stuck, until a person acts or it expires"
    assert await kinds(running) == ["request", "dead"]
    assert await running.steps(request) == ["provider-misbehaved"] * 3
    assert [one.id for one in await running.bus.api.reads.dead(10)] == [row.id]
    await asyncio.sleep(0.5)
    assert len(running.adapter.asked) == 3, "a dead letter is not tried again"


async def test_a_provider_that_comes_to_its_senses_is_heard(running: RunningBus) -> None:
    running.adapter.script = first(2, ProviderMisbehaved("rubbish"))
    request = running.ask()
    await running.send(request)
    assert await running.until(request, "answered") == "answered"


async def test_an_adapter_that_breaks_is_one_failed_attempt_and_not_the_end(
    running: RunningBus,
) -> None:
    running.adapter.script = first(1, ZeroDivisionError())
    request, other = running.ask(), running.ask()
    await running.send(request)
    await running.send(other)
    assert await running.until(request, "answered") == "answered"
    assert await running.until(other, "answered") == "answered"


async def test_an_answer_after_the_exchange_ended_is_dropped(running: RunningBus) -> None:
    running.adapter.script = slow
    request = running.ask()
    await running.send(request)
    await asyncio.sleep(0.1)
    assert await running.outcome(running.reply(request)) == "accepted"
    await asyncio.sleep(1.0)
    assert await running.state(request) == "answered"
    assert (await kinds(running)).count("response") == 1
    assert len(running.adapter.asked) == 1


async def test_a_question_that_expires_is_not_asked_and_ends(running: RunningBus) -> None:
    running.adapter.script = first(100, ProviderUnreachable("down", maybe_sent=False))
    request = running.ask(expires_ms=running.clock() + 600)
    await running.send(request)
    assert await running.until(request, "expired") == "expired"
    asked = len(running.adapter.asked)
    assert (await running.delivery(request)).state == "expired"
    assert await kinds(running) == ["request", "expired"]
    await asyncio.sleep(0.5)
    assert len(running.adapter.asked) == asked


# ---------------------------------------------------------------- never twice


async def test_what_must_not_be_repeated_is_dead_when_its_outcome_is_unknown(
    running: RunningBus,
) -> None:
    running.adapter.script = first(1, ProviderTimeout("no answer"))
    request = running.ask(NAME_CHANGE)
    await running.send(request)
    assert await running.until(request, "dead") == "dead"
    assert (await running.delivery(request)).cause == "outcome-unknown"
    assert await kinds(running) == ["request", "dead"]
    await asyncio.sleep(0.5)
    assert len(running.adapter.asked) == 1


async def test_what_must_not_be_repeated_is_tried_again_when_nothing_was_sent(
    running: RunningBus,
) -> None:
    running.adapter.script = first(2, ProviderUnreachable("refused", maybe_sent=False))
    request = running.ask(NAME_CHANGE)
    await running.send(request)
    assert await running.until(request, "answered", "dead") == "answered"
    assert [asked.attempt for asked in running.adapter.asked] == [1, 2, 3]


async def test_an_attempt_that_must_not_be_repeated_is_durable_before_the_call(
    running: RunningBus,
) -> None:
    seen = []

    async def look(request: AdapterRequest) -> Answer | Reject:
        (row,) = await running.bus.api.reads.deliveries(message_id_bytes(sent.manifest.id))
        seen.append((row.state.value, row.attempt))
        return await alive(request)

    running.adapter.script = look
    sent = running.ask(NAME_CHANGE)
    await running.send(sent)
    assert await running.until(sent, "answered") == "answered"
    assert seen == [("in-flight", 1)]


async def test_a_call_that_a_crash_cut_off_is_not_repeated_when_it_must_not_be(
    running: RunningBus,
) -> None:
    running.adapter.script = never
    await running.change(service(NAME_CHANGE, timeout_s=60), service(PERSON_STATUS, timeout_s=60))
    once, often = running.ask(NAME_CHANGE), running.ask(PERSON_STATUS)
    await running.send(once)
    await running.send(often)
    await asyncio.sleep(0.5)
    await running.close()  # its drain of 1 s ends before these calls do
    running.adapter.asked.clear()
    running.adapter.script = alive
    await running.open()
    assert await running.until(often, "answered") == "answered"
    assert await running.until(once, "dead") == "dead"
    assert [asked.service for asked in running.adapter.asked] == [PERSON_STATUS]


@pytest.mark.parametrize("failure", [ZeroDivisionError(), ProviderMisbehaved("rubbish")])
async def test_what_must_not_be_repeated_is_not_though_the_adapter_breaks(
    running: RunningBus, failure: Exception
) -> None:
    running.adapter.script = first(1, failure)
    request = running.ask(NAME_CHANGE)
    await running.send(request)
    await asyncio.sleep(0.5)
    running.clock.ahead_ms = 60_000
    assert await running.until(request, "dead") == "dead"
    assert (await running.delivery(request)).cause == "outcome-unknown"
    assert len(running.adapter.asked) == 1


async def test_what_must_not_be_repeated_is_not_though_its_answer_could_not_be_recorded(
    running: RunningBus,
) -> None:
    async def unplug(request: AdapterRequest) -> Answer | Reject:
        running.store.failing = True
        return await alive(request)

    running.adapter.script = unplug
    request = running.ask(NAME_CHANGE)
    await running.send(request)
    await asyncio.sleep(0.5)
    running.store.failing = False
    running.clock.ahead_ms = 60_000
    assert await running.until(request, "dead") == "dead"
    assert len(running.adapter.asked) == 1


async def test_nobody_is_asked_whose_answer_could_not_be_signed(stopped: RunningBus) -> None:
    settings = stopped.folder / "sealway.toml"
    settings.write_text(settings.read_text().split("[hosted.")[0])
    async with opened(stopped) as running:
        request = running.ask(NAME_CHANGE)
        await running.send(request)
        await asyncio.sleep(0.4)
        assert running.adapter.asked == []
        assert set(await running.steps(request)) == {"provider-not-set-up"}


async def test_an_adapter_that_nobody_runs_is_named_so_in_the_timeline(
    running: RunningBus,
) -> None:
    await running.change(service(PERSON_STATUS, delivery={"kind": "adapter", "name": "nobody"}))
    request = running.ask()
    await running.send(request)
    await asyncio.sleep(0.3)
    assert set(await running.steps(request)) == {"provider-not-set-up"}


async def test_an_answer_that_the_bus_refuses_is_the_providers_misbehaviour(
    stopped: RunningBus,
) -> None:
    stopped.terms["part_bytes_max"] = 100
    async with opened(stopped) as running:
        large = b'{"status":"' + b"x" * 100 + b'"}'
        running.adapter.script = saying(Answer("application/json", large))
        request = running.ask()
        await running.send(request)
        assert await running.until(request, "dead") == "dead"
        assert len(running.adapter.asked) == 3


# ---------------------------------------------------------------- the bus loses what it carries


def losing_everything() -> MessageBus:
    return FaultyBus(EmbeddedBus(), seed=7, faults=Faults(lose=1.0, repeat=0, delay=0, reorder=0))


def unkind() -> MessageBus:
    return FaultyBus(EmbeddedBus(), seed=7, faults=Faults(0.3, 0.5, 0.5, 0.2, 0.5))


async def test_a_sweep_delivers_what_the_bus_lost(stopped: RunningBus) -> None:
    stopped.message_bus = losing_everything
    async with opened(stopped) as running:
        requests = [running.ask() for _ in range(5)]
        for one in requests:
            await running.send(one)
        assert running.adapter.asked == []
        running.clock.ahead_ms = 1_500
        for one in requests:
            assert await running.until(one, "answered") == "answered"
        assert len(running.adapter.asked) == 5


async def test_a_message_that_cannot_be_opened_holds_back_no_other(stopped: RunningBus) -> None:
    stopped.message_bus = losing_everything
    async with opened(stopped) as running:
        spoilt, whole = running.ask(), running.ask()
        for one in (spoilt, whole):
            await running.send(one)
        with closing(sqlite3.connect(running.settings.data / "sealway.db")) as database, database:
            id_ = message_id_bytes(spoilt.manifest.id)
            database.execute("UPDATE message SET content = x'00' WHERE id = ?", (id_,))
        running.clock.ahead_ms = 1_500
        assert await running.until(whole, "answered") == "answered"
        assert await running.state(spoilt) == "open"


async def test_an_unkind_bus_costs_no_message_and_no_second_answer(stopped: RunningBus) -> None:
    stopped.message_bus = unkind
    async with opened(stopped) as running:
        requests = [running.ask() for _ in range(60)]
        for one in requests:
            await running.send(one)
        running.clock.ahead_ms = 1_500
        for one in requests:
            assert await running.until(one, "answered", within_s=15) == "answered"
        assert (await kinds(running)).count("response") == 60


async def test_a_bus_that_repeats_itself_repeats_no_call_that_must_not_be(
    stopped: RunningBus,
) -> None:
    stopped.message_bus = unkind
    async with opened(stopped) as running:
        requests = [running.ask(NAME_CHANGE) for _ in range(30)]
        for one in requests:
            await running.send(one)
        running.clock.ahead_ms = 1_500
        for one in requests:
            assert await running.until(one, "answered", within_s=15) == "answered"
        assert len(running.adapter.asked) == 30


async def test_what_was_accepted_is_delivered_after_a_restart(running: RunningBus) -> None:
    running.adapter.script = first(1_000, ProviderUnreachable("down", maybe_sent=False))
    requests = [running.ask() for _ in range(10)]
    for one in requests:
        await running.send(one)
    await running.close()
    running.adapter.script = alive
    await running.open()
    for one in requests:
        assert await running.until(one, "answered") == "answered"


async def test_a_waiter_is_woken_by_the_answer_and_by_the_poll_when_signals_are_lost(
    stopped: RunningBus,
) -> None:
    stopped.message_bus = losing_everything
    async with opened(stopped) as running:
        request = running.ask()
        waiter = running.bus.api.waiting.register(request.manifest.id)
        await running.send(request)
        running.clock.ahead_ms = 1_500
        async with asyncio.timeout(5):
            await waiter
        assert await running.state(request) == "answered"
