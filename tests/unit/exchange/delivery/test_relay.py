"""The relay's cursor: it moves as far as the bus has acknowledged, and never further."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from exchange.bus.port import BusLost, BusRecord, SignalKind
from exchange.delivery.announcements import PROBE, directory_signal
from exchange.delivery.relay import Relay, RelayLimits
from exchange.ledger.errors import BusBacklogged
from exchange.storage.rows import ShardHead
from tests.support.relaying import (
    LosingBus,
    Rows,
    killed,
    message_id,
    refused,
    skipped,
    stated,
)

LIMITS = RelayLimits(retry_s=0.01, page=3, records_max=20)


class Site:
    """A relay, its bus and rows, and what it told of each log."""

    def __init__(self, limits: RelayLimits = LIMITS) -> None:
        self.bus, self.rows, self.now_ms = LosingBus(), Rows(), 5_000
        self.cursors: dict[int, list[int]] = {}
        self.relay = Relay(
            self.bus,
            self.rows,
            self.rows,  # type: ignore[arg-type]
            lambda shard, end: self.cursors.setdefault(shard, []).append(end),
            lambda: self.now_ms,
            limits,
            self.rows,
        )

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something, two seconds at most."""
        async with asyncio.timeout(2):
            while True:
                if is_so():
                    return
                await asyncio.sleep(0.002)

    async def relayed(self, shard: int, end: int) -> None:
        """Wait for a cursor."""
        await self.until(lambda: self.cursors.get(shard, [0])[-1] == end)


@dataclass
class Taken:
    """A log that was taken over."""

    head: ShardHead


def log(relayed_to: int, size: int, shard: int = 1) -> Taken:
    return Taken(ShardHead(shard, "o", 1, "open", size, b"", (), 0, relayed_to))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    one = Site()
    await one.bus.start()
    one.relay.start()
    yield one
    one.bus.is_lost = False
    await asyncio.wait_for(one.relay.stop(), 2)


async def test_publishes_groups_in_order_and_tells_their_ends(site: Site) -> None:
    site.relay.committed([killed(1, 0), killed(1, 1)])
    site.relay.committed([killed(1, 2)])
    await site.relayed(1, 3)
    assert site.bus.causes == [0, 1, 2]
    assert site.relay.figures.unrelayed_entries == 0


async def test_a_group_with_nothing_to_publish_counts_and_so_does_a_refusal(site: Site) -> None:
    site.relay.committed([stated(1, 0), refused(1, 1), skipped()])
    assert site.cursors[1] == [2], "nobody has to wait for the bus"
    site.relay.committed([skipped()])
    assert site.cursors[1] == [2]
    assert site.bus.tried == 0


async def test_the_cursor_waits_for_what_is_not_acknowledged(site: Site) -> None:
    site.bus.held = asyncio.Event()
    site.relay.committed([killed(1, 0)])
    site.relay.committed([stated(1, 1)])
    site.relay.committed([stated(1, 2)])
    site.relay.committed([killed(2, 0)])
    await asyncio.sleep(0.05)
    assert site.cursors == {}
    assert site.relay.figures.unrelayed_entries == 4
    site.bus.held.set()
    await site.relayed(1, 3)
    await site.relayed(2, 1)


async def test_a_later_group_that_is_acknowledged_first_moves_no_cursor(site: Site) -> None:
    class LosingTheFirst(LosingBus):
        async def publish(self, batch: Sequence[BusRecord]) -> None:
            if self.is_lost and batch[0].key == message_id(0):
                raise BusLost("Lost, as told.")
            self.published += batch

    site.relay._bus = bus = LosingTheFirst()
    await bus.start()
    bus.is_lost = True
    site.relay.committed([killed(1, 0)])
    await site.until(lambda: site.relay.is_away)
    site.relay.committed([killed(1, 1)])
    await site.until(lambda: bus.causes == [1])
    assert site.cursors == {}
    bus.is_lost = False
    await site.relayed(1, 2)
    assert bus.causes == [1, 0], "the first went again after the second"
    assert site.cursors[1] == [2]


async def test_a_batch_that_was_lost_goes_again_until_it_is_acknowledged(site: Site) -> None:
    site.bus.is_lost = True
    site.relay.committed([killed(1, 0)])
    await site.until(lambda: site.bus.tried >= 3)
    assert site.relay.is_away
    assert site.cursors == {}
    site.bus.is_lost = False
    await site.relayed(1, 1)
    assert not site.relay.is_away
    assert site.relay.figures.lost >= 2


async def test_what_the_bus_lost_is_made_due_for_the_sweep_and_once_only(site: Site) -> None:
    site.relay.committed([killed(1, 0), stated(1, 1)])
    await site.relayed(1, 2)
    assert site.rows.hastened == [], "while it carries there is no need"
    site.bus.is_lost = True
    site.relay.committed([killed(1, 2)])
    await site.until(lambda: site.relay.figures.lost >= 4)
    assert site.rows.hastened == [(1, 2, 5_000)]
    site.bus.is_lost = False
    await site.relayed(1, 3)


async def test_what_memory_cannot_hold_is_read_from_its_rows(site: Site) -> None:
    site.bus.is_lost = True
    for index in range(30):
        site.relay.committed([killed(1, index)])
    site.rows.queued = [3, 7, 8, 9, 17, 18, 25]
    assert site.relay.figures.collapsed >= 1
    await asyncio.sleep(0.05)
    site.bus.is_lost = False
    await site.relayed(1, 30)
    assert site.bus.dispatched == [3, 7, 8, 9, 17, 18, 25]
    assert site.relay.figures.read_back == 7
    assert site.relay.figures.unrelayed_entries == 0


async def test_memory_is_bounded_however_long_the_bus_is_away(site: Site) -> None:
    site.bus.is_lost = True
    for index in range(500):
        site.relay.committed([killed(1, index), stated(2, 0)] if index % 2 else [killed(1, index)])
        await asyncio.sleep(0)
    backlog = site.relay._backlog
    held = sum(len(one.records or ()) for log in backlog._logs.values() for one in log)
    assert held <= LIMITS.records_max
    assert site.relay.figures.collapsed >= 20
    site.bus.is_lost = False
    await site.relayed(1, 500)


async def test_hours_of_groups_without_news_are_one_object(site: Site) -> None:
    site.bus.is_lost = True
    site.relay.committed([killed(1, 0)])
    for index in range(1, 1_000):
        site.relay.committed([stated(1, index)])
    assert len(site.relay._backlog._logs[1]) == 2
    assert site.relay.figures.unrelayed_entries == 1_000
    site.bus.is_lost = False
    await site.relayed(1, 1_000)


async def test_catches_up_a_log_that_was_taken_over(site: Site) -> None:
    site.rows.queued = [4, 5, 12]
    caught_up = site.relay.catch_up(log(relayed_to=5, size=13))
    site.relay.committed([killed(1, 13)])
    await asyncio.wait_for(caught_up, 2)
    await site.relayed(1, 14)
    assert site.bus.dispatched == [5, 12]
    assert (1, 5) in site.rows.asked


async def test_there_is_nothing_to_catch_up_where_all_was_relayed(site: Site) -> None:
    assert site.relay.catch_up(log(relayed_to=13, size=13)).done()
    await asyncio.sleep(0.02)
    assert site.rows.asked == []


async def test_who_waits_for_a_log_to_be_caught_up_is_told_though_memory_ran_full(
    site: Site,
) -> None:
    site.bus.is_lost = True
    caught_up = site.relay.catch_up(log(relayed_to=0, size=5))
    for index in range(5, 40):
        site.relay.committed([killed(1, index)])
    assert not caught_up.done()
    site.bus.is_lost = False
    await asyncio.wait_for(caught_up, 2)


async def test_an_idle_relay_finds_that_the_bus_is_back(site: Site) -> None:
    site.bus.batches_to_lose = 5
    site.relay.committed([killed(1, 0)])
    await site.relayed(1, 1)
    site.relay._is_losing = True
    await site.until(lambda: not site.relay.is_away)
    assert PROBE in site.bus.published


async def test_a_bus_that_is_not_connected_is_away(site: Site) -> None:
    assert not site.relay.is_away
    await site.bus.stop()
    assert site.relay.is_away


@pytest.mark.parametrize(
    ("limits", "after_ms"),
    [
        (RelayLimits(retry_s=0.01, unrelayed_entries_max=3), 0),
        (RelayLimits(retry_s=0.01, unrelayed_ms_max=60_000), 60_000),
    ],
    ids=["entries", "age"],
)
async def test_beyond_a_limit_nothing_more_is_taken_until_the_bus_is_back(
    limits: RelayLimits, after_ms: int
) -> None:
    site = Site(limits)
    await site.bus.start()
    site.relay.start()
    site.relay.check_room()
    site.bus.is_lost = True
    site.relay.committed([killed(1, 0), stated(1, 1)])
    site.relay.check_room()
    site.relay.committed([stated(1, 2)])
    site.now_ms += after_ms
    with pytest.raises(BusBacklogged):
        site.relay.check_room()
    site.bus.is_lost = False
    await site.relayed(1, 3)
    site.relay.check_room()
    await site.relay.stop()


async def test_stopping_publishes_what_has_committed() -> None:
    site = Site()
    await site.bus.start()
    site.relay.start()
    for index in range(10):
        site.relay.committed([killed(1, index)])
    await asyncio.wait_for(site.relay.stop(), 2)
    assert site.bus.causes == list(range(10))
    assert site.cursors[1][-1] == 10


async def test_stopping_while_the_bus_is_away_ends_and_moves_no_cursor() -> None:
    site = Site()
    await site.bus.start()
    site.bus.is_lost = True
    site.rows.queued = [50]
    site.relay.start()
    for index in range(100):
        site.relay.committed([killed(1, index)])
    await asyncio.wait_for(site.relay.stop(), 2)
    assert site.cursors == {}


async def test_a_record_that_nobody_can_send_holds_back_no_other(site: Site) -> None:
    class Broken(LosingBus):
        async def publish(self, batch: Any) -> None:
            if self.tried == 0:
                self.tried += 1
                raise ZeroDivisionError
            await super().publish(batch)

    broken = Broken()
    await broken.start()
    site.relay._bus = broken
    site.relay.committed([killed(1, 0)])
    await site.relayed(1, 1)
    site.relay.committed([killed(1, 1)])
    await site.relayed(1, 2)
    assert broken.causes == [1]


def test_a_new_version_of_the_directory_is_a_signal() -> None:
    body = directory_signal(7).body
    assert (body.kind, body.version) == (SignalKind.DIRECTORY, 7)  # type: ignore[union-attr]
