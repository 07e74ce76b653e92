"""One log, several processes: who lost it, who follows it, who signs what."""

import asyncio
from dataclasses import replace

import pytest

from exchange.ledger.errors import LogBehind, LogUnavailable
from exchange.ledger.log_writer import SAVE_AFTER_S, LogLost
from exchange.ledger.sealing import OutcomeUnknown
from exchange.ledger.shards import open_log
from exchange.ledger.stored_log import GROWN_MAX
from exchange.storage.errors import StorageInDoubt, StorageUnavailable
from signing.encoding import sha256
from signing.log.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from signing.log.merkle import EMPTY_ROOT
from tests.support.shared_logs import LogKeys, Site, commit, origin


async def test_a_writer_that_is_not_up_to_date_writes_nothing_and_may_follow(site: Site) -> None:
    ours, theirs = await site.process("ours").writer(), await site.process("theirs").writer()
    await commit(ours, 1, 2)
    with pytest.raises(LogLost) as lost:
        await commit(theirs, 3)
    assert lost.value.code == "log-unavailable"
    assert theirs.failed is None
    assert await theirs.follow()
    assert (theirs.head.size, theirs.head.root) == (2, ours.head.root)
    assert theirs.tree == ours.tree
    assert not await theirs.follow()
    await commit(theirs, 3)
    assert site.database.heads[1].size == 3


async def test_who_lost_a_log_does_not_come_to_hold_it_by_following(site: Site) -> None:
    ours, theirs = site.process("ours"), site.process("theirs")
    first = await ours.writer()
    head = await theirs.store.take_log(1)
    second = await theirs.open(head)
    await commit(second, 1)
    assert await first.follow()
    with pytest.raises(LogLost):
        await commit(first, 2)


async def test_each_signs_what_the_other_committed(site: Site) -> None:
    ours, theirs = await site.process("ours").writer(), await site.process("theirs").writer()
    verifier = site.keys.signers[1].verifier
    for turn in range(6):
        one, other = (ours, theirs) if turn % 2 else (theirs, ours)
        await one.follow()
        await commit(one, turn)
        await other.follow()
        await asyncio.gather(*(log.seal(turn + 1) for log in (one, other)))
        for log in (one, other):
            assert log.signed is not None
            assert verify_checkpoint(log.signed.note, verifier).root == one.head.root


async def test_a_seal_of_a_lost_log_comes_through(site: Site) -> None:
    """What another process committed on top and signed is shown to extend what we committed."""
    ours, theirs = site.process("ours"), site.process("theirs")
    first = await ours.writer()
    await commit(first, 1)
    second = await theirs.open(await theirs.store.take_log(1))
    await commit(second, 2, 3)
    await second.seal(3)
    await asyncio.wait_for(first.seal(1), 5)
    assert first.head.size == 3
    await asyncio.wait_for(first.seal(3), 5)
    assert first.signed == second.signed
    assert first.failed is None


async def test_a_mark_between_what_was_signed_and_what_is_committed_is_met(site: Site) -> None:
    ours, theirs = await site.process("ours").writer(), await site.process("theirs").writer()
    await commit(ours, 1)
    await theirs.follow()
    await theirs.seal(1)
    await commit(ours, 2, 3)
    await ours.seal(3)
    mark = site.marks().of(origin(1))
    assert mark is not None
    assert mark.size == 3


async def test_a_mark_of_another_history_freezes(site: Site) -> None:
    writer = await site.process("ours").writer()
    await commit(writer, 1)
    await writer.seal(1)
    site.marks().advance(origin(1), (1, writer.head.root), 2, sha256(b"another"))
    await commit(writer, 2, 3)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(writer.seal(3), 5)
    assert isinstance(writer.failed, LogBehind)


async def test_a_mark_beyond_the_database_freezes(site: Site) -> None:
    writer = await site.process("ours").writer()
    await commit(writer, 1)
    site.marks().advance(origin(1), (0, EMPTY_ROOT), 9, sha256(b"later"))
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(writer.seal(1), 5)
    assert isinstance(writer.failed, LogBehind)
    assert "9 were signed" in writer.failed.detail
    assert writer.signed is None


async def test_a_mark_file_that_goes_back_is_not_signed_on(site: Site) -> None:
    process = site.process("ours")
    writer = await process.writer()
    await commit(writer, 1)
    await writer.seal(1)
    older = (site.folder / "marks-one").read_bytes()
    await commit(writer, 2)
    await writer.seal(2)
    (site.folder / "marks-one").write_bytes(older)
    await commit(writer, 3)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(writer.seal(3), 5)
    assert isinstance(writer.failed, LogUnavailable)


async def test_a_database_put_back_is_noticed_by_who_follows(site: Site) -> None:
    older = site.database.copy()
    writer = await site.process("ours").writer()
    await commit(writer, 1, 2)
    newer = site.database.copy()
    site.database.put_back(older)
    with pytest.raises(LogBehind, match="holds 0 leaves, but had 2"):
        await writer.follow()
    other = await site.process("theirs", machine="two").writer()
    await commit(other, 7, 8, 9)
    with pytest.raises(LogBehind):
        await writer.follow()
    assert writer.head.size == 2, "it learnt nothing from it"
    site.database.put_back(newer)
    assert not await writer.follow()


async def test_a_long_way_is_followed_by_tiles(site: Site) -> None:
    ours, theirs = await site.process("ours").writer(), await site.process("theirs").writer()
    await commit(theirs, *range(10))
    await ours.follow()
    for start in range(10, GROWN_MAX + 300, 200):
        await commit(theirs, *range(start, start + 200))
    assert await ours.follow()
    assert ours.tree == theirs.tree
    await ours.seal(ours.head.size)
    path = await ours.nodes.proof(3, ours.head.size, ours.tree)
    assert path == await theirs.nodes.proof(3, ours.head.size, theirs.tree)


async def test_another_history_is_noticed_however_long_it_is(site: Site) -> None:
    older = site.database.copy()
    ours = await site.process("ours").writer()
    await commit(ours, 1, 2)
    site.database.put_back(older)
    theirs = await site.process("theirs", machine="two").writer()
    for start in range(100, GROWN_MAX + 300, 200):
        await commit(theirs, *range(start, start + 200))
    with pytest.raises(LogBehind, match="does not extend"):
        await ours.follow()
    head = site.database.heads[1]
    site.database.heads[1] = replace(head, frontier=head.frontier[:-1])
    with pytest.raises(LogBehind, match="frontier"):
        await ours.follow()
    broken = await site.process("third", machine="two").writer()
    assert isinstance(broken.failed, LogBehind)


async def test_a_newer_note_is_taken_over_and_only_when_it_is_the_logs_own(site: Site) -> None:
    ours, theirs = await site.process("ours").writer(), await site.process("theirs").writer()
    await commit(theirs, 1, 2)
    await theirs.seal(2)
    forged = sign_checkpoint(Checkpoint(origin(1), 2, theirs.head.root), LogKeys(1).signers[1])
    await theirs._store.save_note(1, forged, 2)
    await ours.follow()
    assert ours.signed is None
    await theirs.save()
    await ours.follow()
    assert ours.signed == theirs.signed


async def test_what_anothers_note_covers_is_not_signed_again(site: Site) -> None:
    ours, theirs = site.process("ours"), await site.process("theirs").writer()
    writer = await ours.writer()
    await commit(theirs, 1)
    await theirs.seal(1)
    await theirs.save()
    await writer.follow()
    await asyncio.wait_for(writer.seal(1), 1)
    assert writer.signed == theirs.signed


async def test_without_its_key_a_log_is_followed_and_proved_but_not_signed(site: Site) -> None:
    writer = await site.process("ours").writer()
    await commit(writer, 1, 2)
    await writer.seal(2)
    await writer.save()
    process = site.process("theirs")
    store, head = process.store, site.database.heads[1]
    view = await open_log(store, store, head, None, process.marks, process.clock)
    assert view.signed == writer.signed
    await commit(writer, 3)
    await view.follow()
    with pytest.raises(LogUnavailable):
        await view.seal(3)
    assert await view.nodes.proof(0, 2, view.tree) == await writer.nodes.proof(0, 2, writer.tree)


async def test_while_the_database_is_away_a_moved_mark_leaves_the_outcome_unknown(
    site: Site,
) -> None:
    ours, theirs = site.process("ours"), await site.process("theirs").writer()
    writer = await ours.writer()
    await commit(writer, 1)
    await theirs.follow()
    await commit(theirs, 2)
    await theirs.seal(2)
    ours.store.away = True
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(writer.seal(1), 5)
    assert writer.failed is None
    ours.store.away = False
    await writer.seal(1)


@pytest.mark.parametrize("doubt", ["written", "unwritten"])
async def test_after_a_commit_in_doubt_following_tells(site: Site, doubt: str) -> None:
    process = site.process("ours")
    writer = await process.writer()
    process.store.doubt = doubt
    with pytest.raises(StorageInDoubt):
        await commit(writer, 1)
    assert await writer.follow() is (doubt == "written")
    await commit(writer, 2)
    assert site.database.heads[1].size == (2 if doubt == "written" else 1)


async def test_what_is_known_elsewhere_must_be_extended(site: Site) -> None:
    writer = await site.process("ours").writer()
    await commit(writer, 1, 2)
    await writer.seal(2)
    await writer.save()
    behind = await site.process("x").writer(known=[Checkpoint(origin(1), 3, sha256(b"later"))])
    assert isinstance(behind.failed, LogBehind)
    beside = await site.process("x").writer(known=[Checkpoint(origin(1), 1, sha256(b"other"))])
    assert isinstance(beside.failed, LogBehind)
    well = await site.process("x").writer(known=[Checkpoint(origin(1), 2, writer.head.root)])
    assert well.failed is None


async def test_another_machine_goes_on_from_the_stored_note(site: Site) -> None:
    writer = await site.process("ours").writer()
    await commit(writer, 1, 2)
    await writer.seal(2)
    await writer.save()
    there = site.process("theirs", machine="two")
    taken = await there.open(await there.store.take_log(1))
    assert taken.failed is None
    await commit(taken, 3)
    await taken.seal(3)
    mark = there.marks.of(origin(1))
    assert mark is not None
    assert mark.size == 3
    forged = sign_checkpoint(Checkpoint(origin(1), 3, sha256(b"?")), LogKeys(1).signers[1])
    await there.store.save_note(1, forged, 3)
    third = await site.process("third", machine="three").writer()
    assert isinstance(third.failed, LogBehind)


async def test_a_shared_note_is_saved_when_traffic_pauses_and_not_before(site: Site) -> None:
    process = site.process("ours")
    writer = await process.writer()
    for number in range(4):
        await commit(writer, number)
        await writer.seal(number + 1)
        await asyncio.sleep(SAVE_AFTER_S / 4)
    assert process.store.notes == []
    writer.relayed(4)
    await asyncio.sleep(SAVE_AFTER_S * 2)
    assert process.store.notes == [(1, 4, 4)]
    assert site.database.heads[1].note_size == 4
    await writer.close()
    assert len(process.store.notes) == 1, "nothing new to say"


async def test_a_group_carries_note_and_cursor(site: Site) -> None:
    process = site.process("ours")
    writer = await process.writer()
    await commit(writer, 1, 2)
    await writer.seal(2)
    writer.relayed(2)
    writer.relayed(1)
    await commit(writer, 3)
    head = site.database.heads[1]
    assert (head.note_size, head.relayed_to) == (2, 2)
    assert process.store.notes == []
    await writer.seal(3)
    await process.store.save_note(1, head.note or "", 2, 3)
    await writer.follow()
    assert writer.relayed_to == 3, "another process relayed meanwhile"


async def test_a_note_that_cannot_be_saved_is_saved_later(site: Site) -> None:
    process = site.process("ours")
    writer = await process.writer()
    await commit(writer, 1)
    await writer.seal(1)
    process.store.away = True
    await asyncio.sleep(SAVE_AFTER_S * 1.5)
    with pytest.raises(StorageUnavailable):
        await writer.save()
    process.store.away = False
    await writer.save()
    assert site.database.heads[1].note_size == 1


async def test_a_closed_log_signs_no_more_and_nobody_waits_for_ever(site: Site) -> None:
    writer = await site.process("ours").writer()
    await commit(writer, 1)
    await writer.stop()
    with pytest.raises(LogUnavailable):
        await asyncio.wait_for(writer.seal(1), 1)
    with pytest.raises(LogUnavailable):
        await commit(writer, 2)
