"""A cluster that goes away and comes back, and topics that are deleted under load."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.bus import KafkaBus
from exchange.bus.kafka.topics import create_topics
from exchange.bus.port import BusLost, BusRecord, Signal, SignalKind, Subscription, Topic
from tests.support.kafka_broker import KafkaBroker, free_port
from tests.support.kafka_fixtures import kafka_bus
from tests.support.kafka_traffic import all_of, dispatches, read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_broker(make_broker: Callable[[], KafkaBroker]) -> KafkaBroker:
    """A broker that these tests may kill."""
    return make_broker()


@pytest.fixture
async def own(own_broker: KafkaBroker) -> Brokers:
    mine = Brokers(own_broker.bootstrap, prefix=f"test-{secrets.token_hex(6)}")
    await create_topics(mine, copies=1, copies_in_sync_min=1)
    return mine


@pytest.fixture
async def bus(own: Brokers) -> AsyncIterator[KafkaBus]:
    running = kafka_bus(own)
    await running.start()
    yield running
    await asyncio.wait_for(running.stop(), 20)


async def publish_at_last(bus: KafkaBus, batch: list[BusRecord], within_s: float = 30.0) -> int:
    """As the relay does: the same batch until it is acknowledged. How often it was not."""
    lost = 0
    async with asyncio.timeout(within_s):
        while True:
            try:
                await bus.publish(batch)
            except BusLost:
                lost += 1
                await asyncio.sleep(0.1)
            else:
                return lost


async def test_after_kill_and_restart_of_the_broker_everything_goes_on(
    bus: KafkaBus, own_broker: KafkaBroker
) -> None:
    before, after = dispatches(100), dispatches(100, first=100)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    listener = await bus.subscribe(Topic.SIGNAL, "waiting")
    await bus.publish(before)
    await read(reader, all_of(before))
    await asyncio.to_thread(own_broker.kill)
    with pytest.raises(BusLost):
        await bus.publish(after)
    assert not bus.is_connected
    await asyncio.to_thread(own_broker.start)
    assert await publish_at_last(bus, after) >= 0
    await read(reader, all_of(after), within_s=40)
    await until_woken(bus, listener)
    assert bus.is_connected


async def test_a_kill_under_load_loses_nothing_that_was_acknowledged(
    bus: KafkaBus, own_broker: KafkaBroker
) -> None:
    sent = dispatches(3_000)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    reading = asyncio.create_task(read(reader, all_of(sent), within_s=50))

    async def load() -> int:
        lost = 0
        for first in range(0, len(sent), 100):
            lost += await publish_at_last(bus, sent[first : first + 100])
            await asyncio.sleep(0.02)
        return lost

    loading = asyncio.create_task(load())
    await asyncio.sleep(0.3)
    await asyncio.to_thread(own_broker.kill)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(own_broker.start)
    lost = await loading
    seen = await reading
    assert {c.record for c in seen} == set(sent)
    print(f"kill under load: {lost} batches lost, {len(seen) - len(sent)} records repeated")


async def test_topics_deleted_under_load_and_made_again_carry_on(
    bus: KafkaBus, own: Brokers
) -> None:
    """What was on the topic is gone, as the port allows; what is published later arrives."""
    before, meanwhile, after = (dispatches(500, first) for first in (0, 1_000, 2_000))
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    listener = await bus.subscribe(Topic.SIGNAL, "waiting")
    await bus.publish(before)
    await read(reader, all_of(before))
    admin = AIOKafkaAdminClient(bootstrap_servers=own.bootstrap)
    await admin.start()
    loading = asyncio.create_task(publish_at_last(bus, meanwhile))
    await admin.delete_topics([own.topic(topic) for topic in Topic])
    await admin.close()
    await asyncio.sleep(1.0)
    assert set(await create_topics(own, copies=1, copies_in_sync_min=1)) == {
        own.topic(topic) for topic in Topic
    }
    await loading
    published = asyncio.create_task(publish_at_last(bus, after))
    seen = await read(reader, all_of(after), within_s=40)
    await published
    assert {c.record for c in seen} <= {*before, *meanwhile, *after}
    await until_woken(bus, listener)


async def until_woken(bus: KafkaBus, listener: Subscription) -> None:
    """Publish wake-ups until one of them is heard."""
    wake = BusRecord.signal(Signal(SignalKind.DIRECTORY, version=1))
    reading = asyncio.create_task(read(listener, all_of([wake]), within_s=40))
    while not reading.done():
        await publish_at_last(bus, [wake])
        await asyncio.wait([reading], timeout=0.2)
    assert wake in {c.record for c in reading.result()}


async def test_a_bus_starts_without_its_cluster_and_says_so() -> None:
    bus = kafka_bus(Brokers(f"127.0.0.1:{free_port()}"), join_s=1)
    await asyncio.wait_for(bus.start(), 10)
    reader = await asyncio.wait_for(bus.subscribe(Topic.DELIVER, "deliver"), 10)
    assert not bus.is_connected
    with pytest.raises(BusLost):
        await bus.publish(dispatches(1))
    await asyncio.wait_for(bus.stop(), 20)
    assert await anext(reader, None) is None


async def test_a_bus_finds_its_cluster_once_it_is_there(
    own: Brokers, own_broker: KafkaBroker
) -> None:
    await asyncio.to_thread(own_broker.kill)
    bus = kafka_bus(replace(own), join_s=1)
    await bus.start()
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await asyncio.to_thread(own_broker.start)
    sent = dispatches(10)
    await publish_at_last(bus, sent)
    await read(reader, all_of(sent), within_s=40)
    assert bus.is_connected
    await bus.stop()
