"""Waiting when signals are lost and the database can't be read for a moment."""

import asyncio
from collections.abc import Sequence

from exchange.bus.embedded import EmbeddedBus
from exchange.bus.faulty import Faults, FaultyBus
from exchange.delivery.announcements import PROBE, directory_signal
from exchange.delivery.waiting import POLL_S, Waiting
from exchange.storage.errors import StorageUnavailable
from signing.identifiers import new_message_id
from tests.support.agencies import CIVIL, POPULATION, STATISTICS
from tests.support.bus import RunningBus, opened


class FlakyReads:
    """Reads that fail once, then find every exchange ended."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def ended(self, ids: Sequence[bytes]) -> list[bytes]:
        self.asked.append(len(ids))
        if len(self.asked) == 1:
            raise StorageUnavailable("Not now.")
        return list(ids)


async def test_polling_goes_on_after_a_read_that_failed() -> None:
    bus, reads = EmbeddedBus(), FlakyReads()
    await bus.start()
    waiting = Waiting(bus, reads)
    await waiting.start()
    waiter = waiting.register(new_message_id(1_790_000_000_000))
    async with asyncio.timeout(POLL_S * 3):
        await waiter
    assert reads.asked == [1, 1]
    await waiting.stop()
    await bus.stop()


async def test_one_query_asks_for_everybody_who_waits_and_none_when_nobody_does() -> None:
    bus, reads = EmbeddedBus(), FlakyReads()
    await bus.start()
    waiting = Waiting(bus, reads, poll_s=0.05)
    await waiting.start()
    await asyncio.sleep(0.2)
    assert reads.asked == []
    waiters = [waiting.register(new_message_id(1_790_000_000_000)) for _ in range(1_500)]
    async with asyncio.timeout(1):
        await asyncio.gather(*waiters)
    assert reads.asked == [1_000, 1_000, 500]
    await waiting.stop()
    await bus.stop()


async def test_a_new_version_of_the_directory_is_told() -> None:
    bus, told = EmbeddedBus(), []
    await bus.start()
    waiting = Waiting(bus, FlakyReads(), on_directory=told.append)
    await waiting.start()
    await bus.publish([directory_signal(7), PROBE])
    await asyncio.sleep(0.05)
    assert told == [7, 0]
    await waiting.stop()
    await bus.stop()


async def test_without_signals_a_mailbox_is_looked_into_often_and_by_many_less_often() -> None:
    bus = EmbeddedBus()
    await bus.start()
    assert Waiting(bus, FlakyReads()).mailbox_look_s == POLL_S
    waiting = Waiting(bus, FlakyReads(), poll_s=0.05)
    assert waiting.mailbox_look_s == 0.25
    looking = [asyncio.create_task(waiting.mailbox(CIVIL, 5)) for _ in range(120)]
    await asyncio.sleep(0)
    assert waiting.mailbox_look_s == 0.6
    waiting.release()
    assert await asyncio.gather(*looking) == [True] * 120
    await bus.stop()


def losing_everything() -> FaultyBus:
    return FaultyBus(EmbeddedBus(), seed=7, faults=Faults(lose=1.0, repeat=0, delay=0, reorder=0))


async def test_who_waits_for_a_mailbox_gets_what_comes_though_no_signal_does(
    stopped: RunningBus,
) -> None:
    stopped.message_bus = losing_everything  # type: ignore[assignment]
    async with opened(stopped) as running:
        waiting = asyncio.create_task(running.bus.api.mailbox.lease(STATISTICS, [], 10, 60, 5))
        await asyncio.sleep(0.1)
        await running.send(running.ask(POPULATION))
        async with asyncio.timeout(POLL_S * 2):
            assert len(await waiting) == 1


async def test_an_answer_wakes_everybody_who_waits_for_it(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    waiters = [running.bus.api.waiting.register(request.manifest.id) for _ in range(3)]
    await running.send(request)
    assert not any(waiter.done() for waiter in waiters)
    answered = await running.send(running.reply(request))
    async with asyncio.timeout(POLL_S / 2):
        found = await asyncio.gather(*waiters)
    assert [answer is not None and answer.place for answer in found] == [answered.place] * 3


async def test_a_mailboxs_waiter_is_woken_by_what_comes_in(running: RunningBus) -> None:
    waiting = asyncio.create_task(running.bus.api.waiting.mailbox(STATISTICS, 5))
    await asyncio.sleep(0.05)
    await running.send(running.ask(POPULATION))
    async with asyncio.timeout(1):
        assert await waiting is True
    assert await running.bus.api.waiting.mailbox(CIVIL, 0.05) is False
