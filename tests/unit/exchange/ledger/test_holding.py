"""The log a process holds: taken, renewed, lost, put aside; and logs of others it finishes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from exchange.ledger.errors import LogUnavailable
from exchange.ledger.holding import Holding
from exchange.ledger.log_writer import LogLost, LogWriter
from exchange.ledger.orphans import is_orphan
from exchange.storage.rows import ShardLease
from tests.support.shared_logs import OneProcess, Site, commit, origin


class Held:
    """A holding, and what it did."""

    def __init__(self, site: Site, owner: str, machine: str = "one") -> None:
        self.site = site
        self.process: OneProcess = site.process(owner, machine)
        self.taken: list[LogWriter] = []
        self.notes_at_taking: list[int] = []
        self.relays = True
        self.log = self.make()

    def make(self, lease_s: float | None = 0.3, **more: Any) -> Holding:
        site = self.site
        return Holding(
            self.process.store,
            self.process.open,
            lambda: list(site.keys.signers),
            more.get("another", site.another),
            site.freeze,
            self._on_taken,
            lease_s,
        )

    def _on_taken(self, writer: LogWriter) -> "asyncio.Future[None]":
        self.taken.append(writer)
        self.notes_at_taking.append(self.site.database.heads[writer.head.shard].note_size)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.relays:
            self.log.relayed(writer.head.shard, writer.head.size)
            done.set_result(None)
        return done


async def until(what: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)


def holds(held: Held) -> bool:
    try:
        return held.log.writer is not None
    except LogUnavailable:
        return False


@pytest.fixture
def ours(site: Site) -> Held:
    return Held(site, "ours")


async def test_two_processes_hold_two_logs(site: Site, ours: Held) -> None:
    theirs = Held(site, "theirs")
    await asyncio.gather(ours.log.start(), theirs.log.start())
    assert {ours.log.writer.head.shard, theirs.log.writer.head.shard} == {1, 2}
    assert sorted(site.database.heads) == [1, 2], "the second was opened for it"
    assert ours.taken == [ours.log.writer]
    await asyncio.gather(ours.log.stop(), theirs.log.stop())
    assert site.database.owners == {}


async def test_a_log_is_given_back_signed_and_saved(site: Site, ours: Held) -> None:
    await ours.log.start()
    await commit(ours.log.writer, 1, 2)
    ours.log.relayed(1, 2)
    await ours.log.stop()
    head = site.database.heads[1]
    assert (head.note_size, head.relayed_to, site.database.owners) == (2, 2, {})
    with pytest.raises(LogUnavailable):
        ours.log.writer.seal(2)


async def test_a_lost_log_is_left_and_what_it_committed_is_signed(site: Site, ours: Held) -> None:
    await ours.log.start()
    lost = ours.log.writer
    await commit(lost, 1)
    site.database.owners.clear()
    theirs = Held(site, "theirs")
    await theirs.log.start()
    assert theirs.log.writer.head.shard == 1
    with pytest.raises(LogLost):
        await commit(lost, 2)
    seal = lost.seal(1)
    held = await ours.log.again(lost)
    assert held.head.shard == 2
    assert await ours.log.again(lost) is held, "asking twice takes no second log"
    assert ours.log.writer is held
    await asyncio.wait_for(seal, 5)
    await until(lambda: lost.failed is not None)
    assert lost.signed is not None, "signed to its end before it was closed"
    await asyncio.gather(ours.log.stop(), theirs.log.stop())


async def test_after_a_commit_in_doubt_the_same_log_may_be_taken_under_a_new_epoch(
    site: Site, ours: Held
) -> None:
    await ours.log.start()
    lost = ours.log.writer
    held = await ours.log.again(lost)
    assert held is not lost
    assert (held.head.shard, held.head.epoch) == (1, lost.head.epoch + 1)
    await ours.log.stop()


async def test_a_log_whose_database_is_behind_is_put_aside_and_another_opened(
    site: Site, ours: Held
) -> None:
    older = site.database.copy()
    await ours.log.start()
    await commit(ours.log.writer, 1, 2)
    await ours.log.writer.seal(2)
    lost = ours.log.writer
    site.database.put_back(older)
    with pytest.raises(LogLost):
        await commit(lost, 3)
    held = await ours.log.again(lost)
    assert held.head.shard == 2
    assert [number for number, _ in site.frozen] == [1]
    assert "2 were signed" in site.frozen[0][1]
    assert site.database.heads[1].state == "frozen"
    await ours.log.stop()


async def test_until_another_log_is_taken_what_arrives_may_wait(site: Site, ours: Held) -> None:
    await ours.log.start()
    lost = ours.log.writer
    taking = asyncio.create_task(ours.log.again(lost))
    await asyncio.sleep(0)
    assert ours.log.writer is lost
    assert lost.failed is None
    assert await taking is ours.log.writer
    await ours.log.stop()


async def test_while_the_database_is_away_it_refuses_at_once_and_goes_on_trying(
    site: Site, ours: Held
) -> None:
    await ours.log.start()
    lost = ours.log.writer
    ours.process.store.away = True
    with pytest.raises(LogUnavailable):
        await asyncio.wait_for(ours.log.again(lost), 1)
    with pytest.raises(LogUnavailable, match="No log can be written now"):
        assert ours.log.writer
    ours.process.store.away = False
    await until(lambda: holds(ours))
    assert ours.log.writer is not lost
    await ours.log.stop()


async def test_it_starts_without_a_log_and_takes_one_when_it_can(site: Site, ours: Held) -> None:
    ours.process.store.away = True
    await ours.log.start()
    assert not holds(ours)
    ours.process.store.away = False
    await until(lambda: holds(ours))
    await ours.log.stop()


async def test_an_idle_lease_is_renewed_and_a_busy_one_renews_itself(
    site: Site, ours: Held
) -> None:
    await ours.log.start()
    store = ours.process.store
    await until(lambda: store.renewals > 1)
    renewals = store.renewals
    for number in range(8):
        await commit(ours.log.writer, number)
        await asyncio.sleep(0.05)
    assert store.renewals == renewals
    await ours.log.stop()


async def test_who_finds_its_lease_gone_takes_another_log(site: Site, ours: Held) -> None:
    await ours.log.start()
    lost = ours.log.writer
    site.database.owners[1] = "theirs"
    await until(lambda: holds(ours) and ours.log.writer is not lost)
    assert ours.log.writer.head.shard == 2
    await ours.log.stop()


async def test_a_log_found_beside_what_was_signed_is_put_aside_while_it_is_held(
    site: Site, ours: Held
) -> None:
    await ours.log.start()
    first = ours.log.writer
    await commit(first, 1)
    await first.seal(1)
    site.marks().advance(origin(1), (1, first.head.root), 9, bytes(32))
    await commit(first, 2)
    with pytest.raises(Exception, match="may have been recorded"):
        await first.seal(2)
    await until(lambda: holds(ours) and ours.log.writer is not first)
    assert [number for number, _ in site.frozen] == [1]
    await ours.log.stop()


async def test_without_a_lease_nothing_is_renewed_or_looked_for(site: Site, ours: Held) -> None:
    ours.log = ours.make(lease_s=None)
    before = asyncio.all_tasks()
    await ours.log.start()
    assert asyncio.all_tasks() == before
    await ours.log.stop()


async def left_behind(site: Site, count: int) -> None:
    """A process that committed to log 1, and was killed before it signed or saved."""
    dead = site.process("dead")
    head = await dead.store.take_log(1)
    assert head is not None
    await commit(await dead.open(head), *range(count))
    site.database.owners.clear()


def borrowing(held: Held, look: Callable[[], Awaitable[None]]) -> Awaitable[None]:
    return asyncio.wait_for(look(), 5)


async def test_what_a_dead_process_left_is_signed_relayed_and_given_back(site: Site) -> None:
    await site.another()
    await left_behind(site, 3)
    site.database.owners[1] = "busy"
    ours = Held(site, "ours")
    await ours.log.start()
    del site.database.owners[1]
    await borrowing(ours, ours.log._orphans.look)
    head = site.database.heads[1]
    assert (head.note_size, head.relayed_to) == (3, 3)
    assert site.database.owners == {2: "ours"}
    assert [writer.head.shard for writer in ours.taken] == [2, 1]
    taken = len(ours.taken)
    await borrowing(ours, ours.log._orphans.look)
    assert len(ours.taken) == taken, "there is nothing left to do"
    await ours.log.stop()


async def test_an_orphan_that_cannot_be_relayed_is_signed_and_given_back(site: Site) -> None:
    await site.another()
    await left_behind(site, 3)
    site.database.owners[1] = "busy"
    ours = Held(site, "ours")
    await ours.log.start()
    del site.database.owners[1]
    ours.relays = False
    await borrowing(ours, ours.log._orphans.look)
    head = site.database.heads[1]
    assert (head.note_size, head.relayed_to) == (3, 0)
    assert ours.notes_at_taking[-1] == 3, "saved before the bus is waited for"
    assert 1 not in site.database.owners
    await ours.log.stop()


async def test_a_log_that_is_held_or_whose_key_is_not_here_is_left_alone(site: Site) -> None:
    ours = Held(site, "ours")
    await ours.log.start()
    await commit(ours.log.writer, 1)
    assert await ours.log.borrow(1) is None
    await site.another()
    del site.keys.signers[2]
    assert await ours.log.borrow(2) is None
    assert ours.log.writer.head.shard == 1
    await commit(ours.log.writer, 2)
    await ours.log.stop()


async def test_an_orphan_behind_what_was_signed_is_put_aside(site: Site) -> None:
    await site.another()
    older = site.database.copy()
    await left_behind(site, 3)
    writer = await site.process("x").writer()
    assert writer.signed is not None
    site.database.put_back(older)
    site.database.owners[1] = "busy"
    ours = Held(site, "ours")
    await ours.log.start()
    del site.database.owners[1]
    assert await ours.log.borrow(1) is None
    assert [number for number, _ in site.frozen] == [1]
    await ours.log.stop()


@pytest.mark.parametrize(
    ("change", "orphaned"),
    [
        ({}, False),
        ({"note_size": 4}, True),
        ({"relayed_to": 4}, True),
        ({"note_size": 4, "is_held": True}, False),
        ({"note_size": 4, "state": "frozen"}, False),
        ({"note_size": 4, "shard": 0}, False),
    ],
)
def test_an_orphan_is_open_undone_and_nobodys(change: dict[str, Any], orphaned: bool) -> None:
    lease = ShardLease(1, "open", None, is_held=False, size=5, note_size=5, relayed_to=5)
    assert is_orphan(replace(lease, **change)) is orphaned
