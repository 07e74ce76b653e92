"""Retention on PostgreSQL: partitions go beside the traffic, and whatever interrupts it goes on."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from exchange.storage.postgres.schema import BY_TIME, DAY_MS
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import GroupFacts, GroupWrite, Retired
from signing.errors import SealwayError
from tests.conformance.storage.rows import (
    HEAD,
    NOW,
    accept,
    end,
    exchange,
    id_of,
    message,
    plan,
)
from tests.integration.storage.conftest import opened

TODAY = NOW // DAY_MS
TOMORROW = (TODAY + 1) * DAY_MS


async def tables_of_day(dsn: str, day: int) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE $1", f"%\\_d{day}"
        )
        return {row[0].rpartition("_d")[0] for row in rows}
    finally:
        await connection.close()


def tomorrows(number: int) -> bytes:
    return TOMORROW.to_bytes(6, "big") + number.to_bytes(10, "big")


async def test_whole_days_are_dropped_and_an_id_of_theirs_is_refused(
    ours: PostgresStore, dsn: str
) -> None:
    head = await accept(ours, HEAD, exchange(1))
    assert await tables_of_day(dsn, TODAY) == set(BY_TIME)
    assert await ours.retire(TOMORROW) == Retired(4, 1)  # and the three days before, empty
    for day in range(TODAY - 3, TODAY + 1):
        assert await tables_of_day(dsn, day) == set()
    assert await tables_of_day(dsn, TODAY + 1) == set(BY_TIME)
    for number in (1, 2):
        with pytest.raises(SealwayError) as no:
            await accept(ours, head, exchange(number))
        assert no.value.code == "log-unavailable"
    assert (await ours.reads.head(1)) is not None


async def accept_tomorrows(store: PostgresStore, done: asyncio.Event) -> int:
    """Accept and read one request after the other until told to stop; how many."""
    head, count = HEAD, 0

    def fill(write: GroupWrite, facts: GroupFacts) -> None:
        row = replace(message(count), id=tomorrows(count))
        write.messages.append((row, head.size, bytes(32), NOW))
        write.exchanges.append((replace(exchange(count), id=tomorrows(count)), NOW))

    while not done.is_set():
        _, write = await store.commit(plan(head, fill))
        assert write is not None
        head = write.head
        assert await store.reads.exchange(tomorrows(count)) is not None
        count += 1
    return count


async def test_traffic_goes_on_while_days_leave(ours: PostgresStore, theirs: PostgresStore) -> None:
    done = asyncio.Event()
    running = asyncio.create_task(accept_tomorrows(ours, done))
    await asyncio.sleep(0.2)
    retired = await theirs.retire(TOMORROW)
    await asyncio.sleep(0.1)
    done.set()
    assert await running > 10
    assert retired.days == 4
    assert len(await ours.due_to_expire(NOW + 2 * DAY_MS, 10_000)) == await running


async def test_several_who_retire_at_once_lose_nothing(
    ours: PostgresStore, theirs: PostgresStore, dsn: str
) -> None:
    await accept(ours, HEAD, *(exchange(n) for n in range(20)))
    done = await asyncio.gather(*(store.retire(TOMORROW) for store in (ours, theirs) * 2))
    assert sum(one.kept for one in done) == 20
    await ours.retire(TOMORROW)
    assert await tables_of_day(dsn, TODAY) == set()
    assert [n for n in range(20) if await ours.reads.message(id_of(n)) is None] == []


async def test_a_detaching_that_was_interrupted_is_finished(ours: PostgresStore, dsn: str) -> None:
    await accept(ours, HEAD, exchange(1))
    reader, cut = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        transaction = reader.transaction()
        await transaction.start()
        await reader.fetch("SELECT id FROM message")
        await cut.execute("SET statement_timeout = 300")
        with pytest.raises(asyncpg.QueryCanceledError):
            await cut.execute(
                f"ALTER TABLE message DETACH PARTITION message_d{TODAY - 3} CONCURRENTLY"
            )
        await transaction.rollback()
    finally:
        await asyncio.gather(reader.close(), cut.close())
    assert (await ours.retire(TOMORROW)).days == 4
    assert await tables_of_day(dsn, TODAY - 3) == set()


async def test_a_day_that_had_begun_to_leave_goes_on(ours: PostgresStore, dsn: str) -> None:
    await accept(ours, HEAD, exchange(1))
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"ALTER TABLE message DETACH PARTITION message_d{TODAY} CONCURRENTLY")
    await connection.execute(f"DROP TABLE step_d{TODAY - 1}")
    await connection.close()
    store = await opened(dsn, "next")
    try:
        assert await store.retire(TOMORROW) == Retired(4, 1)
        assert await store.reads.message(id_of(1)) is not None
    finally:
        await store.close()
    assert await tables_of_day(dsn, TODAY) == set()


async def test_days_that_left_are_not_made_again(ours: PostgresStore, dsn: str) -> None:
    later = NOW + 40 * DAY_MS
    await ours.make_partitions(later)
    await ours.retire(later - 31 * DAY_MS)
    assert await ours.make_partitions(later) == 0
    assert await tables_of_day(dsn, TODAY) == set()


async def test_what_is_kept_is_no_longer_ended(ours: PostgresStore) -> None:
    head = await accept(ours, HEAD, exchange(1))
    await ours.retire(TOMORROW)

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.ends.append(end(1, 2))

    with pytest.raises(SealwayError):
        await ours.commit(plan(head, answer))
    found = await ours.reads.exchange(id_of(1))
    assert found is not None
    assert found.state == "open"
