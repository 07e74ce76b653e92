"""Records of the bus that are late, repeated, light or of another process: the row decides."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from exchange.bus.embedded import EmbeddedSubscription
from exchange.bus.port import BusRecord, Carried, DeadLetter, Dispatch, Signal, SignalKind, Topic
from exchange.delivery.announcements import dispatch_of
from exchange.delivery.relay import Relay, RelayLimits
from exchange.ledger.errors import BusBacklogged, LogUnavailable
from signing.compose import Composed
from signing.identifiers import message_id_bytes
from tests.support.agencies import NAME_CHANGE, PERSON_STATUS, POPULATION, service
from tests.support.bus import RunningBus, alive, opened
from tests.support.relaying import LosingBus


class OddBus(LosingBus):
    """A bus whose records come light, or not at all, and that notes when each is released."""

    def __init__(self) -> None:
        super().__init__()
        self.is_light = False
        self.released: list[float] = []

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        """As the embedded bus; light if told so."""
        if self.is_light:
            batch = [replace(one, body=replace(one.body, payload=None)) for one in batch]
        await super().publish(batch)

    async def subscribe(self, topic: Topic, group: str) -> EmbeddedSubscription:
        """A reader whose releases are noted."""
        reader = await super().subscribe(topic, group)
        if topic is Topic.DELIVER:
            release = reader.done

            def done(carried: Carried) -> None:
                self.released.append(time.monotonic())
                release(carried)

            reader.done = done  # type: ignore[method-assign]
        return reader


@pytest.fixture
def bus(stopped: RunningBus) -> OddBus:
    """The bus's in-memory part, before it starts."""
    odd = OddBus()
    stopped.message_bus = lambda: odd
    return odd


@pytest.fixture
async def running(stopped: RunningBus, bus: OddBus) -> AsyncIterator[RunningBus]:
    """A bus whose sweeps have an hour's patience, unless its transport is away."""
    settings = stopped.folder / "sealway.toml"
    text = settings.read_text().replace("fast_path_grace_s = 1", "fast_path_grace_s = 3600")
    settings.write_text(text)
    async with opened(stopped) as one:
        yield one


async def hang(request: AdapterRequest) -> Answer | Reject:
    """No answer, until the time is over."""
    await asyncio.Event().wait()
    raise AssertionError


async def record_of(running: RunningBus, request: Composed, accepted_ago_ms: int = 0) -> BusRecord:
    """A dispatch as another process would make it from the row."""
    stored = await running.bus.store.reads.message(message_id_bytes(request.manifest.id))
    assert stored is not None
    at_ms = running.clock() - accepted_ago_ms
    stored = replace(stored, accepted_at_ms=at_ms)
    record = dispatch_of(stored, running.bus.api.opened.envelope(stored))
    assert record is not None
    return record


async def until(is_so: Callable[[], bool], within_s: float = 3.0) -> None:
    """Wait for something."""
    async with asyncio.timeout(within_s):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def test_what_a_record_does_not_carry_is_read_from_its_row(
    running: RunningBus, bus: OddBus
) -> None:
    bus.is_light = True
    requests = [running.ask(), running.ask(NAME_CHANGE)]
    for request in requests:
        await running.send(request)
    for request in requests:
        assert await running.until(request, "answered") == "answered"
    assert len(running.adapter.asked) == 2
    await until(lambda: len(bus.released) == 2)


@pytest.mark.parametrize("accepted_ago_ms", [0, 60_000])
async def test_a_repeat_of_what_is_in_hand_is_released_and_asks_nobody(
    running: RunningBus, bus: OddBus, accepted_ago_ms: int
) -> None:
    running.adapter.script = hang
    request = running.ask()
    await running.send(request)
    await until(lambda: len(running.adapter.asked) == 1)
    await bus.publish([await record_of(running, request, accepted_ago_ms)])
    await until(lambda: len(bus.released) >= 1, within_s=0.2)
    await asyncio.sleep(0.3)
    assert len(running.adapter.asked) == 1


@pytest.mark.parametrize("accepted_ago_ms", [0, 60_000])
async def test_a_repeat_of_what_is_over_asks_nobody(
    running: RunningBus, bus: OddBus, accepted_ago_ms: int
) -> None:
    request = running.ask()
    await running.send(request)
    await running.until(request, "answered")
    await bus.publish([await record_of(running, request, accepted_ago_ms)])
    await until(lambda: len(bus.released) == 2)
    assert len(running.adapter.asked) == 1


async def test_an_old_record_asks_nobody_when_another_process_has_begun_the_call(
    running: RunningBus, bus: OddBus
) -> None:
    bus.is_lost = True
    running.bus.deliverer._seen.clear()
    request = running.ask()
    await running.send(request)
    id_ = message_id_bytes(request.manifest.id)
    until_ms = running.clock() + 90_000
    taken = await running.store.claim_due("another:1", running.clock() + 3_600_001, until_ms, 1)
    assert [row.id for row in taken] == [id_]
    bus.is_lost = False
    await bus.publish([await record_of(running, request, accepted_ago_ms=5_000)])
    await until(lambda: len(bus.released) >= 1)
    await asyncio.sleep(0.1)
    assert running.adapter.asked == []
    assert (await running.delivery(request)).owner == "another:1"


async def test_a_late_record_is_claimed_and_then_asked(running: RunningBus, bus: OddBus) -> None:
    seen: list[tuple[str, int]] = []

    async def look(request: AdapterRequest) -> Answer | Reject:
        row = await running.delivery(sent)
        seen.append((row.state.value, row.attempt))
        return await alive(request)

    running.adapter.script = look
    bus.is_lost = True
    sent = running.ask()
    await running.send(sent)
    bus.is_lost = False
    await bus.publish([await record_of(running, sent, accepted_ago_ms=5_000)])
    assert await running.until(sent, "answered") == "answered"
    assert seen[0] == ("in-flight", 1)


async def test_a_provider_that_hangs_holds_back_no_record(running: RunningBus, bus: OddBus) -> None:
    """More calls than slots, all of them hanging: each record goes back after 0.3 s."""
    await running.change(service(PERSON_STATUS, timeout_s=60, concurrency=2))
    running.adapter.script = hang
    began = time.monotonic()
    requests = [running.ask() for _ in range(8)]
    for request in requests:
        await running.send(request)
    await until(lambda: len(bus.released) == 8)
    assert 0.25 < bus.released[-1] - began < 1.0
    assert len(running.adapter.asked) == 2
    states = [await running.delivery(request) for request in requests]
    assert sorted(row.state.value for row in states) == ["in-flight"] * 2 + ["queued"] * 6
    assert {row.attempt for row in states if row.state == "queued"} == {0}


async def test_what_waits_for_a_jammed_provider_is_asked_when_it_answers_again(
    running: RunningBus,
) -> None:
    await running.change(service(PERSON_STATUS, timeout_s=1, concurrency=1))
    turns = iter([hang])
    running.adapter.script = lambda request: next(turns, alive)(request)
    requests = [running.ask() for _ in range(5)]
    for request in requests:
        await running.send(request)
    for request in requests:
        assert await running.until(request, "answered", within_s=8) == "answered"


async def test_an_answer_that_could_not_be_recorded_is_asked_for_again(
    running: RunningBus,
) -> None:
    async def unplug_once(request: AdapterRequest) -> Answer | Reject:
        running.store.failing = len(running.adapter.asked) == 1
        return await alive(request)

    running.adapter.script = unplug_once
    request = running.ask()
    await running.send(request)
    await until(lambda: running.bus.deliverer.running == 0 and bool(running.adapter.asked))
    running.store.failing = False
    assert await running.until(request, "answered") == "answered"
    assert len(running.adapter.asked) == 2


@pytest.mark.parametrize("code", [PERSON_STATUS, NAME_CHANGE])
async def test_nobody_is_asked_while_no_answer_can_be_recorded(
    running: RunningBus, bus: OddBus, code: str
) -> None:
    bus.is_lost = True
    request = running.ask(code)
    await running.send(request)
    writer = running.bus.committer.writer
    writer.freeze(LogUnavailable("Not now."))
    bus.is_lost = False
    await bus.publish([await record_of(running, request)])
    await asyncio.sleep(0.5)
    assert running.adapter.asked == []
    assert (await running.delivery(request)).attempt == 0
    writer._failed = None
    assert await running.until(request, "answered") == "answered"


async def test_who_delivers_keeps_what_the_answers_checks_ask_for(
    running: RunningBus, bus: OddBus
) -> None:
    requests = running.bus.api.acceptance._w.requests
    bus.is_lost = True
    sent = running.ask()
    await running.send(sent)
    requests.drop(sent.manifest.id)  # as in a process that didn't accept it
    known: list[bool] = []

    async def look(request: AdapterRequest) -> Answer | Reject:
        known.append(requests.knows(sent.manifest.id))
        return await alive(request)

    running.adapter.script = look
    bus.is_lost = False
    await bus.publish([await record_of(running, sent)])
    assert await running.until(sent, "answered") == "answered"
    assert known[0] is True
    assert not requests.knows(sent.manifest.id)


async def test_what_was_answered_elsewhere_meanwhile_is_not_kept(running: RunningBus) -> None:
    requests = running.bus.api.acceptance._w.requests
    sent = running.ask()

    async def overtaken(request: AdapterRequest) -> Answer | Reject:
        kept = requests._kept[sent.manifest.id]
        await running.send(running.reply(sent))
        requests.add(kept)  # the other process's acceptance told only that process
        return await alive(request)

    running.adapter.script = overtaken
    await running.send(sent)
    assert await running.until(sent, "answered") == "answered"
    await until(lambda: running.bus.deliverer.running == 0)
    assert not requests.knows(sent.manifest.id)


async def test_while_the_bus_is_away_new_deliveries_are_due_at_once_and_asked_once(
    running: RunningBus, bus: OddBus
) -> None:
    bus.is_lost = True
    first = running.ask(POPULATION)  # a mailbox: its wake-up finds out that the bus is away
    await running.send(first)
    await until(lambda: bus.tried > 0)
    requests = [running.ask() for _ in range(5)]
    for request in requests:
        await running.send(request)
    for request in requests:
        assert await running.until(request, "answered", within_s=2) == "answered"
    bus.is_lost = False
    await until(lambda: len(bus.published) >= 6, within_s=3)
    await asyncio.sleep(0.2)
    assert not any(isinstance(record.body, Dispatch) for record in bus.published)
    assert len(running.adapter.asked) == 5
    patient = running.ask()
    await running.send(patient)
    assert await running.until(patient, "answered") == "answered"
    assert any(isinstance(record.body, Dispatch) for record in bus.published)


async def test_a_bus_without_room_takes_answers_and_logs_no_refusal(running: RunningBus) -> None:
    asked = running.ask(POPULATION)
    await running.send(asked)
    acceptance = running.bus.api.acceptance

    def full() -> None:
        raise BusBacklogged("Too much.")

    acceptance._w = replace(acceptance._w, check_room=full)
    size = running.writers[1].head.size
    assert await running.outcome(running.ask()) == "bus-backlogged"
    assert running.writers[1].head.size == size
    assert await running.outcome(running.reply(asked)) == "accepted"


async def test_a_log_is_caught_up_from_its_rows(
    running: RunningBus, bus: OddBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is queued and not yet due goes out again; what is over, or boxed, doesn't."""

    async def killed_before(shard: int, first_index: int, now_ms: int) -> int:
        return 0

    monkeypatch.setattr(running.store, "hasten", killed_before)
    await running.send(done := running.ask())
    await running.until(done, "answered")
    running.adapter.script = hang
    bus.is_lost = True
    accepted = [await running.send(running.ask()) for _ in range(3)]
    await running.send(running.ask(POPULATION))
    other, ends = LosingBus(), []
    await other.start()
    api = running.bus.api
    relay = Relay(
        other,
        api.reads,
        api.opened,
        lambda shard, end: ends.append((shard, end)),
        running.clock,
        RelayLimits(page=2),
    )
    relay.start()
    head = replace(running.writers[1].head, relayed_to=0)

    class Log:
        """The log, taken over."""

        def __init__(self) -> None:
            self.head = head

    await asyncio.wait_for(relay.catch_up(Log()), 3)
    await relay.stop()
    waiting = [one.place.index for one in accepted]
    assert [index for index in other.dispatched if index in waiting] == other.dispatched
    assert other.dispatched, "the first was accepted before anybody knew that the bus was away"
    assert ends == [(1, head.size)]


async def test_a_dead_letter_is_copied_without_content(running: RunningBus, bus: OddBus) -> None:
    async def rubbish(request: AdapterRequest) -> Answer | Reject:
        return Answer("text/html", b"<h1>Welcome</h1>")

    running.adapter.script = rubbish
    request = running.ask()
    await running.send(request)
    await running.until(request, "dead")
    await until(lambda: bus.published[-1].topic is Topic.DEAD)
    body = bus.published[-1].body
    assert isinstance(body, DeadLetter)
    assert (body.message_id, body.recipient) == (request.manifest.id, request.manifest.to)
    assert (body.service, body.cause) == (PERSON_STATUS, "provider-misbehaved")
    assert body.payload is None


async def test_the_end_of_an_exchange_that_nobody_answered_wakes_who_waits(
    running: RunningBus, bus: OddBus
) -> None:
    request = running.ask(POPULATION, expires_ms=running.clock() + 300)
    waiter = running.bus.api.waiting.register(request.manifest.id)
    await running.send(request)
    assert await asyncio.wait_for(waiter, 5) is None
    assert await running.state(request) == "expired"
    told = [record.body for record in bus.published if isinstance(record.body, Signal)]
    assert (told[-1].kind, told[-1].message_id) == (SignalKind.ANSWERED, request.manifest.id)
    assert told[-1].payload is None


async def test_what_a_stop_cuts_off_is_due_for_others_at_once(running: RunningBus) -> None:
    await running.change(service(PERSON_STATUS, timeout_s=60))
    running.adapter.script = hang
    request = running.ask()
    await running.send(request)
    await asyncio.sleep(0.5)
    assert (await running.delivery(request)).owner is not None
    running.bus.deliverer._listening.cancel()  # type: ignore[union-attr]
    await running.bus.deliverer.stop(0.05)
    row = await running.delivery(request)
    assert row.due_at_ms <= running.clock()
    assert row.lease_until_ms is None or row.lease_until_ms <= running.clock() + 90_000
