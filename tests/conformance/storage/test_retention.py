"""What any engine promises when days leave: what is over goes, what is open stays to be read."""

from dataclasses import replace

import pytest

from exchange.storage.port import Store
from exchange.storage.rows import (
    CommitResult,
    DeliveryState,
    GroupFacts,
    GroupQuestions,
    GroupWrite,
    KillDelivery,
    Retired,
    ShardHead,
    StepRow,
    Stored,
)
from tests.conformance.storage.rows import (
    COUNT,
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

DAY = 86_400_000
TOMORROW = (NOW // DAY + 1) * DAY
QUEUED = DeliveryState.QUEUED


def tomorrows(number: int) -> bytes:
    return TOMORROW.to_bytes(6, "big") + number.to_bytes(10, "big")


async def filled(store: Store) -> ShardHead:
    """1 is answered by 4, 2 is open, 3 is dead; each with a step. 5 is tomorrow's."""
    head = await accept(store, HEAD, exchange(1), exchange(2), exchange(3, QUEUED))

    def kill(write: GroupWrite, facts: GroupFacts) -> None:
        write.kills.append(KillDelivery(id_of(3), OFFICE, "misbehaved"))

    _, write = await store.commit(plan(head, kill))
    assert write is not None
    head = write.head

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.messages.append((message(4), head.size, bytes(32), NOW))
        write.messages.append((replace(message(5), id=tomorrows(5)), 5, bytes(32), TOMORROW))
        write.ends.append(end(1, 4))
        write.records.append((4, b"record", b"salt", None))
        write.tiles.append((0, 0, b"h" * 8192))

    _, write = await store.commit(plan(head, answer, count=2))
    assert write is not None
    await store.add_steps([StepRow(id_of(n), NOW, "a-step") for n in (1, 2, 3, 4, 99)])
    await store.add_steps([StepRow(tomorrows(5), TOMORROW, "a-step")])
    return write.head


async def test_what_is_over_leaves_with_all_its_rows(store: Store) -> None:
    await filled(store)
    assert (await store.retire(TOMORROW)).days >= 1
    for number in (1, 4):
        assert await store.reads.message(id_of(number)) is None
        assert await store.reads.exchange(id_of(number)) is None
        assert await store.reads.deliveries(id_of(number)) == []
        assert await store.reads.steps(id_of(number)) == []
    assert await store.reads.steps(id_of(99)) == []


async def test_what_is_open_stays_to_be_read(store: Store) -> None:
    await filled(store)
    reads = store.reads
    before = [
        (
            await reads.message(id_of(n)),
            await reads.exchange(id_of(n)),
            await reads.deliveries(id_of(n)),
            await reads.steps(id_of(n)),
        )
        for n in (2, 3)
    ]
    assert (await store.retire(TOMORROW)).kept == 2
    after = [
        (
            await reads.message(id_of(n)),
            await reads.exchange(id_of(n)),
            await reads.deliveries(id_of(n)),
            await reads.steps(id_of(n)),
        )
        for n in (2, 3)
    ]
    assert after == before
    assert all(all(parts) for parts in after)


async def test_dead_letters_stay_listed_and_counted(store: Store) -> None:
    await filled(store)
    depths = await store.reads.mailbox_depths(OFFICE)
    await store.retire(TOMORROW)
    (dead,) = await store.reads.dead(10)
    assert (dead.id, dead.cause) == (id_of(3), "misbehaved")
    (depth,) = await store.reads.mailbox_depths(OFFICE)
    assert [depth] == depths
    assert (depth.service, depth.waiting, depth.dead) == (COUNT, 1, 1)


async def test_logs_and_records_stay(store: Store) -> None:
    head = await filled(store)
    entries = await store.reads.entries(1, 0, head.size - 1)
    await store.retire(TOMORROW)
    assert await store.reads.entries(1, 0, head.size - 1) == entries
    assert await store.reads.record(1, 4) == (b"record", b"salt", None)
    assert await store.reads.tile(1, 0, 0) == b"h" * 8192
    assert (await store.commit(plan(head, lambda write, facts: None)))[0] is CommitResult.COMMITTED


@pytest.mark.parametrize("before", [TOMORROW - 1, NOW, 0])
async def test_a_day_leaves_whole_or_not_at_all(store: Store, before: int) -> None:
    await filled(store)
    await store.retire(before)
    assert await store.reads.message(id_of(1)) is not None
    assert await store.reads.steps(id_of(99)) != []


async def test_later_days_stay_and_their_ids_are_still_known(store: Store) -> None:
    head = await filled(store)
    await store.retire(TOMORROW)
    assert await store.reads.message(tomorrows(5)) is not None
    assert await store.reads.steps(tomorrows(5)) != []
    seen: list[GroupFacts] = []

    def again(write: GroupWrite, facts: GroupFacts) -> None:
        seen.append(facts)
        if tomorrows(5) not in facts.messages:
            row = replace(message(5), id=tomorrows(5))
            write.messages.append((row, head.size, bytes(32), TOMORROW))

    asked = GroupQuestions([tomorrows(5)])
    result, write = await store.commit(plan(head, again, questions=asked))
    assert result is CommitResult.COMMITTED
    assert seen[-1].messages == {tomorrows(5): Stored(message(5).digest, 1, 5)}
    assert write is not None
    assert write.messages == []


async def test_it_may_be_repeated(store: Store) -> None:
    await filled(store)
    await store.retire(TOMORROW)
    assert (await store.retire(TOMORROW)).days == 0
    assert await store.reads.message(id_of(2)) is not None
    assert await store.retire(0) == Retired(0, 0)


async def test_many_messages_leave_but_those_that_are_open(store: Store) -> None:
    head = HEAD
    for start in range(0, 900, 300):
        opens = [exchange(n) for n in range(start, start + 300)]
        head = await accept(store, head, *opens)

        def answer(write: GroupWrite, facts: GroupFacts, start: int = start) -> None:
            write.ends += [end(n, 10_000) for n in range(start, start + 300) if n % 100]

        _, write = await store.commit(plan(head, answer))
        assert write is not None
        head = write.head
    assert (await store.retire(TOMORROW)).kept == 9
    left = [n for n in range(900) if await store.reads.message(id_of(n)) is not None]
    assert left == list(range(0, 900, 100))
