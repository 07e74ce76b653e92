"""Waiting when signals are lost and the database can't be read for a moment."""

import asyncio
from collections.abc import Sequence

from exchange.bus.embedded import EmbeddedBus
from exchange.delivery.waiting import POLL_S, Waiting
from exchange.storage.errors import StorageUnavailable
from signing.identifiers import new_message_id
from tests.support.agencies import CIVIL, POPULATION, STATISTICS
from tests.support.bus import RunningBus


class FlakyReads:
    """Reads that fail once, then find the exchange answered."""

    def __init__(self) -> None:
        self.asked = 0

    async def ended(self, ids: Sequence[bytes]) -> list[bytes]:
        self.asked += 1
        if self.asked == 1:
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
    assert reads.asked == 2
    await waiting.stop()
    await bus.stop()


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
