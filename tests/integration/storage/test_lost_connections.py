"""Outside of groups: a connection that ends is replaced, and what was on its way is done once."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from exchange.ledger.shards import empty_head
from exchange.storage.errors import StorageInDoubt, StorageUnavailable
from exchange.storage.migrations import migrate
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import DeliveryState, Park, StepRow
from tests.conformance.storage.rows import HEAD, NOW, OFFICE, accept, exchange, id_of
from tests.integration.storage.conftest import BUS, INSTANCE, opened
from tests.support.cut_proxy import Cut, CutProxy, cut_proxy
from tests.support.postgres_server import PostgresMissing, PostgresServer

Cutting = tuple[CutProxy, PostgresStore]
LEASE = 60_000
CUTS = pytest.mark.parametrize("what", ["request", "reply"])


@pytest.fixture
async def cutting(ours: PostgresStore, dsn: str) -> AsyncIterator[Cutting]:
    """A store whose connection can be cut; two deliveries are queued."""
    await accept(ours, HEAD, *(exchange(n, DeliveryState.QUEUED, NOW + LEASE) for n in (1, 2)))
    async with cut_proxy(dsn) as (proxy, address):
        store = await opened(address, "cut")
        await store.add_steps([StepRow(id_of(2), NOW, "known")])
        await store.park([Park(id_of(2), OFFICE, NOW + LEASE, 0, 0)])
        await store.claim(lease_of(2))
        yield proxy, store
        await store.close()


def lease_of(number: int, attempt: int = 1, owner: str = "me") -> Park:
    return Park(id_of(number), OFFICE, NOW + LEASE, attempt, 0, owner, NOW + LEASE)


def is_commit(chunk: bytes) -> bool:
    return b"COMMIT;" in chunk


@CUTS
async def test_a_read_is_asked_again(cutting: Cutting, what: Cut) -> None:
    proxy, store = cutting
    proxy.cut_next(what)
    assert await store.reads.message(id_of(1)) is not None
    assert proxy.cuts == 1


@CUTS
async def test_steps_are_added_once(cutting: Cutting, ours: PostgresStore, what: Cut) -> None:
    proxy, store = cutting
    steps = [StepRow(id_of(1), NOW - n, f"step-{n}") for n in range(3)]
    proxy.cut_next(what)
    await store.add_steps(steps)
    assert proxy.cuts == 1
    assert await ours.reads.steps(id_of(1)) == steps


@CUTS
async def test_a_claim_whose_reply_was_lost_is_ours(
    cutting: Cutting, ours: PostgresStore, what: Cut
) -> None:
    proxy, store = cutting
    proxy.cut_next(what)
    assert await store.claim(lease_of(1))
    assert proxy.cuts == 1
    assert not await ours.claim(lease_of(1, owner="you"))
    assert not await store.claim(lease_of(1)), "asked anew it is begun already"


@CUTS
async def test_a_delivery_is_parked_once_with_its_step(
    cutting: Cutting, ours: PostgresStore, what: Cut
) -> None:
    proxy, store = cutting
    step = StepRow(id_of(1), NOW, "provider-timeout", 1, NOW + 500)
    proxy.cut_next(what, is_commit)
    await store.park([Park(id_of(1), OFFICE, NOW + 500, 1, 0, step=step)])
    assert proxy.cuts == 1
    (row,) = await ours.reads.deliveries(id_of(1))
    assert (row.state, row.due_at_ms, row.attempt) == (DeliveryState.QUEUED, NOW + 500, 1)
    assert await ours.reads.steps(id_of(1)) == [step]


async def test_a_park_whose_reply_was_lost_takes_nothing_from_who_claimed_it_since(
    cutting: Cutting, ours: PostgresStore
) -> None:
    proxy, store = cutting
    proxy.cut_next("reply", is_commit)
    proxy.down_after_cut = True
    parking = asyncio.create_task(store.park([Park(id_of(1), OFFICE, NOW, 0, 0)]))
    async with asyncio.timeout(5):
        while not await ours.claim_due("you", NOW, NOW + LEASE, 10):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert await ours.claim(lease_of(1, owner="you"))
    proxy.down = False
    await parking
    (row,) = await ours.reads.deliveries(id_of(1))
    assert (row.owner, row.attempt) == ("you", 1)


@CUTS
async def test_a_log_is_opened_and_taken_once(
    cutting: Cutting, ours: PostgresStore, what: Cut
) -> None:
    proxy, store = cutting
    other = empty_head(2, "sx.example/log/2")
    proxy.cut_next(what)
    await store.open_log(other)
    assert proxy.cuts == 1
    assert await ours.reads.head(2) == other
    proxy.cut_next(what)
    taken = await store.take_log(2)
    assert taken is not None
    assert await store.renew_log(2, taken.epoch)


WRITES: dict[str, Callable[[PostgresStore], Awaitable[object]]] = {
    "claim": lambda store: store.claim(lease_of(1)),
    "steps": lambda store: store.add_steps([StepRow(id_of(1), NOW, "step")]),
    "note": lambda store: store.save_note(1, "note", 2),
    "due": lambda store: store.claim_due("cut", NOW + LEASE, NOW + 2 * LEASE, 1),
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_nobody_can_be_asked_about_is_in_doubt(
    cutting: Cutting, name: str
) -> None:
    proxy, store = cutting
    proxy.down_after_cut = True
    proxy.cut_next("reply")
    with pytest.raises(StorageInDoubt):
        await WRITES[name](store)
    with pytest.raises(StorageUnavailable):
        await WRITES[name](store)
    proxy.down = False
    await WRITES[name](store)


async def test_ended_connections_are_replaced(ours: PostgresStore, dsn: str) -> None:
    await accept(ours, HEAD, exchange(1))
    await asyncio.gather(*(ours.reads.heads() for _ in range(8)))
    admin = await asyncpg.connect(dsn)
    for _ in range(3):
        ended = await admin.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert ended >= 1
        assert await ours.reads.message(id_of(1)) is not None
        await ours.add_steps([StepRow(id_of(1), NOW, "a-step")])
    await admin.close()


async def test_a_server_that_says_nothing_counts_as_away_within_seconds(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(silent, tmp_path / ".s.PGSQL.5432")
    before = asyncio.get_running_loop().time()
    with pytest.raises(StorageUnavailable):
        await opened(f"postgresql://me@/sealway?host={tmp_path}", "me")
    assert asyncio.get_running_loop().time() - before < 6
    server.close()


async def until_ready(url: str) -> None:
    for _ in range(200):
        try:
            connection = await asyncpg.connect(url, timeout=1)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return
    raise AssertionError("PostgreSQL didn't start")


@pytest.mark.slow
async def test_a_store_goes_on_after_its_server_was_killed_and_started_again() -> None:
    server = PostgresServer()
    try:
        server.lay_out()
    except PostgresMissing as missing:
        pytest.skip(str(missing))

    def start() -> subprocess.Popen[bytes]:
        out = subprocess.DEVNULL
        return subprocess.Popen(
            server.command, user=server.account, cwd=server.folder, stdout=out, stderr=out
        )

    running = start()
    try:
        await until_ready(server.url)
        await migrate(server.url, BUS, INSTANCE, NOW)
        store = await opened(server.url, "me")
        await store.open_log(HEAD)
        head = await accept(store, HEAD, exchange(1))
        os.kill(running.pid, signal.SIGQUIT)  # at once, nothing written: recovery at its start
        await asyncio.to_thread(running.wait, 10)
        before = asyncio.get_running_loop().time()
        for refused in (store.reads.heads(), store.add_steps([StepRow(id_of(1), NOW, "lost")])):
            with pytest.raises(StorageUnavailable):
                await refused
        assert asyncio.get_running_loop().time() - before < 3
        running = start()
        await until_ready(server.url)
        await accept(store, head, exchange(2))
        assert await store.reads.message(id_of(1)) is not None
        assert await store.reads.message(id_of(2)) is not None
        await store.close()
    finally:
        os.kill(running.pid, signal.SIGQUIT)
        await asyncio.to_thread(running.wait, 10)
        server.remove()
