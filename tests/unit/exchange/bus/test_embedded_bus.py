"""What the embedded bus promises beyond the port: order by key, bounds, no waiting."""

import asyncio
import time

import pytest

from exchange.bus.embedded import EmbeddedBus, EmbeddedSubscription
from exchange.bus.port import BusRecord, Carried, Dispatch, Topic
from signing.identifiers import MessageId, SystemId


def record(number: int, *, payload_bytes: int = 0, system: str = "sx/GOV/1/one") -> BusRecord:
    return BusRecord.dispatch(
        Dispatch(
            message_id=MessageId(f"m{number}"),
            recipient=SystemId(system),
            kind="request",
            shard=1,
            index=number,
            accepted_at_ms=number,
            payload=b"x" * payload_bytes if payload_bytes else None,
            payload_bytes=payload_bytes,
        )
    )


async def started(**limits: int) -> tuple[EmbeddedBus, EmbeddedSubscription]:
    bus = EmbeddedBus(**limits)
    await bus.start()
    return bus, await bus.subscribe(Topic.DELIVER, "deliverer")


def indexes(batch: list[Carried]) -> list[int]:
    return [c.record.body.index for c in batch if isinstance(c.record.body, Dispatch)]


async def take(reader: EmbeddedSubscription) -> list[Carried]:
    return list(await asyncio.wait_for(anext(reader), 5))


async def test_keeps_the_order_of_a_key() -> None:
    bus, reader = await started()
    await bus.publish([record(n) for n in range(400)])
    assert indexes(await take(reader)) == list(range(400))


async def test_passes_the_payload_by_reference() -> None:
    bus, reader = await started()
    sent = record(1, payload_bytes=100)
    await bus.publish([sent])
    (carried,) = await take(reader)
    assert carried.record.body.payload is sent.body.payload


async def test_a_full_reader_loses_records_and_they_are_counted() -> None:
    bus, reader = await started(records_max=10)
    await bus.publish([record(n) for n in range(15)])
    assert bus.counts.dropped == 5
    assert indexes(await take(reader)) == list(range(10))


async def test_read_but_unreleased_records_still_count_against_the_limit() -> None:
    bus, reader = await started(records_max=1)
    await bus.publish([record(1)])
    (carried,) = await take(reader)
    await bus.publish([record(2)])
    assert bus.counts.dropped == 1
    reader.done(carried)
    await bus.publish([record(3)])
    assert indexes(await take(reader)) == [3]


async def test_over_the_byte_limit_a_record_travels_without_its_payload() -> None:
    bus, reader = await started(payload_bytes_max=100)
    await bus.publish([record(1, payload_bytes=80), record(2, payload_bytes=80)])
    first, second = await take(reader)
    assert first.record.body.payload is not None
    assert second.record.body.payload is None
    assert bus.counts.lightened == 1
    assert bus.counts.dropped == 0


async def test_releasing_gives_the_bytes_back() -> None:
    bus, reader = await started(payload_bytes_max=100)
    for number in range(3):
        await bus.publish([record(number, payload_bytes=80)])
        (carried,) = await take(reader)
        assert carried.record.body.payload is not None
        reader.done(carried)


async def test_a_full_reader_does_not_touch_another_group() -> None:
    bus, stuck = await started(records_max=1)
    other = await bus.subscribe(Topic.DELIVER, "other")
    for number in range(3):
        await bus.publish([record(number)])
        (carried,) = await take(other)
        other.done(carried)
    assert indexes(await take(stuck)) == [0]
    assert bus.counts.dropped == 2


async def test_what_a_leaving_reader_held_goes_to_the_rest_of_its_group() -> None:
    bus, leaving = await started()
    await bus.publish([record(n) for n in range(5)])
    released, *_ = await take(leaving)
    leaving.done(released)
    staying = await bus.subscribe(Topic.DELIVER, "deliverer")
    await leaving.close()
    assert indexes(await take(staying)) == [1, 2, 3, 4]


async def test_a_cancelled_wait_loses_nothing() -> None:
    bus, reader = await started()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(reader), 0.01)
    await bus.publish([record(1)])
    assert indexes(await take(reader)) == [1]


async def test_a_record_costs_microseconds() -> None:
    """Loose on purpose (a shared machine): 2 µs as measured, 50 allowed."""
    bus, reader = await started()
    batch = [record(n) for n in range(100)]
    begun = time.process_time()
    for _ in range(100):
        await bus.publish(batch)
        for carried in await take(reader):
            reader.done(carried)
    spent_us = (time.process_time() - begun) / 10_000 * 1e6
    print(f"embedded bus: {spent_us:.1f} us a record, published, read and released")
    assert spent_us < 50
