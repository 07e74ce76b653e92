"""Readers of a group: what is released is over, what isn't comes again, and nothing is lost."""

import asyncio
import contextlib
from collections import Counter

from aiokafka.admin import AIOKafkaAdminClient

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.bus import KafkaBus
from exchange.bus.port import BusRecord, Carried, Signal, SignalKind, Subscription, Topic
from tests.support.kafka_fixtures import QUICK, kafka_bus
from tests.support.kafka_traffic import all_of, dispatch, dispatches, numbers, read


async def started(brokers: Brokers) -> KafkaBus:
    bus = kafka_bus(brokers)
    await bus.start()
    return bus


async def quiet(reader: Subscription, for_s: float = 0.5) -> list[Carried]:
    """Whatever else arrives while nobody expects anything."""
    seen: list[Carried] = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(for_s):
                seen.extend(await anext(reader))
    return seen


async def test_what_was_released_is_not_read_again(brokers: Brokers) -> None:
    sent = dispatches(100)
    bus = await started(brokers)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish(sent)
    await read(reader, all_of(sent))
    await reader.close()
    again = await bus.subscribe(Topic.DELIVER, "deliver")
    assert await quiet(again) == []
    await bus.stop()


async def test_what_was_not_released_is_read_again_and_holds_back_what_follows(
    brokers: Brokers,
) -> None:
    sent = [dispatch(n) for n in range(10)]  # one recipient, so one partition in its order
    bus = await started(brokers)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish(sent)
    carried = await read(reader, all_of(sent), release=False)
    for place in (*carried[:3], *carried[4:]):
        reader.done(place)
    await asyncio.sleep(2 * QUICK.commit_every_s)
    await reader.close()
    again = await bus.subscribe(Topic.DELIVER, "deliver")
    assert numbers(await quiet(again)) == [3, 4, 5, 6, 7, 8, 9]
    await bus.stop()


async def committed(brokers: Brokers, group: str) -> int:
    """How many records the group need never see again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
        return sum(one.offset for one in offsets.values())
    finally:
        await admin.close()


async def test_releases_are_committed_five_times_a_second(brokers: Brokers) -> None:
    sent = dispatches(200)
    bus = await started(brokers)
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish(sent)
    carried = await read(reader, all_of(sent), release=False)
    await asyncio.sleep(2 * QUICK.commit_every_s)
    assert await committed(brokers, f"{brokers.prefix}.deliver") == 0
    for place in carried:
        reader.done(place)
    await asyncio.sleep(2 * QUICK.commit_every_s)
    assert await committed(brokers, f"{brokers.prefix}.deliver") == 200
    await bus.stop()


async def test_a_rebalance_repeats_some_and_loses_none(brokers: Brokers) -> None:
    """Readers come and go under load; whatever was published is read by somebody."""
    publishing = await started(brokers)
    buses = [await started(brokers) for _ in range(2)]
    seen: Counter[int] = Counter()
    everything = asyncio.Event()

    async def work(bus: KafkaBus) -> None:
        reader = await bus.subscribe(Topic.DELIVER, "deliver")
        async for batch in reader:
            for carried in batch:
                await asyncio.sleep(0.0005)
                seen.update(numbers([carried]))
                reader.done(carried)
                if len(seen) == 2_000:
                    everything.set()

    async def load() -> None:
        for first in range(0, 2_000, 50):
            await publishing.publish(dispatches(50, first))
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(work(buses[0]))]
    loading = asyncio.create_task(load())
    await asyncio.sleep(0.8)
    tasks.append(asyncio.create_task(work(buses[1])))
    await asyncio.sleep(0.8)
    await buses[0].stop()
    await loading
    await asyncio.wait_for(everything.wait(), 20)
    await buses[1].stop()
    await publishing.stop()
    await asyncio.gather(*tasks)
    assert set(seen) == set(range(2_000))
    print(f"rebalances: {sum(seen.values()) - 2_000} of 2000 repeated")


async def test_what_was_held_through_rebalances_is_over_once_released(brokers: Brokers) -> None:
    sent = [dispatch(n) for n in range(10)]
    bus = await started(brokers)
    holder = await bus.subscribe(Topic.DELIVER, "deliver")
    await bus.publish(sent)
    carried = await read(holder, all_of(sent), release=False)
    other = await bus.subscribe(Topic.DELIVER, "deliver")
    await other.close()
    await asyncio.sleep(1.0)  # the holder has its partition again, if it ever lost it
    repeats = await quiet(holder)
    assert set(numbers(repeats)) <= set(numbers(carried))
    for place in (*carried, *repeats):
        holder.done(place)
    await holder.close()
    heir = await bus.subscribe(Topic.DELIVER, "deliver")
    assert await quiet(heir) == []
    await bus.stop()


async def test_reading_waits_while_too_much_is_open(brokers: Brokers) -> None:
    bus = kafka_bus(brokers, open_records_max=100)
    await bus.start()
    reader = await bus.subscribe(Topic.DELIVER, "deliver")
    sent = dispatches(1_000)
    await bus.publish(sent)
    held = await quiet(reader)
    assert 100 <= len(held) < 300
    for carried in held:
        reader.done(carried)
    rest = await read(reader, lambda seen: len(seen) + len(held) == 1_000)
    assert {c.record for c in (*held, *rest)} == set(sent)
    await bus.stop()


async def test_wake_ups_are_read_by_everybody_and_only_from_now_on(brokers: Brokers) -> None:
    bus = await started(brokers)

    def version(number: int) -> BusRecord:
        return BusRecord.signal(Signal(SignalKind.DIRECTORY, version=number))

    await bus.publish([version(1)])
    readers = [await bus.subscribe(Topic.SIGNAL, "waiting") for _ in range(2)]
    await bus.publish([version(2)])
    for reader in readers:
        assert [c.record for c in await quiet(reader)] == [version(2)]
    await bus.stop()
