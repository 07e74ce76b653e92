"""Cancels and interims: every cell of the table of states, and who may say what."""

import asyncio
from typing import Any

import pytest

from exchange.ledger.errors import NothingToCancel
from signing.compose import Composed
from signing.encoding import b64url_encode
from signing.identifiers import message_id_bytes, new_message_id
from signing.log.leaf import parse_leaf
from signing.log.merkle import leaf_hash
from signing.manifest import About
from tests.support.agencies import BENEFITS, CIVIL, POPULATION, STATISTICS
from tests.support.bus import RunningBus

HOUR_MS = 3_600_000


async def _asked(running: RunningBus, state: str) -> Composed:
    """A request whose exchange is in this state."""
    request = running.ask(POPULATION)
    await running.send(request)
    if state == "answered":
        await running.send(running.reply(request))
    elif state == "rejected":
        await running.send(running.reject(request))
    elif state == "cancelled":
        await running.send(running.cancel(request))
    elif state == "expired":
        running.clock.ahead_ms += 25 * HOUR_MS
        await running.until(request, "expired")
        running.clock.ahead_ms -= 25 * HOUR_MS
    assert await running.state(request) == state
    return request


async def _leaves(running: RunningBus) -> int:
    return sum(writer.head.size for writer in running.writers.values())


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("open", "accepted"),
        ("answered", "already-answered"),
        ("rejected", "already-answered"),
        ("expired", "answer-late"),
        ("cancelled", "exchange-cancelled"),
    ],
)
async def test_an_interim_counts_while_the_exchange_is_open(
    running: RunningBus, state: str, code: str
) -> None:
    request = await _asked(running, state)
    assert await running.outcome(running.tell(request)) == code
    assert await running.state(request) == state


@pytest.mark.parametrize("state", ["answered", "rejected"])
async def test_what_is_answered_is_not_cancelled(running: RunningBus, state: str) -> None:
    request = await _asked(running, state)
    assert await running.outcome(running.cancel(request)) == "already-answered"
    assert await running.state(request) == state


@pytest.mark.parametrize("state", ["expired", "cancelled"])
async def test_cancelling_what_ended_without_an_answer_records_nothing(
    running: RunningBus, state: str
) -> None:
    request = await _asked(running, state)
    leaves = await _leaves(running)
    with pytest.raises(NothingToCancel) as caught:
        await running.send(running.cancel(request))
    assert caught.value.state == state
    assert await _leaves(running) == leaves


async def test_a_cancel_ends_the_exchange_and_takes_the_delivery_back(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    asked = await running.send(request)
    cancel = running.cancel(request)
    first = await running.send(cancel)
    assert (await running.send(cancel)).place == first.place
    assert await running.state(request) == "cancelled"
    assert (await running.delivery(request)).state == "withdrawn"
    leaf = parse_leaf(first.place.leaf)
    assert (leaf.k, leaf.sender, leaf.to) == ("cancel", BENEFITS, STATISTICS)
    assert leaf.ref == b64url_encode(leaf_hash(asked.place.leaf))
    for answer in (running.reply(request), running.reject(request)):
        assert await running.outcome(answer) == "exchange-cancelled"


async def test_a_lease_is_revoked_by_a_cancel(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    mailbox = running.bus.api.mailbox
    (held,) = await mailbox.lease(STATISTICS, [], 1, 60, 0)
    await running.send(running.cancel(request))
    assert await mailbox.extend(STATISTICS, [held.token], 60) == [None]
    assert await mailbox.release(STATISTICS, [held.token]) == [False]


async def test_a_call_in_flight_ends_quietly_when_it_is_cancelled(running: RunningBus) -> None:
    go, begun = asyncio.Event(), asyncio.Event()
    script = running.adapter.script

    async def slow(asked: Any) -> Any:
        begun.set()
        await go.wait()
        return await script(asked)

    running.adapter.script = slow
    request = running.ask()
    await running.send(request)
    await asyncio.wait_for(begun.wait(), 5)
    await running.send(running.cancel(request))
    go.set()
    await asyncio.sleep(0.3)
    assert await running.state(request) == "cancelled"
    assert (await running.delivery(request)).state == "withdrawn"
    assert len(running.adapter.asked) == 1


async def test_one_of_an_answer_and_a_cancel_wins(running: RunningBus) -> None:
    for _ in range(5):
        request = running.ask(POPULATION)
        await running.send(request)
        told = (running.reply(request), running.cancel(request), running.tell(request))
        answered, cancelled, said = await asyncio.gather(*map(running.outcome, told))
        state = await running.state(request)
        assert (answered, cancelled) == {
            "answered": ("accepted", "already-answered"),
            "cancelled": ("exchange-cancelled", "accepted"),
        }[state]
        assert said in ("accepted", answered, cancelled)


async def test_only_the_parties_say_anything_about_a_request(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    stranger = About(new_message_id(running.clock()), request.digest)
    other = About(request.manifest.id, running.ask().digest)
    for wrong in (
        running.cancel(request, sender=CIVIL),
        running.cancel(request, sender=STATISTICS, to=BENEFITS),
        running.cancel(request, to=CIVIL),
        running.cancel(request, about=stranger),
        running.cancel(request, about=other),
        running.cancel(request, test=True),
        running.tell(request, sender=CIVIL),
        running.tell(request, sender=BENEFITS, to=STATISTICS),
        running.tell(request, about=other),
    ):
        assert await running.outcome(wrong) == "answer-not-expected"
    assert await running.state(request) == "open"


async def test_an_interim_is_a_leaf_and_a_line_and_changes_nothing(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    asked = await running.send(request)
    said = [await running.send(running.tell(request, code)) for code in ("started", "half-done")]
    leaf = parse_leaf(said[0].place.leaf)
    assert (leaf.k, leaf.sender, leaf.ref) == (
        "interim",
        STATISTICS,
        b64url_encode(leaf_hash(asked.place.leaf)),
    )
    steps = await running.bus.api.reads.steps(message_id_bytes(request.manifest.id))
    ids = [message_id_bytes(one.envelope.manifest.id) for one in said]
    assert [(one.code, one.detail, one.message) for one in steps] == [
        ("interim", "started", ids[0]),
        ("interim", "half-done", ids[1]),
    ]
    assert [one.at_ms for one in steps] == [one.place.at_ms for one in said]
    assert await running.state(request) == "open"
    assert (await running.delivery(request)).state == "ready"
    assert await running.outcome(running.reply(request)) == "accepted"
