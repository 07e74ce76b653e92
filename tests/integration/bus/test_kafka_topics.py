"""Topics are made by an act of their own, and what differs is told."""

import asyncio
import secrets
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.topics import TOPICS, create_topics, topic_faults
from exchange.bus.port import BusLost, Topic
from tests.support.kafka_broker import free_port
from tests.support.kafka_fixtures import kafka_bus
from tests.support.kafka_traffic import dispatches


@pytest.fixture
def bare(kafka: str) -> Brokers:
    """A prefix under which there is nothing yet."""
    return Brokers(kafka, prefix=f"test-{secrets.token_hex(6)}")


async def test_makes_every_topic_once(bare: Brokers) -> None:
    made = await create_topics(bare, copies=1, copies_in_sync_min=1)
    assert set(made) == {bare.named(topic.name) for topic in TOPICS}
    assert await create_topics(bare, copies=1, copies_in_sync_min=1) == ()
    assert await topic_faults(bare) == ()


async def test_every_topic_of_the_port_is_planned() -> None:
    assert {topic.value for topic in Topic} <= {topic.name for topic in TOPICS}


async def test_tells_which_topics_are_missing_or_differ(bare: Brokers) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bare.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(bare.topic(Topic.DELIVER), 3, 1)])
    await admin.close()
    for _ in range(50):  # the broker tells of a new topic when it has learned of it
        faults = await topic_faults(bare)
        if "partitions" in faults[0]:
            break
        await asyncio.sleep(0.1)
    assert len(faults) == len(TOPICS)
    assert "3 partitions instead of 16" in faults[0]
    assert "missing" in faults[1]


async def test_publishing_makes_no_topic(bare: Brokers) -> None:
    bus = kafka_bus(bare, acknowledge_s=1)
    await bus.start()
    began = time.monotonic()
    with pytest.raises(BusLost):
        await bus.publish(dispatches(1))
    assert time.monotonic() - began < 3, "an hour's wait would be an hour without a sweep"
    await bus.stop()
    assert len(await topic_faults(bare)) == len(TOPICS)


async def test_more_copies_than_brokers_are_refused(bare: Brokers) -> None:
    with pytest.raises(BusLost):
        await create_topics(bare, copies=3)


async def test_a_cluster_that_is_away_is_said_to_be() -> None:
    away = Brokers(f"127.0.0.1:{free_port()}")
    with pytest.raises(BusLost):
        await create_topics(away)
    with pytest.raises(BusLost):
        await topic_faults(away)
