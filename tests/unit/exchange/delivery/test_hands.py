"""Holding a delivery: its record goes back in time, whatever else goes on."""

import asyncio

from exchange.delivery.hands import Hand
from exchange.delivery.slots import Slot


class Release:
    """Counts how often a place was given back."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1

    async def happened(self) -> int:
        """How often, once there was a first; two seconds at most."""
        async with asyncio.timeout(2):
            while True:
                if self.count:
                    return self.count
                await asyncio.sleep(0.005)


async def test_what_ends_in_time_is_released_at_its_end() -> None:
    release = Release()
    hand = Hand(1, release)
    assert hand.left_s > 0
    assert release.count == 0
    await hand.end()
    await hand.end()
    assert release.count == 1


async def test_a_call_that_goes_on_is_parked_before_its_record_is_released() -> None:
    release, order = Release(), []
    hand = Hand(0.02, release)

    async def park() -> None:
        order.append(release.count)
        await asyncio.sleep(0.01)
        order.append(release.count)

    hand.under_lease = park
    assert await release.happened() == 1
    assert order == [0, 0]
    assert hand.left_s == 0
    await hand.end()


async def test_a_database_that_hangs_holds_back_no_record_for_long() -> None:
    release = Release()
    hand = Hand(0.02, release)
    hand.under_lease = asyncio.Event().wait  # type: ignore[assignment]
    assert await release.happened() == 1
    hand.drop()


async def test_what_has_not_begun_a_call_is_released_without_a_row() -> None:
    release = Release()
    Hand(0.02, release)
    assert await release.happened() == 1


async def test_what_the_end_of_the_process_cuts_off_is_not_released() -> None:
    release = Release()
    Hand(0.02, release).drop()
    await asyncio.sleep(0.05)
    assert release.count == 0


async def test_after_one_waited_in_vain_nobody_waits_for_a_provider_that_hangs() -> None:
    slot = Slot(1, asyncio.Semaphore(10))
    assert await slot.take(0)
    assert not await slot.take(0.01)
    began = asyncio.get_running_loop().time()
    assert not await slot.take(5)
    assert asyncio.get_running_loop().time() - began < 1
    slot.give()
    assert await slot.take(0)
    waiting = asyncio.create_task(slot.take(5))
    await asyncio.sleep(0.01)
    slot.give()
    assert await waiting, "a provider that answers again is waited for again"
