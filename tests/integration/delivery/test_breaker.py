"""A provider that is down is left alone, found when it is back, and nothing is lost meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from adapters.errors import ProviderUnreachable
from tests.support.agencies import NAME_CHANGE
from tests.support.bus import RunningBus, alive, opened

SERVICE = "sx/GOV/2002/civil-registry/person-status"
STURDY = "\nbreaker_failures = 20\n"
QUICK = "\nbreaker_failures = 3\nbreaker_open_s = 0.6\nbreaker_open_s_max = 1.2\n"


@pytest.fixture
async def quick(stopped: RunningBus) -> AsyncIterator[RunningBus]:
    file = stopped.folder / "sealway.toml"
    file.write_text(file.read_text().replace(STURDY, QUICK, 1))
    async with opened(stopped) as bus:
        yield bus


async def down(request: AdapterRequest) -> Answer | Reject:
    raise ProviderUnreachable("down", maybe_sent=False)


async def until_open(bus: RunningBus) -> None:
    assert bus.bus.deliverer is not None
    async with asyncio.timeout(5):
        while not bus.bus.deliverer.breakers.open_now():  # noqa: ASYNC110 - a test's wait
            await asyncio.sleep(0.01)


async def test_the_next_due_try_closes_it_and_nothing_is_lost(quick: RunningBus) -> None:
    quick.adapter.script = down
    asked = [quick.ask() for _ in range(12)]
    for request in asked:
        await quick.send(request)
    await until_open(quick)
    calls = len(quick.adapter.asked)
    await asyncio.sleep(0.3)
    assert len(quick.adapter.asked) - calls <= 2, "an open breaker lets no call begin"
    rows = [await quick.delivery(request) for request in asked]
    assert {row.state for row in rows} == {"queued"}, "parked in their rows"
    quick.adapter.script = alive
    for request in asked:
        assert await quick.until(request, "answered", within_s=8) == "answered"
    deliverer = quick.bus.deliverer
    assert deliverer is not None
    assert deliverer.breakers.open_now() == []
    assert deliverer.figures.parked["breaker-open"] > 0
    told = [(await quick.steps(request)).count("breaker-open") for request in asked]
    assert set(told) <= {0, 1}
    assert sum(told) > 0


async def test_while_it_is_open_other_services_are_asked(quick: RunningBus) -> None:
    async def one_is_down(request: AdapterRequest) -> Answer | Reject:
        return await (alive if request.service == NAME_CHANGE else down)(request)

    quick.adapter.script = one_is_down
    for _ in range(4):
        await quick.send(quick.ask())
    await until_open(quick)
    assert quick.bus.deliverer is not None
    assert quick.bus.deliverer.breakers.open_now() == [SERVICE]
    other = quick.ask(NAME_CHANGE)
    await quick.send(other)
    assert await quick.until(other, "answered") == "answered"
    assert quick.bus.deliverer.breakers.open_now() == [SERVICE]


async def test_what_must_not_be_repeated_waits_unasked(quick: RunningBus) -> None:
    quick.adapter.script = down
    for _ in range(3):
        await quick.send(quick.ask(NAME_CHANGE))
    await until_open(quick)
    late, calls = quick.ask(NAME_CHANGE), len(quick.adapter.asked)
    await quick.send(late)
    await asyncio.sleep(0.2)
    assert (await quick.delivery(late)).attempt == 0
    assert late.manifest.id not in {one.id for one in quick.adapter.asked[calls:]}
    quick.adapter.script = alive
    assert await quick.until(late, "answered", within_s=8) == "answered"
