"""What may be relied on from any `MessageBus`: what the port promises, and that nothing more is
needed to deliver everything. Reading is always bounded in time, because a bus may lose."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from exchange.bus.port import (
    BATCH_RECORDS_MAX,
    BusRecord,
    BusStopped,
    Carried,
    Dispatch,
    MessageBus,
    Signal,
    SignalKind,
    Subscription,
    Topic,
)
from signing.identifiers import MessageId, ServiceCode, SystemId

QUIET_S = 0.2
"""A bus that has said nothing for this long, after delays of 0.05 s at most, has nothing to say."""


def dispatch(number: int, recipient: str = "sx/GOV/2002/civil-registry") -> BusRecord:
    return BusRecord.dispatch(
        Dispatch(
            message_id=MessageId(f"01a201fb-aa7b-7cc0-98c4-{number:012x}"),
            recipient=SystemId(recipient),
            kind="request",
            shard=1,
            index=number,
            accepted_at_ms=1_790_000_000_000 + number,
            service=ServiceCode("person-status"),
            payload={"number": number},
            payload_bytes=10,
        )
    )


def dispatches(count: int, systems: int = 4) -> list[BusRecord]:
    return [dispatch(n, f"sx/GOV/{n % systems}/system") for n in range(count)]


async def read(
    reader: Subscription, enough: Callable[[list[Carried]], bool] = lambda _: False
) -> list[Carried]:
    """Read and release until `enough`, or until the bus has been quiet for a while."""
    seen: list[Carried] = []
    with contextlib.suppress(TimeoutError, StopAsyncIteration):
        while not enough(seen):
            async with asyncio.timeout(QUIET_S):
                batch = await anext(reader)
            assert 1 <= len(batch) <= BATCH_RECORDS_MAX
            for carried in batch:
                reader.done(carried)
            seen.extend(batch)
    return seen


def bodies(carried: Sequence[Carried]) -> list[object]:
    return [c.record.body for c in carried]


async def test_carries_only_what_was_published_and_unaltered(bus: MessageBus) -> None:
    sent = dispatches(200)
    reader = await bus.subscribe(Topic.DELIVER, "deliverer")
    await bus.publish(sent)
    seen = await read(reader)
    assert seen, "a bus that carries none of 200 records is no bus"
    assert {c.record for c in seen} <= set(sent)


async def test_everything_arrives_when_somebody_sweeps(bus: MessageBus) -> None:
    """The deliverer's pattern: whatever was lost is published again, repeats are dropped."""
    open_rows = {record.body: record for record in dispatches(300)}
    reader = await bus.subscribe(Topic.DELIVER, "deliverer")
    delivered: set[object] = set()
    for _ in range(20):
        await bus.publish(list(open_rows.values()))
        for carried in await read(reader, lambda seen: len(set(bodies(seen))) == len(open_rows)):
            delivered.add(carried.record.body)
            open_rows.pop(carried.record.body, None)
        if not open_rows:
            break
    assert not open_rows
    assert len(delivered) == 300


async def test_a_payload_arrives_as_it_was_or_not_at_all(bus: MessageBus) -> None:
    reader = await bus.subscribe(Topic.DELIVER, "deliverer")
    await bus.publish(dispatches(50))
    for carried in await read(reader):
        body = carried.record.body
        assert isinstance(body, Dispatch)
        assert body.payload in (None, {"number": body.index})


async def test_signals_keep_their_meaning(bus: MessageBus) -> None:
    signals = [
        Signal(SignalKind.ANSWERED, message_id=MessageId("01a201fb-aa7b-7cc0-98c4-dc0c0c07398f")),
        Signal(SignalKind.MAILBOX, recipient=SystemId("sx/GOV/1001/benefits")),
        Signal(SignalKind.DIRECTORY, version=7),
    ] * 20
    reader = await bus.subscribe(Topic.SIGNAL, "gateway-1")
    await bus.publish([BusRecord.signal(signal) for signal in signals])
    assert {type(body) for body in bodies(await read(reader))} == {Signal}


async def test_topics_are_apart(bus: MessageBus) -> None:
    deliver = await bus.subscribe(Topic.DELIVER, "one")
    signal = await bus.subscribe(Topic.SIGNAL, "one")
    await bus.publish([*dispatches(50), BusRecord.signal(Signal(SignalKind.DIRECTORY, version=1))])
    assert all(isinstance(body, Dispatch) for body in bodies(await read(deliver)))
    assert all(isinstance(body, Signal) for body in bodies(await read(signal)))


async def test_every_group_gets_its_own_copy(plain_bus: MessageBus) -> None:
    readers = [await plain_bus.subscribe(Topic.DELIVER, group) for group in ("one", "two")]
    sent = dispatches(50)
    await plain_bus.publish(sent)
    for reader in readers:
        assert {c.record for c in await read(reader)} == set(sent)


async def test_readers_of_a_group_share_its_records_by_key(plain_bus: MessageBus) -> None:
    readers = [await plain_bus.subscribe(Topic.DELIVER, "deliverer") for _ in range(2)]
    sent = dispatches(200, systems=20)
    await plain_bus.publish(sent)
    first, second = [{c.record for c in await read(reader)} for reader in readers]
    assert first | second == set(sent)
    assert not {r.key for r in first} & {r.key for r in second}


async def test_two_copies_of_a_record_have_two_places(plain_bus: MessageBus) -> None:
    reader = await plain_bus.subscribe(Topic.DELIVER, "deliverer")
    await plain_bus.publish([dispatch(1), dispatch(1)])
    places = Counter((c.partition, c.offset) for c in await read(reader, lambda s: len(s) == 2))
    assert len(places) == 2


async def test_releasing_twice_or_after_the_end_does_nothing(bus: MessageBus) -> None:
    reader = await bus.subscribe(Topic.DELIVER, "deliverer")
    await bus.publish(dispatches(50))
    seen = await read(reader)
    for carried in seen:
        reader.done(carried)
    await reader.close()
    reader.done(seen[0])
    assert await read(reader) == []


async def test_a_closed_reader_ends_its_iteration(bus: MessageBus) -> None:
    reader = await bus.subscribe(Topic.DELIVER, "deliverer")
    waiting = asyncio.create_task(anext(reader, None))
    await asyncio.sleep(0)
    await reader.close()
    assert await asyncio.wait_for(waiting, 5) is None


async def test_stopping_ends_every_reader(bus: MessageBus) -> None:
    readers = [await bus.subscribe(topic, "one") for topic in Topic]
    waiting = [asyncio.create_task(anext(reader, None)) for reader in readers]
    await asyncio.sleep(0)
    await bus.stop()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [None] * len(readers)


async def test_stopping_with_a_drain_waits_for_what_is_open(plain_bus: MessageBus) -> None:
    reader = await plain_bus.subscribe(Topic.DELIVER, "deliverer")
    await plain_bus.publish([dispatch(1)])
    (carried,) = await anext(reader)
    stopping = asyncio.create_task(plain_bus.stop(drain_s=30))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    reader.done(carried)
    await asyncio.wait_for(stopping, 5)


async def test_a_drain_ends_in_time_when_nobody_releases(plain_bus: MessageBus) -> None:
    reader = await plain_bus.subscribe(Topic.DELIVER, "deliverer")
    await plain_bus.publish([dispatch(1)])
    await anext(reader)
    await asyncio.wait_for(plain_bus.stop(drain_s=0.05), 5)
    assert await anext(reader, None) is None


async def test_a_bus_that_is_not_running_refuses(stopped_bus: MessageBus) -> None:
    with pytest.raises(BusStopped):
        await stopped_bus.publish([dispatch(1)])
    await stopped_bus.start()
    await stopped_bus.stop()
    await stopped_bus.stop()
    with pytest.raises(BusStopped):
        await stopped_bus.publish([dispatch(1)])
    with pytest.raises(BusStopped):
        await stopped_bus.subscribe(Topic.DELIVER, "deliverer")


async def test_records_without_readers_cost_nobody_anything(bus: MessageBus) -> None:
    await bus.publish(dispatches(10))
    reader = await bus.subscribe(Topic.DELIVER, "deliverer")
    assert {c.record for c in await read(reader)} <= set(dispatches(10))


async def test_what_a_closed_reader_held_may_go_to_the_others_and_nowhere_else(
    bus: MessageBus,
) -> None:
    leaving, staying = [await bus.subscribe(Topic.DELIVER, "deliverer") for _ in range(2)]
    sent = dispatches(100, systems=20)
    await bus.publish(sent)
    await leaving.close()
    assert {c.record for c in await read(staying)} <= set(sent)
    assert await read(leaving) == []
