"""What any engine promises of its logs: heads, leases, notes, and log 0's successors."""

from dataclasses import replace

from exchange.ledger.shards import empty_head
from exchange.storage.port import LogLeases, Store
from exchange.storage.rows import (
    CommitResult,
    GroupFacts,
    GroupWrite,
    ObjectPlace,
    ObjectRow,
    ShardLease,
)
from tests.conformance.storage.conftest import Engine
from tests.conformance.storage.rows import HEAD, Fill, accept, exchange, next_head, plan

SUCCESSOR = empty_head(-1, "sx.example/log/0.1")


def leases_of(store: Store) -> LogLeases:
    assert isinstance(store, LogLeases)
    return store


async def test_a_head_is_read_alone(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))
    assert await store.reads.head(1) == replace(head, note=None)
    assert await store.reads.head(2) is None


async def test_taking_a_log_raises_its_epoch_and_shuts_out_who_wrote_before(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))
    taken = await leases_of(store).take_log()
    assert taken is not None
    assert (taken.shard, taken.epoch, taken.size, taken.root) == (1, 2, 1, head.root)
    stale = await store.commit(plan(head, lambda write, facts: None))
    assert stale == (CommitResult.SHARD_LOST, None)
    mine = await store.commit(plan(taken, lambda write, facts: None))
    assert mine[0] is CommitResult.COMMITTED


async def test_a_held_log_is_not_given_again_unless_its_holder_asks_for_it(store: Store) -> None:
    leases = leases_of(store)
    assert await leases.take_log() is not None
    assert await leases.take_log() is None
    again = await leases.take_log(1)
    assert again is not None
    assert again.epoch == 3
    assert not await leases.renew_log(1, 2)
    assert await leases.renew_log(1, 3)


async def test_a_released_log_is_free(store: Store) -> None:
    leases = leases_of(store)
    await leases.take_log()
    await leases.release_log(1, 1)
    assert await leases.take_log() is None, "released under an epoch that is over"
    await leases.release_log(1, 2)
    assert not await leases.renew_log(1, 2)
    assert await leases.take_log() is not None


async def test_a_log_is_taken_among_those_that_are_asked_for(store: Store) -> None:
    leases = leases_of(store)
    for number in (2, 3):
        await store.open_log(empty_head(number, f"sx.example/log/{number}"))
    assert await leases.take_log(among=[]) is None
    assert await leases.take_log(among=[7]) is None
    taken = await leases.take_log(among=[2, 3])
    assert taken is not None
    assert taken.shard == 2
    last = await leases.take_log(among=[2, 3])
    assert last is not None
    assert last.shard == 3
    assert await leases.take_log(among=[2, 3]) is None


async def test_nobody_takes_log_0_its_successor_or_a_frozen_log(store: Store) -> None:
    leases = leases_of(store)
    await store.open_log(empty_head(0, "sx.example/log/0"))
    await store.open_log(SUCCESSOR)
    await store.set_epoch(1, 1, "frozen")
    assert await leases.take_log() is None
    for number in (-1, 0, 1, 9):
        assert await leases.take_log(number) is None


async def test_leases_say_who_holds_a_log_and_what_is_left_to_do(store: Store) -> None:
    await store.open_log(SUCCESSOR)
    head = await accept(store, HEAD, exchange(1), exchange(2))
    await store.save_note(1, "a note", 1, 1)
    free = ShardLease(1, "open", None, False, 2, 1, 1)
    nobodys = ShardLease(-1, "open", None, False, 0, 0, 0)
    assert await store.reads.leases() == [nobodys, free]
    await leases_of(store).take_log()
    (_, held) = await store.reads.leases()
    assert held.owner is not None
    assert held == replace(free, owner=held.owner, is_held=True)
    await leases_of(store).release_log(1, head.epoch + 1)
    assert await store.reads.leases() == [nobodys, free]


async def test_a_note_and_the_cursor_never_go_back(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1), exchange(2))
    await store.save_note(1, "of 2", 2, 2)
    await store.save_note(1, "of 1", 1, 1)
    found = await store.reads.head(1)
    assert found is not None
    assert (found.note, found.note_size, found.relayed_to) == ("of 2", 2, 2)
    behind = replace(head, note="of 1", note_size=1, relayed_to=1)
    await accept(store, behind, exchange(3))
    found = await store.reads.head(1)
    assert found is not None
    assert (found.note, found.note_size, found.relayed_to, found.size) == ("of 2", 2, 2, 3)
    ahead = replace(next_head(behind, 1), note="of 3", note_size=3, relayed_to=3)
    await accept(store, ahead, exchange(4))
    found = await store.reads.head(1)
    assert found is not None
    assert (found.note, found.note_size, found.relayed_to) == ("of 3", 3, 3)


async def test_a_note_ahead_of_the_leaves_is_not_kept(store: Store) -> None:
    await accept(store, HEAD, exchange(1))
    await store.save_note(1, "of 1", 1, 1)
    await store.save_note(1, "of 2, from before an older copy came", 2, 2)
    found = await store.reads.head(1)
    assert found is not None
    assert (found.note, found.note_size, found.relayed_to) == ("of 1", 1, 1)


async def test_a_saved_note_alone_leaves_the_cursor(store: Store) -> None:
    head = await accept(store, replace(HEAD, relayed_to=0), exchange(1))
    await store.save_note(1, "of 1", 1, 1)
    await store.save_note(1, "of 1 again", 1)
    found = await store.reads.head(1)
    assert found is not None
    assert (found.note, found.relayed_to, found.root) == ("of 1 again", 1, head.root)


async def test_a_successor_of_log_0_is_a_log_like_any_other(store: Store) -> None:
    await store.open_log(SUCCESSOR)

    def change(write: GroupWrite, facts: GroupFacts) -> None:
        write.objects.append((ObjectRow("member", "sx/GOV/1001", "{}"), 1, 0))
        write.records.append((0, b"record", b"salt", None))
        write.tiles.append((0, 0, b"h" * 8192))
        write.directory_version = 1

    result, _ = await store.commit(plan(SUCCESSOR, change))
    assert result is CommitResult.COMMITTED
    assert [head.shard for head in await store.reads.heads()] == [-1, 1]
    assert await store.reads.entries(-1, 0, 0) == [(0, b"\0\6leaf 0")]
    assert await store.reads.record(-1, 0) == (b"record", b"salt", None)
    assert await store.reads.tile(-1, 0, 0) == b"h" * 8192
    assert await store.reads.object_place("member", "sx/GOV/1001") == ObjectPlace(1, 0, -1)


async def test_what_was_held_is_free_after_a_restart(engine: Engine) -> None:
    async with engine() as store:
        await store.open_log(HEAD)
        taken = await leases_of(store).take_log()
        assert taken is not None
    async with engine() as store:
        again = await leases_of(store).take_log(1)
        assert again is not None
        assert again.epoch == taken.epoch + 1


async def test_objects_are_read_from_a_version_on(store: Store) -> None:
    zero = empty_head(0, "sx.example/log/0")
    await store.open_log(zero)

    def change(version: int, *keys: str) -> Fill:
        def fill(write: GroupWrite, facts: GroupFacts) -> None:
            write.objects += [(ObjectRow("member", key, "{}"), version, 0) for key in keys]
            write.directory_version = version

        return fill

    head = zero
    for version, keys in ((1, ("a", "b")), (2, ("c",)), (3, ("a",))):
        _, write = await store.commit(plan(head, change(version, *keys), version=version - 1))
        assert write is not None
        head = write.head
    found = [
        [(key, version) for _, key, version, _ in await store.reads.objects(n)]
        for n in (0, 1, 2, 3)
    ]
    assert found == [[("b", 1), ("c", 2), ("a", 3)], [("c", 2), ("a", 3)], [("a", 3)], []]
    assert await store.reads.objects() == await store.reads.objects(0)
