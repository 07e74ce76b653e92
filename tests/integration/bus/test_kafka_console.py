"""What somebody sees of the traffic who has Kafka's own console consumer, and no key."""

import asyncio
from pathlib import Path

import pytest

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.port import Topic
from tests.support.kafka_broker import KafkaMissing, fetch
from tests.support.kafka_console import read_topic
from tests.support.kafka_fixtures import absent, kafka_bus
from tests.support.kafka_traffic import dispatch

SECRET = "38001085718"


@pytest.fixture
def jars() -> Path:
    """Where Kafka's programs lie, whichever cluster they speak to."""
    try:
        return fetch()
    except KafkaMissing as missing:
        absent(f"kafka: {missing}")
        raise


async def test_each_request_shows_its_cloudevents_headers_and_no_content(
    brokers: Brokers, jars: Path
) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    await bus.publish([dispatch(n, payload={"person_code": SECRET}) for n in range(3)])
    await bus.stop()
    topic = brokers.topic(Topic.DELIVER)
    printed = await asyncio.to_thread(
        read_topic, jars, brokers.bootstrap, topic, lambda shown: len(shown) == 3
    )
    records = sorted(printed, key=lambda one: one.headers["ce_index"])
    assert [one.headers["ce_id"][-12:] for one in records] == [f"{n:012x}" for n in range(3)]
    assert all(one.key == one.headers["ce_recipient"] for one in records)
    assert records[1].headers == {
        "ce_specversion": "1.0",
        "ce_source": "sx.example",
        "ce_id": "01a201fb-aa7b-7cc0-98c4-000000000001",
        "ce_type": "sealway.deliver.request",
        "ce_subject": "sx/GOV/2002/civil-registry/person-status",
        "ce_time": "2026-09-21T14:13:20.001Z",
        "ce_recipient": "sx/GOV/2002/civil-registry",
        "ce_service": "person-status",
        "ce_shard": "1",
        "ce_index": "1",
        "content-type": "application/vnd.sealway.sealed",
    }
    for one in records:
        assert one.value
        assert SECRET not in str(one)
        assert "person_code" not in str(one)
