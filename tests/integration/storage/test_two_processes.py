"""Two processes on one PostgreSQL: no deadlock, no double, one end; leases and their epochs."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from exchange.ledger.shards import empty_head
from exchange.storage.postgres.schema import DAY_MS
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import (
    CommitResult,
    DeliveryState,
    ExchangeState,
    GroupFacts,
    GroupPlan,
    GroupQuestions,
    GroupWrite,
    ObjectRow,
    ShardHead,
)
from signing.errors import SealwayError
from tests.conformance.storage.rows import (
    HEAD,
    NOW,
    OFFICE,
    accept,
    end,
    exchange,
    id_of,
    message,
    plan,
)
from tests.integration.storage.conftest import opened

OTHER_HEAD = empty_head(2, "sx.example/log/2")


def new_ones(head: ShardHead, numbers: list[int]) -> GroupPlan:
    """A group of those messages that nobody has accepted yet."""

    def fill(write: GroupWrite, facts: GroupFacts) -> None:
        rows = [message(n) for n in numbers if id_of(n) not in facts.messages]
        write.messages += [(row, head.size + n, bytes(32), NOW) for n, row in enumerate(rows)]

    asked = GroupQuestions([id_of(n) for n in numbers])
    return plan(head, fill, count=len(numbers), questions=asked)


async def deadlocks(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(
            await connection.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
        )
    finally:
        await connection.close()


async def test_two_shards_with_opposite_key_orders_never_deadlock(
    ours: PostgresStore, theirs: PostgresStore, dsn: str
) -> None:
    await theirs.open_log(OTHER_HEAD)
    mine, other = HEAD, OTHER_HEAD
    for start in range(0, 200, 20):
        numbers = list(range(start, start + 20))
        (_, one), (_, two) = await asyncio.gather(
            ours.commit(new_ones(mine, numbers)), theirs.commit(new_ones(other, numbers[::-1]))
        )
        assert one is not None
        assert two is not None
        mine, other = one.head, two.head
        accepted = [row[0].id for write in (one, two) for row in write.messages]
        assert sorted(accepted) == [id_of(n) for n in numbers]
    assert await deadlocks(dsn) == 0


async def test_two_shards_that_end_one_exchange_give_it_one_end(
    ours: PostgresStore, theirs: PostgresStore
) -> None:
    await theirs.open_log(OTHER_HEAD)
    head = await accept(ours, HEAD, *(exchange(n) for n in range(10)))

    def ending(head: ShardHead, answer: int, numbers: list[int]) -> GroupPlan:
        def fill(write: GroupWrite, facts: GroupFacts) -> None:
            is_open = [n for n in numbers if facts.exchanges[id_of(n)] is ExchangeState.OPEN]
            write.ends += [end(n, answer) for n in is_open]

        asked = GroupQuestions(exchanges=[id_of(n) for n in numbers])
        return plan(head, fill, questions=asked)

    (_, one), (_, two) = await asyncio.gather(
        ours.commit(ending(head, 100, list(range(10)))),
        theirs.commit(ending(OTHER_HEAD, 200, list(range(9, -1, -1)))),
    )
    assert one is not None
    assert two is not None
    ended = {row.id: row.answer for write in (one, two) for row in write.ends}
    assert len(one.ends) + len(two.ends) == 10
    for number in range(10):
        found = await ours.reads.exchange(id_of(number))
        assert found is not None
        assert (found.state, found.answer) == (ExchangeState.ANSWERED, ended[id_of(number)])


async def test_due_deliveries_go_to_one_process_each(
    ours: PostgresStore, theirs: PostgresStore
) -> None:
    await accept(ours, HEAD, *(exchange(n, DeliveryState.QUEUED) for n in range(60)))
    taken = await asyncio.gather(
        *(store.claim_due(store.owner, NOW, NOW + 9, 4) for store in [ours, theirs] * 10)
    )
    ids = [row.id for rows in taken for row in rows]
    assert len(ids) == len(set(ids))
    while rest := await theirs.claim_due("theirs", NOW, NOW + 9, 4):
        ids += [row.id for row in rest]
    assert sorted(ids) == [id_of(n) for n in range(60)]


async def test_a_mailbox_leases_each_delivery_to_one(
    ours: PostgresStore, theirs: PostgresStore
) -> None:
    await accept(ours, HEAD, *(exchange(n) for n in range(40)))
    leased = await asyncio.gather(
        *(store.lease_mailbox(OFFICE, [], NOW, NOW + 9, 5) for store in [ours, theirs] * 6)
    )
    ids = [row.id for rows in leased for row in rows]
    assert len(ids) == len(set(ids))
    assert {row.attempt for rows in leased for row in rows} == {1}


async def test_what_a_dead_process_had_in_hand_is_due_and_nothing_else(
    ours: PostgresStore, theirs: PostgresStore
) -> None:
    await accept(ours, HEAD, *(exchange(n, DeliveryState.QUEUED) for n in range(4)))
    lost = await theirs.claim_due("theirs", NOW, NOW + 60_000, 2)
    await ours.claim_due("ours", NOW, NOW + 60_000, 2)
    assert await ours.reclaim(NOW, "theirs") == 2
    again = await ours.claim_due("ours", NOW, NOW + 60_000, 10)
    assert {row.id for row in again} == {row.id for row in lost}


async def test_no_group_commits_under_a_directory_that_has_moved_on(
    ours: PostgresStore, theirs: PostgresStore
) -> None:
    await ours.open_log(empty_head(0, "sx.example/log/0"))

    def change(write: GroupWrite, facts: GroupFacts) -> None:
        write.objects.append((ObjectRow("system", "sx/GOV/7/x", "{}"), 1, 0))
        write.directory_version = 1

    zero = empty_head(0, "sx.example/log/0")
    both = await asyncio.gather(
        ours.commit(plan(zero, change)),
        *(theirs.commit(new_ones(HEAD, [n])) for n in range(6)),
    )
    assert both[0][0] is CommitResult.COMMITTED
    assert {result for result, _ in both[1:]} <= set(CommitResult)
    late = await theirs.commit(new_ones(HEAD, [9]))
    assert late[0] in (CommitResult.DIRECTORY_CHANGED, CommitResult.SHARD_LOST)
    assert await ours.reads.message(id_of(9)) is None


async def test_a_log_is_held_by_one_and_its_lease_is_renewed_by_commits(
    ours: PostgresStore, dsn: str
) -> None:
    quick = await opened(dsn, "quick", lease_ms=300)
    try:
        head = await quick.take_log()
        assert head is not None
        assert (head.shard, head.epoch) == (1, 2)
        assert await ours.take_log() is None
        for number in range(4):
            await asyncio.sleep(0.15)
            head = await accept(quick, head, exchange(number))
        assert await ours.take_log(1) is None
        await asyncio.sleep(0.4)
        taken = await ours.take_log(1)
        assert taken is not None
        assert (taken.epoch, taken.size, taken.root) == (3, 4, head.root)
        stale = await quick.commit(new_ones(head, [99]))
        assert stale == (CommitResult.SHARD_LOST, None)
        assert not await quick.renew_log(1, 2)
        assert await ours.renew_log(1, 3)
        await ours.release_log(1, 3)
        assert await quick.take_log(1) is not None
    finally:
        await quick.close()


async def test_many_who_want_a_log_get_one_each(ours: PostgresStore, dsn: str) -> None:
    for number in (2, 3):
        await ours.open_log(empty_head(number, f"sx.example/log/{number}"))
    stores = [await opened(dsn, f"p{n}", connections_max=1) for n in range(4)]
    try:
        heads = await asyncio.gather(*(store.take_log() for store in stores))
        assert sorted(head.shard if head else 0 for head in heads) == [0, 1, 2, 3]
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_processes_that_start_at_once_make_the_days_once(dsn: str) -> None:
    stores = await asyncio.gather(*(opened(dsn, f"p{n}", connections_max=1) for n in range(4)))
    try:
        assert [await store.days_ahead(NOW) for store in stores] == [7] * 4
        assert await stores[0].make_partitions(NOW) == 0
        assert await stores[0].make_partitions(NOW + 2 * DAY_MS) == 8
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_another_buss_database_is_refused(ours: PostgresStore, dsn: str) -> None:
    other = PostgresStore(dsn, "other")
    with pytest.raises(SealwayError, match="belongs to bus sx"):
        await other.open("sy.example", "sy", NOW)


async def test_an_id_outside_the_days_that_are_made_is_refused_whole(ours: PostgresStore) -> None:
    far = (NOW + 30 * DAY_MS).to_bytes(6, "big") + bytes(10)

    def fill(write: GroupWrite, facts: GroupFacts) -> None:
        row = message(1)
        out = replace(row, id=far)
        write.messages += [(row, 0, bytes(32), NOW), (out, 1, bytes(32), NOW)]

    with pytest.raises(SealwayError) as no:
        await ours.commit(plan(HEAD, fill, count=2))
    assert no.value.code == "log-unavailable"
    assert await ours.reads.message(id_of(1)) is None
    assert replace((await ours.reads.heads())[0], note=None) == HEAD
