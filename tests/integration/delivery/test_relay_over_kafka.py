"""The relay over a Kafka that is killed: what memory doesn't hold comes back from the rows."""

import asyncio
import secrets
from collections.abc import Callable

import pytest

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.topics import create_topics
from exchange.bus.port import Dispatch, Topic
from exchange.delivery.relay import Relay, RelayLimits
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_fixtures import kafka_bus
from tests.support.kafka_traffic import read
from tests.support.relaying import Rows, killed

pytestmark = pytest.mark.slow


async def test_after_a_kill_the_relay_goes_on_and_its_cursor_reaches_the_end(
    make_broker: Callable[[], KafkaBroker],
) -> None:
    broker = make_broker()
    brokers = Brokers(broker.bootstrap, prefix=f"test-{secrets.token_hex(6)}")
    await create_topics(brokers, copies=1, copies_in_sync_min=1)
    bus, rows, ends = kafka_bus(brokers, acknowledge_s=1), Rows(), [0]
    await bus.start()
    deliveries = await bus.subscribe(Topic.DELIVER, "deliver")
    relay = Relay(
        bus,
        rows,
        rows,  # type: ignore[arg-type]
        lambda shard, end: ends.append(end),
        lambda: 0,
        RelayLimits(records_max=50, retry_s=0.1),
    )
    relay.start()
    relay.committed([killed(1, index) for index in range(10)])
    await until(lambda: ends[-1] == 10)
    assert not relay.is_away
    await asyncio.to_thread(broker.kill)
    for index in range(10, 200):
        relay.committed([killed(1, index)])
    rows.queued = [15, 60, 199]
    await until(lambda: relay.is_away)
    assert ends[-1] == 10
    assert relay.figures.collapsed >= 1
    await asyncio.to_thread(broker.start)
    await until(lambda: ends[-1] == 200)
    assert ends == sorted(ends)
    seen = await read(deliveries, lambda carried: len(carried) >= 3, within_s=40)
    bodies = [carried.record.body for carried in seen]
    assert {body.index for body in bodies if isinstance(body, Dispatch)} == {15, 60, 199}
    await until(lambda: not relay.is_away)
    await asyncio.wait_for(relay.stop(), 20)
    await asyncio.wait_for(bus.stop(), 20)
    broker.stop()


async def until(is_so: Callable[[], bool], within_s: float = 40.0) -> None:
    """Wait for something."""
    async with asyncio.timeout(within_s):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.05)
