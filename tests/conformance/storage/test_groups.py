"""What any engine promises of a group: all or nothing, on top of exactly what it was decided on."""

import asyncio
from dataclasses import replace

import pytest

from exchange.storage.port import Store
from exchange.storage.rows import (
    CommitResult,
    DeliveryState,
    ExchangeState,
    GroupFacts,
    GroupQuestions,
    GroupWrite,
    ObjectPlace,
    ObjectRow,
    StoredRefusal,
)
from signing.errors import SealwayError
from tests.conformance.storage.conftest import Engine
from tests.conformance.storage.rows import (
    CONSUMER,
    COUNT,
    HEAD,
    NOW,
    OFFICE,
    accept,
    end,
    exchange,
    id_of,
    message,
    next_head,
    plan,
)


def nothing(write: GroupWrite, facts: GroupFacts) -> None:
    """A group of leaves alone."""


async def test_a_committed_group_is_read_back_as_it_was_written(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1), exchange(2))
    (found,) = await store.reads.heads()
    assert (found.size, found.root, found.origin) == (2, head.root, HEAD.origin)
    assert await store.reads.entries(1, 0, 1) == [(0, b"\0\6leaf 0\0\6leaf 1")]
    stored = await store.reads.message(id_of(2))
    assert stored is not None
    row = message(2)
    assert (stored.sender, stored.digest, stored.index) == (CONSUMER, row.digest, 1)
    assert (stored.envelope, stored.content, stored.leaf_salt) == (b"envelope", b"content", b"salt")
    assert stored.accepted_at_ms == NOW + 2
    opened = await store.reads.exchange(id_of(1))
    assert opened is not None
    assert (opened.state, opened.provider, opened.service) == (ExchangeState.OPEN, OFFICE, COUNT)
    (delivery,) = await store.reads.deliveries(id_of(1))
    assert (delivery.state, delivery.attempt, delivery.recipient) == ("ready", 0, OFFICE)


async def test_it_is_there_after_a_restart(engine: Engine) -> None:
    async with engine() as store:
        await store.open_log(HEAD)
        await accept(store, HEAD, exchange(1))
    async with engine() as store:
        assert await store.reads.message(id_of(1)) is not None
        (head,) = await store.reads.heads()
        assert head.size == 1


async def test_what_was_never_written_is_not_there(store: Store) -> None:
    assert await store.reads.message(id_of(9)) is None
    assert await store.reads.exchange(id_of(9)) is None
    assert await store.reads.deliveries(id_of(9)) == []
    assert await store.reads.record(1, 9) is None
    assert await store.reads.tile(1, 0, 0) is None
    assert await store.reads.object_place("member", "sx/GOV/9") is None


@pytest.mark.parametrize(
    "wrong", [{"size": 7}, {"root": bytes(32)}, {"epoch": 2}], ids=["size", "root", "epoch"]
)
async def test_a_group_on_another_head_writes_nothing(
    store: Store, wrong: dict[str, object]
) -> None:
    head = await accept(store, HEAD, exchange(1))
    stale = replace(plan(head, nothing), **wrong)
    assert await store.commit(stale) == (CommitResult.SHARD_LOST, None)
    assert [one.size for one in await store.reads.heads()] == [1]
    result, _ = await store.commit(plan(head, nothing))
    assert result is CommitResult.COMMITTED


async def test_a_lost_group_leaves_none_of_its_rows(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))

    def fill(write: GroupWrite, facts: GroupFacts) -> None:
        write.messages.append((message(2, OFFICE), 0, bytes(32), NOW))
        write.exchanges.append((exchange(3), NOW))
        write.ends.append(end(1, 2))
        write.tiles.append((0, 0, b"h" * 8192))

    stale = plan(HEAD, fill)
    asked = GroupQuestions([id_of(2)], [id_of(1)])
    for group in (stale, replace(stale, questions=asked)):
        assert await store.commit(group) == (CommitResult.SHARD_LOST, None)
    assert await store.reads.message(id_of(2)) is None
    assert await store.reads.exchange(id_of(3)) is None
    assert await store.reads.tile(1, 0, 0) is None
    first = await store.reads.exchange(id_of(1))
    assert first is not None
    assert first.state is ExchangeState.OPEN
    assert [one.root for one in await store.reads.heads()] == [head.root]


async def test_a_group_under_another_directory_writes_nothing(store: Store) -> None:
    assert await store.commit(plan(HEAD, nothing, version=1)) == (
        CommitResult.DIRECTORY_CHANGED,
        None,
    )
    assert [one.size for one in await store.reads.heads()] == [0]


async def test_of_two_groups_on_one_head_one_commits(store: Store) -> None:
    results = await asyncio.gather(*(store.commit(plan(HEAD, nothing)) for _ in range(4)))
    assert (
        sorted(result for result, _ in results)
        == [CommitResult.COMMITTED] + [CommitResult.SHARD_LOST] * 3
    )


async def test_a_raised_epoch_shuts_out_who_held_the_log_before(store: Store) -> None:
    await store.set_epoch(1, 2, "open")
    assert (await store.commit(plan(HEAD, nothing)))[0] is CommitResult.SHARD_LOST
    mine = replace(HEAD, epoch=2)
    assert (await store.commit(plan(mine, nothing)))[0] is CommitResult.COMMITTED


async def test_a_frozen_log_takes_nothing(store: Store) -> None:
    await store.set_epoch(1, 1, "frozen")
    assert (await store.commit(plan(HEAD, nothing)))[0] is CommitResult.SHARD_LOST


async def test_a_decision_that_raises_writes_nothing(store: Store) -> None:
    def fail(write: GroupWrite, facts: GroupFacts) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.commit(plan(HEAD, fail))
    assert (await store.commit(plan(HEAD, nothing)))[0] is CommitResult.COMMITTED


async def test_a_decision_for_nothing_writes_nothing(store: Store) -> None:
    empty = replace(plan(HEAD, nothing), decide=lambda facts: None)
    assert await store.commit(empty) == (CommitResult.COMMITTED, None)
    assert [one.size for one in await store.reads.heads()] == [0]


async def test_the_same_id_twice_aborts_the_whole_group(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))

    def again(write: GroupWrite, facts: GroupFacts) -> None:
        write.messages.append((message(2), head.size, bytes(32), NOW))
        write.messages.append((message(1), head.size + 1, bytes(32), NOW))

    with pytest.raises(SealwayError) as no:
        await store.commit(plan(head, again, count=2))
    assert no.value.code == "log-unavailable"
    assert await store.reads.message(id_of(2)) is None
    assert [one.size for one in await store.reads.heads()] == [1]
    assert (await store.commit(plan(head, nothing)))[0] is CommitResult.COMMITTED


async def test_an_end_takes_exchange_and_delivery_together(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.messages.append((message(2, OFFICE), head.size, bytes(32), NOW))
        write.ends.append(end(1, 2))

    await store.commit(plan(head, answer))
    ended = await store.reads.exchange(id_of(1))
    assert ended is not None
    assert (ended.state, ended.answer) == (ExchangeState.ANSWERED, id_of(2))
    (delivery,) = await store.reads.deliveries(id_of(1))
    assert delivery.state is DeliveryState.DONE


async def test_an_exchange_ends_once_and_a_second_end_aborts_its_group(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.ends.append(end(1, 2))

    _, first = await store.commit(plan(head, answer))
    assert first is not None

    def reject(write: GroupWrite, facts: GroupFacts) -> None:
        write.messages.append((message(3, OFFICE), first.head.size, bytes(32), NOW))
        write.ends.append(end(1, 3, ExchangeState.REJECTED))

    with pytest.raises(SealwayError):
        await store.commit(plan(first.head, reject))
    ended = await store.reads.exchange(id_of(1))
    assert ended is not None
    assert (ended.state, ended.answer) == (ExchangeState.ANSWERED, id_of(2))
    assert await store.reads.message(id_of(3)) is None


async def test_facts_are_those_of_the_moment_of_the_commit(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1), exchange(2))
    asked = GroupQuestions(
        [id_of(1), id_of(9)], [id_of(2), id_of(9)], [id_of(2)], {(OFFICE, COUNT): 9}
    )
    seen: list[GroupFacts] = []
    await store.commit(plan(head, lambda _, facts: seen.append(facts), questions=asked))
    (facts,) = seen
    stored = facts.messages[id_of(1)]
    assert (stored.digest, stored.shard, stored.index) == (message(1).digest, 1, 0)
    assert dict(facts.exchanges) == {id_of(2): ExchangeState.OPEN}
    assert dict(facts.deliveries) == {id_of(2): (DeliveryState.READY, 0)}
    assert dict(facts.boxed) == {(OFFICE, COUNT): 2}
    assert set(facts.messages) == {id_of(1)}


async def test_a_change_of_the_directory_is_seen_with_its_group(store: Store) -> None:
    def change(write: GroupWrite, facts: GroupFacts) -> None:
        row = ObjectRow("member", "sx/GOV/1001", '{"name":"é"}')
        write.objects.append((row, 1, 0))
        write.directory_version = 1

    await store.commit(plan(HEAD, change))
    assert await store.reads.directory_version() == 1
    assert await store.reads.objects() == [("member", "sx/GOV/1001", 1, '{"name":"é"}')]
    assert await store.reads.object_place("member", "sx/GOV/1001") == ObjectPlace(1, 0, 1)
    stale = await store.commit(plan(next_head(HEAD, 1), nothing, version=0))
    assert stale == (CommitResult.DIRECTORY_CHANGED, None)


async def test_leaves_are_read_by_any_range(store: Store) -> None:
    head = HEAD
    for count in (3, 1, 5):
        _, write = await store.commit(plan(head, nothing, count=count))
        assert write is not None
        head = write.head
    for first in range(9):
        for last in range(first, 9):
            groups = await store.reads.entries(1, first, last)
            starts = [start for start, _ in groups]
            assert starts == [s for s, c in ((0, 3), (3, 1), (4, 5)) if s <= last and s + c > first]


async def test_records_refusals_and_tiles_are_kept(store: Store) -> None:
    def fill(write: GroupWrite, facts: GroupFacts) -> None:
        write.records.append((0, b"record", b"salt", None))
        write.refusals.append((0, id_of(1), "not-allowed", b"env", b"salt", b"key", NOW))
        write.tiles.append((0, 0, b"h" * 8192))

    await store.commit(plan(HEAD, fill))
    assert await store.reads.record(1, 0) == (b"record", b"salt", None)
    assert await store.reads.tile(1, 0, 0) == b"h" * 8192


async def test_the_last_note_is_kept(store: Store) -> None:
    await store.save_note(1, "a note", 0)
    (head,) = await store.reads.heads()
    assert (head.note, head.note_size) == ("a note", 0)


async def test_refusals_are_found_by_their_id_the_last_first(store: Store) -> None:
    def fill(write: GroupWrite, _: GroupFacts) -> None:
        write.refusals += [
            (0, id_of(1), "not-allowed", b"env", b"salt", b"key", NOW),
            (1, id_of(2), "not-allowed", b"env", b"salt", b"key", NOW),
            (2, id_of(1), "message-stale", b"env2", b"salt", None, NOW + 5),
        ]

    await store.commit(plan(HEAD, fill, count=3))
    last = StoredRefusal(1, 2, id_of(1), "message-stale", b"env2", b"salt", None, NOW + 5)
    first = StoredRefusal(1, 0, id_of(1), "not-allowed", b"env", b"salt", b"key", NOW)
    assert await store.reads.refusals(id_of(1), 10) == [last, first]
    assert await store.reads.refusals(id_of(1), 1) == [last]
    assert await store.reads.refusals(id_of(3), 10) == []


async def test_a_refusal_is_found_by_its_place(store: Store) -> None:
    def fill(write: GroupWrite, _: GroupFacts) -> None:
        write.refusals.append((1, id_of(2), "not-allowed", b"env", b"salt", b"key", NOW))

    await store.commit(plan(HEAD, fill, count=2))
    found = StoredRefusal(1, 1, id_of(2), "not-allowed", b"env", b"salt", b"key", NOW)
    assert await store.reads.refusal_at(1, 1) == found
    assert await store.reads.refusal_at(1, 0) is None
    assert await store.reads.refusal_at(2, 1) is None


async def test_messages_are_found_by_their_places_among_some_ids(store: Store) -> None:
    await accept(store, HEAD, exchange(5), exchange(1), exchange(3))
    everything = id_of(0), id_of(9)
    found = await store.reads.message_places(1, 0, 3, *everything)
    assert sorted(found) == [(0, id_of(5)), (1, id_of(1)), (2, id_of(3))]
    assert await store.reads.message_places(1, 1, 2, *everything) == [(1, id_of(1))]
    assert await store.reads.message_places(2, 0, 3, *everything) == []
    assert await store.reads.message_places(1, 0, 3, id_of(1), id_of(3)) == [(1, id_of(1))]
