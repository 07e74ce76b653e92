"""Acknowledgements: from whoever received, about anything but each other; they move nothing."""

from dataclasses import replace

import pytest

from exchange.ledger.shards import read_leaves
from signing.compose import Composed, compose
from signing.encoding import b64url_encode
from signing.identifiers import SystemId, message_id_bytes, new_message_id
from signing.log.leaf import Leaf, parse_leaf
from signing.log.merkle import leaf_hash
from signing.manifest import About, Manifest
from tests.support.agencies import BENEFITS, POPULATION, STATISTICS, TERRITORIES
from tests.support.bus import RunningBus


def acknowledge(bus: RunningBus, what: Composed, **members: object) -> Composed:
    """The recipient's word that it has a message; ``members`` replace what it would say."""
    said = what.manifest
    now_ms = bus.clock()
    draft = Manifest(
        bus=said.bus, id=new_message_id(now_ms), kind="acknowledgement",
        sender=SystemId(said.to or ""), to=said.sender, service=said.service,
        created_ms=now_ms, parts=(),
        about=About(said.id, what.digest), accepted=True, test=said.test,
    )  # fmt: skip
    draft = replace(draft, **members)  # type: ignore[arg-type]
    return compose(draft, [], bus.keys[draft.sender].signer)


async def leaves(bus: RunningBus) -> list[Leaf]:
    head = bus.writers[1].head
    return [parse_leaf(raw) for raw in await read_leaves(bus.bus.api.reads, 1, 0, head.size)]


async def asked(bus: RunningBus) -> Composed:
    request = bus.ask(POPULATION)
    await bus.send(request)
    return request


async def test_it_is_a_leaf_that_names_what_it_is_about_and_moves_nothing(
    running: RunningBus,
) -> None:
    request = await asked(running)
    said = acknowledge(running, request)
    assert await running.outcome(said) == "accepted"
    assert await running.outcome(said) == "again"
    first, second = await leaves(running)
    assert (second.k, second.sender, second.to) == ("acknowledgement", STATISTICS, BENEFITS)
    assert second.ref == b64url_encode(leaf_hash(first.raw))
    assert await running.state(request) == "open"
    assert (await running.delivery(request)).state == "ready"
    (step,) = await running.bus.api.reads.steps(message_id_bytes(request.manifest.id))
    assert (step.code, step.detail) == ("acknowledged", "accepted")
    assert step.message == message_id_bytes(said.manifest.id)


async def test_a_consumer_acknowledges_an_answer_when_the_exchange_is_over(
    running: RunningBus,
) -> None:
    request = await asked(running)
    answer = running.reply(request)
    await running.send(answer)
    assert await running.outcome(acknowledge(running, answer, accepted=False)) == "accepted"
    assert await running.state(request) == "answered"
    (step,) = await running.bus.api.reads.steps(message_id_bytes(request.manifest.id))
    assert (step.code, step.detail) == ("acknowledged", "not-accepted")
    assert [leaf.k for leaf in await leaves(running)] == [
        "request", "response", "acknowledgement",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "members",
    [
        {"sender": TERRITORIES},
        {"sender": BENEFITS, "to": STATISTICS},
        {"to": TERRITORIES},
        {"service": "person-status"},
        {"test": True},
        {"about": "another digest"},
    ],
    ids=["a stranger", "its own sender", "to a stranger", "service", "flag", "digest"],
)
async def test_nobody_else_acknowledges(running: RunningBus, members: dict[str, object]) -> None:
    request = await asked(running)
    if "about" in members:
        other = running.ask(POPULATION)
        members = {"about": About(request.manifest.id, other.digest)}
    assert await running.outcome(acknowledge(running, request, **members)) == "answer-not-expected"


async def test_what_was_never_sent_and_acknowledgements_are_not_acknowledged(
    running: RunningBus,
) -> None:
    never = running.ask(POPULATION)
    assert await running.outcome(acknowledge(running, never)) == "answer-not-expected"
    said = acknowledge(running, await asked(running))
    await running.send(said)
    assert await running.outcome(acknowledge(running, said)) == "answer-not-expected"


async def test_an_answer_is_never_about_an_answer(running: RunningBus) -> None:
    request = await asked(running)
    answer = running.reply(request)
    await running.send(answer)
    assert await running.outcome(running.reply(answer)) == "answer-not-expected"
