"""Several processes on one PostgreSQL: one directory, one line a log, whoever takes part."""

import asyncio

import pytest

from exchange.delivery.dead_letters import DeadLetterGone
from exchange.ledger.errors import NothingToCancel
from exchange.ledger.stored_log import read_leaves
from exchange.operation.roles import Role
from exchange.storage.rows import ShardHead
from registry.changes import Change
from registry.nouns import Noun
from signing.identifiers import Code, message_id_bytes
from signing.log.leaf import parse_leaf
from tests.support.agencies import PERSON_STATUS, POPULATION, STATISTICS, grant
from tests.support.bus import FOUNDER as OPERATOR
from tests.support.bus import RunningBus
from tests.support.shared_bus import Start, database, start

__all__ = ["database", "start"]


async def head(bus: RunningBus, shard: int) -> ShardHead:
    found = await bus.bus.api.reads.head(shard)
    assert found is not None
    return found


async def kinds(bus: RunningBus, shard: int) -> list[str]:
    reads = bus.bus.api.reads
    leaves = await read_leaves(reads, shard, 0, (await head(bus, shard)).size)
    return [parse_leaf(leaf).k for leaf in leaves]


async def test_each_process_that_accepts_holds_a_log_of_its_own(start: Start) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    assert sorted([*one.writers, *other.writers]) == [0, 0, 1, 2]
    for bus in (one, other):
        assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
    assert (await head(one, 1)).size == (await head(one, 2)).size == 1


async def test_the_same_message_through_another_process_gives_its_first_receipt(
    start: Start,
) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    question = one.ask(POPULATION)
    first = await one.send(question)
    again = await other.send(question)
    assert again.again
    assert (again.place.shard, again.place.index) == (first.place.shard, first.place.index)
    receipts = [await bus.bus.api.receipts.receipt(first.place) for bus in (one, other)]
    assert receipts[0] == receipts[1]


async def test_a_question_is_answered_whichever_processes_take_part(start: Start) -> None:
    gateway, deliverer = await start(Role.GATEWAY), await start(Role.DELIVER)
    question = gateway.ask(PERSON_STATUS)
    waiter = gateway.bus.api.waiting.register(question.manifest.id)
    await gateway.send(question)
    async with asyncio.timeout(5):
        await waiter
    assert await gateway.state(question) == "answered"
    (shard,) = {*deliverer.writers} - {0}
    assert await kinds(gateway, shard) == ["response"]


async def test_a_grant_withdrawn_elsewhere_binds_the_next_message(start: Start) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    assert await one.outcome(one.ask(POPULATION)) == "accepted"
    await other.change(grant(POPULATION, state="withdrawn"))
    assert one.bus.api.directory.version < other.bus.api.directory.version, "it knows nothing yet"
    assert await one.outcome(one.ask(POPULATION)) == "not-allowed"


async def test_a_grant_given_elsewhere_is_found_before_the_answer_is_no(start: Start) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    await one.change(grant(POPULATION, state="withdrawn"))
    assert await other.outcome(other.ask(POPULATION)) == "not-allowed"
    await one.change(grant(POPULATION, state="active", id="given-anew"))
    assert await other.outcome(other.ask(POPULATION)) == "accepted"


async def test_changes_through_many_processes_at_once_are_all_in_force_and_in_one_line(
    start: Start,
) -> None:
    gateways = [await start(Role.GATEWAY) for _ in range(3)]

    async def add(bus: RunningBus, number: int) -> None:
        await bus.change(Change("member", {"id": f"sx/GOV/{number}", "name": "An agency"}))

    await asyncio.gather(*(add(gateways[number % 3], 4000 + number) for number in range(12)))
    directories = []
    for bus in gateways:
        await bus.bus.api.directory.refresh()
        directories.append(bus.bus.api.directory.current)
    assert {one.version for one in directories} == {directories[0].version}
    assert all(
        one.get(Noun.MEMBER, f"sx/GOV/{4000 + number}") is not None
        for one in directories
        for number in range(12)
    )
    regs = [
        parse_leaf(leaf).reg
        for leaf in await read_leaves(
            gateways[0].bus.api.reads, 0, 0, (await head(gateways[0], 0)).size
        )
    ]
    assert regs == sorted(regs), "one line of versions"


async def test_a_process_that_lost_its_log_goes_on_with_another(start: Start) -> None:
    bus = await start(Role.GATEWAY)
    assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
    (shard,) = {*bus.writers} - {0}
    await bus.bus.store.set_epoch(shard, (await head(bus, shard)).epoch + 1, "open")
    assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
    assert {*bus.writers} - {0, shard} or (await head(bus, shard)).size == 2


async def test_a_stopped_process_leaves_its_log_to_the_next_at_once(start: Start) -> None:
    one = await start(Role.GATEWAY)
    (shard,) = {*one.writers} - {0}
    await one.close()
    next_one = await start(Role.GATEWAY)
    assert shard in next_one.writers


async def test_a_cancel_taken_elsewhere_ends_the_exchange_for_all(start: Start) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    question = one.ask(POPULATION)
    await one.send(question)
    waiter = one.bus.api.waiting.register(question.manifest.id)
    assert await other.outcome(other.tell(question, "started")) == "accepted"
    cancel = other.cancel(question)
    assert await other.outcome(cancel) == "accepted"
    async with asyncio.timeout(5):
        await waiter
    assert await one.outcome(cancel) == "again"
    assert await one.outcome(one.reply(question)) == "exchange-cancelled"
    assert await one.outcome(one.tell(question)) == "exchange-cancelled"
    with pytest.raises(NothingToCancel):
        await one.send(one.cancel(question))
    assert (await one.delivery(question)).state == "withdrawn"
    steps = await one.bus.api.reads.steps(message_id_bytes(question.manifest.id))
    assert [(step.code, step.detail) for step in steps] == [
        ("interim", "started"),
        ("cancelled", None),
    ]


async def test_a_lease_is_kept_given_up_and_worn_out_through_any_process(start: Start) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    question = one.ask(POPULATION)
    await one.send(question)
    (held,) = await one.bus.api.mailbox.lease(STATISTICS, [], 1, 60, 0)
    (until_ms,) = await other.bus.api.mailbox.extend(STATISTICS, [held.token], 120)
    assert until_ms is not None
    assert until_ms > other.clock() + 100_000
    for _ in range(2):
        released = await other.bus.api.mailbox.release(STATISTICS, [held.token], Code("busy"))
        assert released == [True]
    for attempt in range(2, 18):
        (held,) = await one.bus.api.mailbox.lease(STATISTICS, [], 1, 60, 0) or (None,)
        if held is None:
            break
        assert held.row.attempt == attempt
        await one.bus.api.mailbox.release(STATISTICS, [held.token])
    (dead,) = await one.bus.api.reads.deliveries(message_id_bytes(question.manifest.id))
    assert (dead.state, dead.cause) == ("dead", "leases-exhausted")
    await other.bus.api.dead_letters.redrive(dead, OPERATOR)
    (again,) = await one.bus.api.mailbox.lease(STATISTICS, [], 1, 60, 0)
    assert again.row.attempt == 18
    with pytest.raises(DeadLetterGone):
        await one.bus.api.dead_letters.drop(dead, OPERATOR)
