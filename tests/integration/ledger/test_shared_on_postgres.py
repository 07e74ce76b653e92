"""The ledger of two processes on one PostgreSQL: logs lost, in doubt, taken over; receipts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.ledger.entries import Duplicate, Placed
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.holding import Holding
from exchange.ledger.log_writer import LogLost, LogWriter
from exchange.ledger.logs import Logs
from exchange.ledger.receipts import Receipts
from exchange.ledger.shards import empty_head
from exchange.storage.errors import StorageInDoubt
from exchange.storage.migrations import migrate
from exchange.storage.postgres.store import PostgresStore
from signing.errors import SealwayError
from signing.receipts import verify_receipt
from tests.conformance.storage.rows import NOW
from tests.integration.storage.conftest import opened
from tests.support import postgres as servers
from tests.support.cut_proxy import cut_proxy
from tests.support.shared_logs import (
    FixedLog,
    LogKeys,
    OneProcess,
    Site,
    act,
    commit,
    entry,
    origin,
)

LOGS = (0, 1, 2)


class Machine:
    """Processes on one database, with one mark file."""

    def __init__(self, site: Site, dsn: str) -> None:
        self.site = site
        self.dsn = dsn
        self._stores: list[PostgresStore] = []

    async def process(self, owner: str, dsn: str | None = None, **more: float) -> OneProcess:
        """One more process, connected."""
        store = await opened(dsn or self.dsn, owner, **more)
        self._stores.append(store)
        return OneProcess(store, self.site.marks(), self.site.keys)

    async def close(self) -> None:
        """Disconnect everybody."""
        for store in self._stores:
            await store.close()


@pytest.fixture(scope="session")
def server() -> str:
    """A PostgreSQL; skipped with the reason where there is none."""
    return servers.server()


@pytest.fixture
async def machine(server: str, tmp_path: Path) -> AsyncIterator[Machine]:
    dsn = await servers.new_database(server)
    await migrate(dsn, "sx.example", "sx", NOW)
    site = Site(tmp_path, *LOGS)
    made = Machine(site, dsn)
    first = await made.process("first")
    for number in LOGS:
        await first.store.open_log(empty_head(number, origin(number)))
    yield made
    await made.close()
    site.close()
    await servers.drop_database(server, dsn)


async def take(process: OneProcess, number: int) -> LogWriter:
    head = await process.store.take_log(number)
    assert head is not None
    return await process.open(head)


def placed(outcomes: list[object]) -> list[Placed]:
    return [one for one in outcomes if isinstance(one, Placed)]


async def test_a_log_that_was_taken_over_is_lost_followed_and_still_signed(
    machine: Machine,
) -> None:
    ours, theirs = await machine.process("ours"), await machine.process("theirs")
    first = await take(ours, 1)
    await commit(first, 1, 2)
    await ours.store.release_log(1, first.head.epoch)
    second = await take(theirs, 1)
    await commit(second, 3)
    await second.seal(3)
    with pytest.raises(LogLost):
        await commit(first, 4)
    await asyncio.wait_for(first.seal(2), 10)
    assert first.tree == second.tree
    await asyncio.wait_for(first.seal(3), 10)
    assert first.signed == second.signed
    with pytest.raises(LogLost):
        await commit(first, 4)


async def test_log_0_is_written_by_both_in_turn(machine: Machine) -> None:
    writers = [await (await machine.process(name)).writer(0) for name in ("ours", "theirs")]

    async def write(writer: LogWriter, number: int) -> int:
        for attempt in range(50):
            try:
                (place,) = placed(list((await commit(writer, number)).outcomes))
            except LogLost:
                await writer.follow()
                await asyncio.sleep(0.002 * (attempt % 5))
                continue
            await writer.seal(writer.head.size)
            return place.index
        raise AssertionError("never its turn")

    async def several(writer: LogWriter, first: int) -> list[int]:
        return [await write(writer, first + number) for number in range(20)]

    indexes = await asyncio.gather(several(writers[0], 0), several(writers[1], 100))
    assert sorted(indexes[0] + indexes[1]) == list(range(40))
    for writer in writers:
        await writer.follow()
        await writer.seal(40)
    assert writers[0].signed == writers[1].signed


@pytest.mark.parametrize("what", ["request", "reply"])
async def test_after_a_commit_in_doubt_the_log_is_taken_again_and_nothing_is_doubled(
    machine: Machine, what: str
) -> None:
    async with cut_proxy(machine.dsn) as (proxy, address):
        process = await machine.process("cut", address, in_doubt_s=0.3)
        holding = held_by(machine, process)
        await holding.start()
        committer = GroupCommitter(holding, lambda: 0, lambda pairs: None)
        committer.start()
        first = await committer.submit(entry(1), 0)
        lost = holding.writer
        proxy.down_after_cut = True
        proxy.cut_next(what)  # type: ignore[arg-type]
        with pytest.raises(SealwayError) as doubt:
            await committer.submit(entry(2), 0)
        assert isinstance(doubt.value, StorageInDoubt)
        proxy.down = False
        again = await until_recorded(committer, 2)
        assert holding.writer is not lost
        kinds = {"request": Placed, "reply": Duplicate}
        assert isinstance(again, kinds[what])
        later = await committer.submit(entry(3), 0)
        assert [first.index, again.index, later.index] == [0, 1, 2]  # type: ignore[union-attr]
        await committer.stop()
        await holding.stop()
        await process.store.close()


def held_by(machine: Machine, process: OneProcess) -> Holding:
    def relayed(writer: LogWriter) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def another() -> int:
        raise AssertionError("there are enough")

    numbers = [number for number in LOGS if number > 0]
    return Holding(
        process.store,
        process.open,
        lambda: numbers,
        another,
        machine.site.freeze,
        relayed,
        lease_s=15,
    )


async def until_recorded(committer: GroupCommitter, number: int) -> object:
    """Send the same again until it is recorded, as a client does."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await committer.submit(entry(number), 0)
            except SealwayError:
                await asyncio.sleep(0.05)


async def test_two_processes_hold_a_log_each_and_give_them_back(machine: Machine) -> None:
    ours, theirs = [held_by(machine, await machine.process(name)) for name in ("ours", "theirs")]
    await asyncio.gather(ours.start(), theirs.start())
    assert {ours.writer.head.shard, theirs.writer.head.shard} == {1, 2}
    await commit(ours.writer, 1)
    await asyncio.gather(ours.stop(), theirs.stop())
    reads = (await machine.process("reader")).store.reads
    leases = [lease for lease in await reads.leases() if lease.shard > 0]
    assert not any(lease.is_held for lease in leases)
    assert all(lease.note_size == lease.size for lease in leases)


async def test_a_receipt_of_anothers_log(machine: Machine) -> None:
    ours, theirs = await machine.process("ours"), await machine.process("theirs")
    second = await take(theirs, 2)

    async def view(number: int) -> LogWriter | None:
        head = await ours.store.reads.head(number)
        return None if head is None else await ours.open(head)

    held = FixedLog(await take(ours, 1))
    logs = Logs(await ours.writer(0), held, view)
    receipts = Receipts(logs)
    verifier = machine.site.keys.signers[2].verifier
    for number in range(3):
        (place,) = placed(list((await commit(second, number)).outcomes))
        if number != 1:  # one that its holder has signed and stored, two that nobody has
            await second.seal(second.head.size)
            await second.save()
        text = await receipts.receipt(place)
        assert verify_receipt(text, act(number), verifier).index == number
    (other,) = placed(list((await commit(held.writer, 9)).outcomes))
    key = machine.site.keys.signers[1].verifier
    assert verify_receipt(await receipts.receipt(other), act(9), key).index == 0
    await logs.close()


def test_the_keys_of_two_sites_differ() -> None:
    """Else a forged note in these tests would be none."""
    assert LogKeys(1).signers[1].verifier != LogKeys(1).signers[1].verifier
