"""Test messages: by a grant that allows them, to the test endpoint, flagged to the end."""

from exchange.ledger.shards import read_leaves
from registry.changes import Change
from signing.log.leaf import parse_leaf
from tests.support.agencies import PERSON_STATUS, POPULATION, STATISTICS, grant, service
from tests.support.bus import RunningBus, opened

TESTED = {"kind": "adapter", "name": "civil"}


async def flags(bus: RunningBus) -> list[tuple[str, bool]]:
    head = bus.writers[1].head
    leaves = await read_leaves(bus.bus.api.reads, 1, 0, head.size)
    return [(leaf.k, leaf.test) for leaf in map(parse_leaf, leaves)]


async def test_the_leaf_the_request_and_the_answer_carry_the_flag(running: RunningBus) -> None:
    await running.change(
        service(PERSON_STATUS, test_delivery=TESTED), grant(PERSON_STATUS, test=True)
    )
    request = running.ask(test=True)
    assert await running.outcome(request) == "accepted"
    assert await running.until(request, "answered") == "answered"
    assert running.adapter.asked[0].test
    assert await flags(running) == [("request", True), ("response", True)]


async def test_it_needs_both_the_grant_and_the_endpoint(running: RunningBus) -> None:
    assert await running.outcome(running.ask(test=True)) == "not-allowed"
    await running.change(service(PERSON_STATUS, test_delivery=TESTED))
    assert await running.outcome(running.ask(test=True)) == "not-allowed"
    await running.change(
        service(PERSON_STATUS, test_delivery=None), grant(PERSON_STATUS, test=True)
    )
    assert await running.outcome(running.ask(test=True)) == "not-allowed"
    assert await running.outcome(running.ask()) == "accepted", "such a grant is for real ones too"


async def test_it_goes_to_the_test_endpoint_alone(running: RunningBus) -> None:
    await running.change(
        service(PERSON_STATUS, test_delivery={"kind": "mailbox"}), grant(PERSON_STATUS, test=True)
    )
    request = running.ask(test=True)
    await running.send(request)
    assert (await running.delivery(request)).state == "ready"
    assert await running.outcome(running.reply(request, test=False)) == "answer-not-expected"
    assert await running.outcome(running.reply(request)) == "accepted"
    assert running.adapter.asked == []


async def test_a_mailbox_holds_what_the_bus_allows_unless_its_owner_says_otherwise(
    stopped: RunningBus,
) -> None:
    file = stopped.folder / "sealway.toml"
    file.write_text(file.read_text() + "\n[limits]\nmailbox_max = 2\n")
    async with opened(stopped) as bus:
        for _ in range(2):
            assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
        assert await bus.outcome(bus.ask(POPULATION)) == "quota-exceeded"
        await bus.change(Change("system", {"id": STATISTICS, "mailbox_max": 3}))
        assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
        await bus.change(Change("system", {"id": STATISTICS, "mailbox_max": None}))
        assert await bus.outcome(bus.ask(POPULATION)) == "quota-exceeded"
