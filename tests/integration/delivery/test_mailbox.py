"""Mailboxes: lease, confirm, redeliver, lease lost, quota, dead letters."""

import asyncio

import pytest

from exchange.delivery.mailbox import Leased, LeaseLost
from exchange.ledger.shards import read_leaves
from registry.changes import Change
from signing.log.leaf import parse_leaf
from tests.support.agencies import CIVIL, POPULATION, STATISTICS
from tests.support.bus import RunningBus, opened

LEASE_S = 60.0


async def lease(
    running: RunningBus, count: int = 10, *, system: str = STATISTICS, wait_s: float = 0.0
) -> list[Leased]:
    return await running.bus.api.mailbox.lease(system, [], count, LEASE_S, wait_s)


async def kinds(running: RunningBus) -> list[str]:
    head = running.writers[1].head
    return [parse_leaf(raw).k for raw in await read_leaves(running.bus.api.reads, 1, 0, head.size)]


async def test_a_lease_hands_over_the_message_as_it_was_sent(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    (leased,) = await lease(running)
    assert leased.message.frame == request.frame
    assert (leased.row.attempt, leased.row.state) == (1, "leased")


async def test_the_oldest_come_first_and_none_comes_twice(running: RunningBus) -> None:
    requests = [running.ask(POPULATION) for _ in range(5)]
    for one in requests:
        await running.send(one)
    first, second = await lease(running, 3), await lease(running, 3)
    ids = [leased.message.manifest.id for leased in first + second]
    assert ids == [one.manifest.id for one in requests]
    assert await lease(running) == []


async def test_many_who_lease_at_once_share_without_overlap(running: RunningBus) -> None:
    for _ in range(40):
        await running.send(running.ask(POPULATION))
    batches = await asyncio.gather(*(lease(running, 4) for _ in range(15)))
    ids = [leased.message.manifest.id for batch in batches for leased in batch]
    assert (len(ids), len(set(ids))) == (40, 40)


async def test_a_mailbox_is_its_owners(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    assert await lease(running, system=CIVIL) == []


async def test_services_can_be_chosen(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    mailbox = running.bus.api.mailbox
    assert await mailbox.lease(STATISTICS, ["births"], 10, LEASE_S, 0) == []
    assert len(await mailbox.lease(STATISTICS, ["births", POPULATION], 10, LEASE_S, 0)) == 1


async def test_an_empty_mailbox_can_be_waited_for(running: RunningBus) -> None:
    waiting = asyncio.create_task(lease(running, wait_s=5))
    await asyncio.sleep(0.05)
    request = running.ask(POPULATION)
    await running.send(request)
    async with asyncio.timeout(0.9):
        (leased,) = await waiting
    assert leased.message.manifest.id == request.manifest.id


async def test_a_confirmation_ends_the_delivery_with_a_leaf(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    (leased,) = await lease(running)
    await running.bus.api.mailbox.confirm(STATISTICS, leased.token)
    assert (await running.delivery(request)).state == "done"
    assert await kinds(running) == ["request", "delivered"]
    running.clock.ahead_ms = 120_000
    assert await lease(running) == [], "never handed out again"
    assert await running.state(request) == "open", "and still to be answered"
    assert await running.outcome(running.reply(request)) == "accepted"


async def test_a_confirmation_again_is_harmless(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    (leased,) = await lease(running)
    for _ in range(3):
        await running.bus.api.mailbox.confirm(STATISTICS, leased.token)
    assert await kinds(running) == ["request", "delivered"]


async def test_an_answer_confirms_its_request(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    (leased,) = await lease(running)
    assert await running.outcome(running.reply(request)) == "accepted"
    assert (await running.delivery(request)).state == "done"
    await running.bus.api.mailbox.confirm(STATISTICS, leased.token)
    assert await kinds(running) == ["request", "response"]


async def test_a_lease_that_ran_out_is_handed_out_again(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    await lease(running)
    assert await lease(running) == []
    running.clock.ahead_ms = int(LEASE_S * 1000) + 1_000
    (again,) = await lease(running)
    assert (again.message.manifest.id, again.row.attempt) == (request.manifest.id, 2)


async def test_a_confirmation_counts_after_the_lease_ran_out_until_the_next(
    running: RunningBus,
) -> None:
    await running.send(running.ask(POPULATION))
    (leased,) = await lease(running)
    running.clock.ahead_ms = int(LEASE_S * 1000) + 1_000
    await running.bus.api.mailbox.confirm(STATISTICS, leased.token)
    assert await lease(running) == []


async def test_an_old_token_is_lost_once_the_next_lease_has_begun(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    (old,) = await lease(running)
    running.clock.ahead_ms = int(LEASE_S * 1000) + 1_000
    (new,) = await lease(running)
    mailbox = running.bus.api.mailbox
    with pytest.raises(LeaseLost):
        await mailbox.confirm(STATISTICS, old.token)
    await mailbox.confirm(STATISTICS, new.token)
    with pytest.raises(LeaseLost):
        await mailbox.confirm(STATISTICS, old.token)


async def test_a_token_is_good_for_its_holder_only(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    (leased,) = await lease(running)
    mailbox = running.bus.api.mailbox
    altered = ("A" if leased.token[0] != "A" else "B") + leased.token[1:]
    for system, token in [(CIVIL, leased.token), (STATISTICS, altered), (STATISTICS, "")]:
        with pytest.raises(LeaseLost):
            await mailbox.confirm(system, token)
    await mailbox.confirm(STATISTICS, leased.token)


async def test_a_lease_outlives_a_restart(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    (leased,) = await lease(running)
    await running.restart()
    assert await lease(running) == []
    await running.bus.api.mailbox.confirm(STATISTICS, leased.token)
    assert (await running.delivery(request)).state == "done"


async def test_what_expired_is_not_handed_over(running: RunningBus) -> None:
    request = running.ask(POPULATION, expires_ms=running.clock() + 60_000)
    await running.send(request)
    running.clock.ahead_ms = 61_000
    assert await lease(running) == []
    assert await running.until(request, "expired") == "expired"


async def test_expiry_revokes_a_lease(running: RunningBus) -> None:
    request = running.ask(POPULATION, expires_ms=running.clock() + 60_000)
    await running.send(request)
    (leased,) = await lease(running)
    running.clock.ahead_ms = 61_000
    assert await running.until(request, "expired") == "expired"
    with pytest.raises(LeaseLost):
        await running.bus.api.mailbox.confirm(STATISTICS, leased.token)


async def test_what_kills_its_readers_is_given_up(stopped: RunningBus) -> None:
    settings = stopped.folder / "sealway.toml"
    text = settings.read_text()
    settings.write_text(text.replace("\n[delivery]\n", "\n[delivery]\nleases_max = 2\n"))
    async with opened(stopped) as running:
        request = running.ask(POPULATION)
        await running.send(request)
        for attempt in (1, 2):
            (leased,) = await lease(running)
            assert leased.row.attempt == attempt
            running.clock.ahead_ms += int(LEASE_S * 1000) + 1_000
        assert await lease(running) == []
        row = await running.delivery(request)
        assert (row.state, row.cause) == ("dead", "leases-exhausted")
        assert await running.outcome(running.reply(request)) == "accepted", "still open"


async def test_depths_tell_what_waits(running: RunningBus) -> None:
    for _ in range(3):
        await running.send(running.ask(POPULATION))
    await lease(running, 1)
    (depth,) = await running.bus.api.reads.mailbox_depths(STATISTICS)
    assert (depth.service, depth.waiting, depth.leased, depth.dead) == (POPULATION, 2, 1, 0)
    assert depth.oldest_at_ms is not None
    assert abs(running.clock() - depth.oldest_at_ms) < 10_000


async def test_the_quota_is_exact_though_many_send_at_once(running: RunningBus) -> None:
    await running.change(Change("system", {"id": STATISTICS, "mailbox_max": 7}))
    requests = [running.ask(POPULATION) for _ in range(30)]
    outcomes = await asyncio.gather(*(running.outcome(one) for one in requests))
    assert sorted(outcomes) == ["accepted"] * 7 + ["quota-exceeded"] * 23
    await lease(running)
    assert await running.outcome(running.ask(POPULATION)) == "quota-exceeded", "leased ones count"
