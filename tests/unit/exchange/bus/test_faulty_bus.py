"""The bus that misbehaves on purpose does so as told, and repeatably."""

from collections import Counter
from collections.abc import Sequence

from exchange.bus.embedded import EmbeddedBus
from exchange.bus.faulty import Faults, FaultyBus
from exchange.bus.port import BusRecord, Signal, SignalKind

NONE = Faults(lose=0, repeat=0, delay=0, reorder=0)
RECORDS = [BusRecord.signal(Signal(SignalKind.DIRECTORY, version=n)) for n in range(200)]


class Spy(EmbeddedBus):
    """Remembers what was published to it."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[BusRecord] = []

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        self.published.extend(batch)


async def carried(faults: Faults, seed: int = 7) -> list[BusRecord]:
    spy = Spy()
    await FaultyBus(spy, seed=seed, faults=faults).publish(RECORDS)
    return spy.published


async def test_without_faults_it_changes_nothing() -> None:
    assert await carried(NONE) == RECORDS


async def test_loses() -> None:
    assert await carried(Faults(lose=1, repeat=0, delay=0, reorder=0)) == []


async def test_repeats() -> None:
    seen = await carried(Faults(lose=0, repeat=1, delay=0, reorder=0))
    assert Counter(seen) == Counter(RECORDS * 2)


async def test_reorders() -> None:
    seen = await carried(Faults(lose=0, repeat=0, delay=0, reorder=1))
    assert seen != RECORDS
    assert Counter(seen) == Counter(RECORDS)


async def test_delays() -> None:
    spy = Spy()
    bus = FaultyBus(spy, seed=1, faults=Faults(lose=0, repeat=0, delay=1, delay_s_max=60))
    await bus.start()
    await bus.publish(RECORDS[:3])
    assert spy.published == []
    await bus.stop()


async def test_the_same_seed_gives_the_same_faults() -> None:
    assert await carried(Faults(delay=0), seed=42) == await carried(Faults(delay=0), seed=42)
    assert await carried(Faults(delay=0), seed=42) != await carried(Faults(delay=0), seed=43)


def test_shows_its_seed() -> None:
    assert "seed=7" in repr(FaultyBus(EmbeddedBus(), seed=7))
