"""The group commit: groups form, conflicts wait, duplicates share a place, few transactions."""

import asyncio
from itertools import pairwise

import pytest

from exchange.storage.rows import GroupPlan
from registry.changes import Change
from signing.compose import PartIn
from signing.log.leaf import parse_leaf
from tests.support.agencies import POPULATION
from tests.support.bus import RunningBus, opened


def padded(size: int) -> PartIn:
    """A body of so many bytes that says little."""
    return PartIn(b'{"person_code":"1"}'.ljust(size))


class Gate:
    """Holds the first traffic group back until it opens, so that others queue behind it."""

    def __init__(self, running: RunningBus) -> None:
        self._running = running
        self._reached = asyncio.Event()
        self._open = asyncio.Event()
        self._blocker: asyncio.Task[str] | None = None
        running.store.before_commit = self._hold

    async def _hold(self, plan: GroupPlan) -> None:
        if plan.shard == 1:
            self._reached.set()
            await self._open.wait()

    async def close(self) -> None:
        """Send one message that stands before the store."""
        running = self._running
        self._blocker = asyncio.create_task(running.outcome(running.ask(POPULATION)))
        await self._reached.wait()

    async def queued(self, count: int) -> None:
        """Wait until so many entries are behind it."""
        async with asyncio.timeout(10):
            while self._running.bus.committer.waiting < count:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.01)

    async def open(self) -> None:
        """Let everything through."""
        self._open.set()
        assert self._blocker is not None
        assert await self._blocker == "accepted"


async def groups_of(running: RunningBus) -> list[int]:
    head = running.writers[1].head
    groups = await running.bus.api.reads.entries(1, 0, head.size - 1)
    firsts = [*(first for first, _ in groups), head.size]
    return [after - first for first, after in pairwise(firsts)]


async def test_what_queues_while_a_group_commits_is_the_next_group(running: RunningBus) -> None:
    gate = Gate(running)
    await gate.close()
    tasks = [asyncio.create_task(running.send(running.ask(POPULATION))) for _ in range(20)]
    await gate.queued(20)
    await gate.open()
    places = [one.place for one in await asyncio.gather(*tasks)]
    assert await groups_of(running) == [1, 20]
    assert sorted(place.index for place in places) == list(range(1, 21))


async def test_a_group_has_at_most_256_entries(running: RunningBus) -> None:
    gate = Gate(running)
    await gate.close()
    tasks = [asyncio.create_task(running.send(running.ask(POPULATION))) for _ in range(300)]
    await gate.queued(300)
    await gate.open()
    await asyncio.gather(*tasks)
    assert await groups_of(running) == [1, 256, 44]


async def test_two_ends_of_one_exchange_never_share_a_group(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    gate = Gate(running)
    await gate.close()
    replies = [asyncio.create_task(running.outcome(running.reply(request))) for _ in range(2)]
    await gate.queued(2)
    await gate.open()
    assert sorted(await asyncio.gather(*replies)) == ["accepted", "already-answered"]
    assert await groups_of(running) == [1, 1, 1, 1], "the loser came with the next group"


async def test_a_copy_waits_for_the_next_group_and_finds_the_first(running: RunningBus) -> None:
    gate = Gate(running)
    await gate.close()
    request = running.ask(POPULATION)
    tasks = [asyncio.create_task(running.send(request)) for _ in range(3)]
    await gate.queued(3)
    await gate.open()
    accepted = await asyncio.gather(*tasks)
    assert len({one.place for one in accepted}) == 1
    assert await groups_of(running) == [1, 1], "a copy has no leaf of its own"


async def test_a_client_that_leaves_cancels_nothing(running: RunningBus) -> None:
    gate = Gate(running)
    await gate.close()
    request = running.ask(POPULATION)
    task = asyncio.create_task(running.send(request))
    await gate.queued(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gate.open()
    assert await running.until(request, "ready") == "ready"
    assert await running.outcome(request) == "again"


async def test_leaf_times_never_go_back_though_the_clock_does(running: RunningBus) -> None:
    first = await running.send(running.ask(POPULATION))
    request = running.ask(POPULATION)
    running.clock.ahead_ms = -60_000
    second = await running.send(request)
    times = [parse_leaf(one.place.leaf).ts_ms for one in (first, second)]
    assert times == sorted(times)
    assert (await running.delivery(request)).accepted_at_ms >= times[0]


async def test_a_thousand_sends_at_32_at_once_take_fewer_than_250_transactions(
    running: RunningBus,
) -> None:
    requests = [running.ask(POPULATION) for _ in range(1_000)]
    queue = list(requests)
    before = running.store.transactions

    async def sender() -> None:
        while queue:
            await running.send(queue.pop())

    await asyncio.gather(*(sender() for _ in range(32)))
    taken = running.store.transactions - before
    assert running.writers[1].head.size == 1_000
    assert taken < 250, f"{taken} transactions"


async def test_a_message_larger_than_a_group_is_a_group_by_itself(running: RunningBus) -> None:
    gate = Gate(running)
    await gate.close()
    large = running.ask(POPULATION, parts=[padded(5_000_000)])
    tasks = []
    for number, one in enumerate((running.ask(POPULATION), large, running.ask(POPULATION))):
        tasks.append(asyncio.create_task(running.send(one)))
        await gate.queued(number + 1)
    await gate.open()
    await asyncio.gather(*tasks)
    assert await groups_of(running) == [1, 1, 1, 1]


async def test_too_much_waiting_is_refused_and_not_kept(stopped: RunningBus) -> None:
    with (stopped.folder / "sealway.toml").open("a") as file:
        file.write("\n[limits]\nqueue_bytes_max = 1048576\n")
    async with opened(stopped) as running:
        gate = Gate(running)
        await gate.close()
        large = [padded(600_000)]
        fits = asyncio.create_task(running.outcome(running.ask(POPULATION, parts=large)))
        await gate.queued(1)
        assert await running.outcome(running.ask(POPULATION, parts=large)) == "bus-backlogged"
        await gate.open()
        assert await fits == "accepted"
        assert await running.outcome(running.ask(POPULATION, parts=large)) == "accepted"


async def test_a_new_systems_number_is_looked_up_once(running: RunningBus) -> None:
    """Small numbers stand for systems in every row; a group must not ask for them each time."""
    await running.change(Change("system", {"id": "sx/GOV/1001/pensions", "name": "Pensions"}))
    await running.send(running.ask(POPULATION))
    asked: list[str] = []
    await running.store.watch(asked.append)
    await running.send(running.ask(POPULATION))
    assert any("INSERT INTO message" in statement for statement in asked)
    assert not [statement for statement in asked if "system_number" in statement]
