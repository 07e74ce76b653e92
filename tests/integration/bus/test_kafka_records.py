"""What lies on a topic: readable as an event, unreadable as content."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.port import BusRecord, Carried, Dispatch, Signal, SignalKind, Topic
from signing.at_rest import EpochKeys
from signing.identifiers import ServiceCode, SystemId
from tests.support.kafka_fixtures import QUICK, kafka_bus
from tests.support.kafka_traffic import dispatch, read

CANARY = "Kanarienvogel-4711"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def console(brokers: Brokers, topic: Topic, count: int) -> list[Any]:
    """What a console consumer without any key of ours sees."""
    consumer = AIOKafkaConsumer(
        brokers.topic(topic), bootstrap_servers=brokers.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def tampered(brokers: Brokers, topic: Topic, **changes: Any) -> None:
    """Put a changed copy of the first record on the topic."""
    (first,) = await console(brokers, topic, 1)
    copy = {"value": first.value, "key": first.key, "headers": list(first.headers)} | changes
    producer = AIOKafkaProducer(bootstrap_servers=brokers.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(brokers.topic(topic), **copy)
    finally:
        await producer.stop()


def seen(count: int) -> Any:
    return lambda carried: len(carried) >= count


def body(carried: Carried) -> Dispatch:
    assert isinstance(carried.record.body, Dispatch)
    return carried.record.body


async def test_a_console_consumer_sees_each_records_event(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    await bus.publish([dispatch(7, traceparent=TRACE), dispatch(8)])
    await bus.stop()
    first, second = await console(brokers, Topic.DELIVER, 2)
    assert first.key == b"sx/GOV/2002/civil-registry"
    assert dict(first.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"01a201fb-aa7b-7cc0-98c4-000000000007",
        "ce_source": b"sx.example",
        "ce_type": b"sealway.deliver.request",
        "ce_time": b"2026-09-21T14:13:20.007Z",
        "ce_subject": b"sx/GOV/2002/civil-registry/person-status",
        "ce_recipient": b"sx/GOV/2002/civil-registry",
        "ce_service": b"person-status",
        "ce_shard": b"1",
        "ce_index": b"7",
        "traceparent": TRACE.encode(),
        "content-type": b"application/vnd.sealway.sealed",
    }
    assert "traceparent" not in dict(second.headers)


async def test_a_console_consumer_sees_each_wake_ups_event(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    recipient, service = SystemId("sx/GOV/1001/benefits"), ServiceCode("person-status")
    signal = Signal(SignalKind.MAILBOX, recipient=recipient, service=service)
    await bus.publish([BusRecord.signal(signal)] * 2)
    await bus.stop()
    events = [dict(one.headers) for one in await console(brokers, Topic.SIGNAL, 2)]
    assert events[0].pop("ce_id") != events[1].pop("ce_id")
    assert events[0] == {
        "ce_specversion": b"1.0",
        "ce_source": b"sx.example",
        "ce_type": b"sealway.signal.mailbox",
        "ce_subject": b"sx/GOV/1001/benefits/person-status",
        "ce_recipient": b"sx/GOV/1001/benefits",
        "ce_service": b"person-status",
    }


async def test_nothing_of_a_payload_is_readable_on_the_topic(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish([dispatch(n, payload=CANARY * 10, payload_bytes=180) for n in range(2)])
    carried = await read(reader, seen(2))
    await bus.stop()
    assert [body(c).payload for c in carried] == [CANARY * 10] * 2
    on_topic = await console(brokers, Topic.DELIVER, 2)
    for record in on_topic:
        everything = record.key + record.value + b"".join(v for _, v in record.headers)
        assert CANARY.encode() not in everything
        assert len(record.value) == len(repr(CANARY * 10)) + 60
    assert on_topic[0].value != on_topic[1].value


@pytest.mark.parametrize(("size", "arrives"), [(262_000, True), (262_200, False)])
async def test_what_does_not_fit_travels_without_payload(
    brokers: Brokers, size: int, arrives: bool
) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish([dispatch(1, payload="x" * size, payload_bytes=size)])
    (carried,) = await read(reader, seen(1))
    await bus.stop()
    assert (body(carried).payload is not None) is arrives
    assert bus.counts.lightened == (0 if arrives else 1)


async def test_a_wake_up_carries_only_what_is_small(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    reader = await bus.subscribe(Topic.SIGNAL, "waiting")
    for size in (100, QUICK.signal_bytes_max):
        signal = Signal(SignalKind.DIRECTORY, version=1, payload="x" * size, payload_bytes=size)
        await bus.publish([BusRecord.signal(signal)])
    payloads = [c.record.body.payload for c in await read(reader, seen(2))]
    await bus.stop()
    assert sorted(payloads, key=str) == [None, "x" * 100]


@pytest.mark.parametrize(
    "altered",
    [
        {"value": secrets.token_bytes(200)},
        {"value": b"short"},
        {"key": b"sx/GOV/9/other"},
    ],
    ids=["value", "short", "key"],
)
async def test_an_altered_record_loses_its_payload_and_stops_nothing(
    brokers: Brokers, altered: dict[str, Any]
) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    await bus.publish([dispatch(1)])
    await tampered(brokers, Topic.DELIVER, **altered)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish([dispatch(2)])
    payloads = [body(c).payload for c in await read(reader, seen(3))]
    await bus.stop()
    assert sorted(payloads, key=str) == [None, {"number": 1}, {"number": 2}]
    assert bus.counts.unopened == 1


async def test_a_payload_is_not_opened_under_another_records_name(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    await bus.publish([dispatch(1)])
    (first,) = await console(brokers, Topic.DELIVER, 1)
    renamed = [(n, b"77" if n == "ce_index" else v) for n, v in first.headers]
    await tampered(brokers, Topic.DELIVER, headers=renamed)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    payloads = {body(c).index: body(c).payload for c in await read(reader, seen(2))}
    await bus.stop()
    assert payloads == {1: {"number": 1}, 77: None}


async def test_what_is_none_of_ours_is_passed_over(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    await bus.publish([dispatch(1)])
    await tampered(brokers, Topic.DELIVER, headers=[], value=b"hello")
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish([dispatch(2)])
    carried = await read(reader, seen(2))
    await bus.stop()
    assert sorted(body(c).index for c in carried) == [1, 2]
    assert bus.counts.foreign == 1


async def test_another_epochs_record_arrives_without_payload(brokers: Brokers) -> None:
    old, new = ({n: secrets.token_bytes(32)} for n in (1, 2))
    before, after = kafka_bus(brokers, EpochKeys(1, old)), kafka_bus(brokers, EpochKeys(2, new))
    await before.start()
    await before.publish([dispatch(1)])
    await before.stop()
    await after.start()
    reader = await after.subscribe(Topic.DELIVER, "deliver")
    await after.publish([dispatch(2)])
    payloads = {body(c).index: body(c).payload for c in await read(reader, seen(2))}
    await after.stop()
    assert payloads == {1: None, 2: {"number": 2}}


async def test_records_that_cross_keep_what_they_say(brokers: Brokers) -> None:
    bus = kafka_bus(brokers)
    await bus.start()
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    sent = dispatch(5, traceparent=TRACE)
    bare = replace(sent.body, payload=None, payload_bytes=0, service=None, index=6)
    assert isinstance(bare, Dispatch)
    await bus.publish([sent, BusRecord.dispatch(bare)])
    arrived = {body(c).index: c.record for c in await read(reader, seen(2))}
    await bus.stop()
    assert arrived == {5: sent, 6: BusRecord.dispatch(bare)}
    assert arrived[5].body.traceparent == TRACE
