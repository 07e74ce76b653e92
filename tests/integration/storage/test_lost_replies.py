"""A connection that ends inside a commit: what is committed is found out, never guessed."""

from collections.abc import AsyncIterator

import pytest

from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import CommitResult, GroupFacts, GroupWrite, ShardHead
from signing.errors import SealwayError
from tests.conformance.storage.rows import HEAD, accept, exchange, id_of, plan
from tests.integration.storage.conftest import opened
from tests.support.cut_proxy import Cut, CutProxy, cut_proxy

Cutting = tuple[CutProxy, PostgresStore, ShardHead]


@pytest.fixture
async def cutting(ours: PostgresStore, dsn: str) -> AsyncIterator[Cutting]:
    """A store whose connection can be cut, and the log's head once its statements are known."""
    async with cut_proxy(dsn) as (proxy, address):
        store = await opened(address, "cut", in_doubt_s=1.0)
        head = HEAD
        for number in (1, 2):
            head = await accept(store, head, exchange(number))
        yield proxy, store, head
        await store.close()


def with_record(write: GroupWrite, facts: GroupFacts) -> None:
    """A row that takes the group the slow way."""
    write.records.append((write.head.size - 1, b"record", b"salt", None))


def is_commit(chunk: bytes) -> bool:
    return b"COMMIT;" in chunk


@pytest.mark.parametrize("what", ["request", "reply"])
async def test_a_cut_statement_is_committed_once(
    cutting: Cutting, ours: PostgresStore, what: Cut
) -> None:
    proxy, store, head = cutting
    proxy.cut_next(what)
    head = await accept(store, head, exchange(3))
    assert proxy.cuts == 1
    (found,) = await ours.reads.heads()
    assert (found.size, found.root) == (3, head.root)
    assert await ours.reads.exchange(id_of(3)) is not None
    await accept(store, head, exchange(4))


@pytest.mark.parametrize("what", ["request", "reply"])
async def test_a_cut_transaction_is_committed_once(
    cutting: Cutting, ours: PostgresStore, what: Cut
) -> None:
    proxy, store, head = cutting
    proxy.cut_next(what, is_commit)
    result, write = await store.commit(plan(head, with_record))
    assert proxy.cuts == 1
    assert result is CommitResult.COMMITTED
    assert write is not None
    (found,) = await ours.reads.heads()
    assert (found.size, found.root) == (3, write.head.root)
    assert await ours.reads.record(1, 2) is not None


async def test_a_log_that_was_taken_meanwhile_is_lost(
    cutting: Cutting, ours: PostgresStore
) -> None:
    proxy, store, head = cutting
    await ours.take_log(1)
    proxy.cut_next("reply")
    result, write = await store.commit(plan(head, lambda write, facts: None))
    assert proxy.cuts == 1
    assert (result, write) == (CommitResult.SHARD_LOST, None)
    assert [one.size for one in await ours.reads.heads()] == [2]


async def test_when_nobody_can_be_asked_the_outcome_is_unknown(
    cutting: Cutting, ours: PostgresStore
) -> None:
    proxy, store, head = cutting
    proxy.down_after_cut = True
    proxy.cut_next("reply")
    with pytest.raises(SealwayError) as no:
        await accept(store, head, exchange(3))
    assert no.value.code == "outcome-unknown"
    assert await ours.reads.exchange(id_of(3)) is not None


async def test_a_database_that_is_away_takes_nothing_and_comes_back(
    cutting: Cutting, ours: PostgresStore
) -> None:
    proxy, store, head = cutting
    proxy.down_after_cut = True
    proxy.cut_next("request")
    with pytest.raises(SealwayError):
        await store.reads.heads()
    with pytest.raises(SealwayError) as no:
        await accept(store, head, exchange(3))
    assert no.value.code == "log-unavailable"
    proxy.down = False
    await accept(store, head, exchange(3))
    assert [one.size for one in await ours.reads.heads()] == [3]
