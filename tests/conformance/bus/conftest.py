"""Every `MessageBus` there is, plain and with faults; adding one is one line in `BUSES`."""

import os
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from exchange.bus.embedded import EmbeddedBus
from exchange.bus.faulty import FaultyBus
from exchange.bus.port import MessageBus
from tests.support.kafka_fixtures import kafka_bus

Fixtures = Callable[[str], Any]
BUSES: dict[str, Callable[[Fixtures], MessageBus]] = {
    "embedded": lambda _: EmbeddedBus(),
    "kafka": lambda fixture: kafka_bus(fixture("brokers")),
}


@pytest.fixture
def seed() -> int:
    """The seed of this test's faults, printed; SEED repeats a run."""
    value = int(os.environ.get("SEED", random.randrange(1_000_000)))
    print(f"bus faults: SEED={value}")
    return value


@pytest.fixture(params=sorted(BUSES))
def stopped_bus(request: pytest.FixtureRequest) -> MessageBus:
    return BUSES[request.param](request.getfixturevalue)


@pytest.fixture
async def plain_bus(stopped_bus: MessageBus) -> AsyncIterator[MessageBus]:
    """A running bus as it comes."""
    await stopped_bus.start()
    yield stopped_bus
    await stopped_bus.stop()


@pytest.fixture(params=["plain", "faulty"])
async def bus(
    request: pytest.FixtureRequest, stopped_bus: MessageBus, seed: int
) -> AsyncIterator[MessageBus]:
    """A running bus, once as it comes and once as bad as the port allows."""
    faulty = request.param == "faulty"
    running: MessageBus = FaultyBus(stopped_bus, seed=seed) if faulty else stopped_bus
    await running.start()
    yield running
    await running.stop()
