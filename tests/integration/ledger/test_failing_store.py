"""A store that refuses, a directory that moves meanwhile, a mark that can't be written."""

import asyncio

import pytest

from exchange.acceptance.accept import Refused
from exchange.ledger.marks import MarkMoved, Marks
from exchange.ledger.shards import read_leaves
from exchange.storage.rows import GroupPlan
from registry.changes import Change
from signing.errors import SealwayError
from signing.log.leaf import parse_leaf
from tests.support.agencies import BENEFITS, POPULATION, grant
from tests.support.bus import RunningBus, StorageUnavailable


async def test_the_disk_is_told_to_be_sure(running: RunningBus) -> None:
    assert await running.store.durability() == {"synchronous": "FULL", "journal_mode": "wal"}


async def test_a_commit_that_fails_gives_no_receipt_and_signs_nothing(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    writer = running.writers[1]
    signed, size = writer.signed, writer.head.size
    marks = (running.folder / "state" / "marks").read_bytes()
    running.store.failing = True
    request = running.ask(POPULATION)
    with pytest.raises(StorageUnavailable) as no:
        await running.send(request)
    assert no.value.code == "log-unavailable"
    assert (writer.signed, writer.head.size) == (signed, size)
    assert (running.folder / "state" / "marks").read_bytes() == marks
    assert await running.state(request) == "none"


async def test_the_same_bytes_are_accepted_when_the_disk_is_back(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    running.store.failing = True
    assert await running.outcome(request) == "log-unavailable"
    running.store.failing = False
    assert await running.outcome(request) == "accepted"


async def test_a_refusal_reaches_its_sender_though_it_cannot_be_logged(running: RunningBus) -> None:
    running.store.failing = True
    with pytest.raises(Refused) as refused:
        await running.send(running.ask(POPULATION, purpose="curiosity"))
    assert refused.value.error.code == "purpose-required"
    assert refused.value.place is None


async def test_a_change_that_cannot_be_recorded_is_not_in_force(running: RunningBus) -> None:
    version = running.bus.api.directory.version
    running.store.failing = True
    with pytest.raises(SealwayError) as no:
        await running.change(grant(POPULATION, state="withdrawn"))
    assert no.value.code == "log-unavailable"
    assert running.bus.api.directory.version == version
    running.store.failing = False
    assert await running.outcome(running.ask(POPULATION)) == "accepted"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (grant(POPULATION, state="withdrawn"), "not-allowed"),
        (Change("system", {"id": BENEFITS, "state": "suspended"}), "sender-suspended"),
    ],
    ids=["grant", "standing"],
)
async def test_what_was_allowed_is_checked_again_when_the_directory_moved(
    running: RunningBus, change: Change, code: str
) -> None:
    """No leaf stands under an older version than the change that forbade it."""
    before = running.bus.api.directory.version
    requests = [running.ask(POPULATION) for _ in range(3)]
    raced = False

    async def race(plan: GroupPlan) -> None:
        nonlocal raced
        if plan.shard == 1 and not raced:
            raced = True
            await running.change(change)

    running.store.before_commit = race
    outcomes = await asyncio.gather(*(running.outcome(one) for one in requests))
    assert outcomes == [code] * 3
    reads, head = running.bus.api.reads, running.writers[1].head
    leaves = [parse_leaf(raw) for raw in await read_leaves(reads, 1, 0, head.size)]
    assert [(leaf.k, leaf.reg) for leaf in leaves] == [("refusal", before + 1)] * 3


async def test_what_is_still_allowed_goes_in_under_the_new_version(running: RunningBus) -> None:
    before = running.bus.api.directory.version
    raced = False

    async def race(plan: GroupPlan) -> None:
        nonlocal raced
        if plan.shard == 1 and not raced:
            raced = True
            await running.change(Change("member", {"id": "sx/GOV/5005", "name": "A new member"}))

    running.store.before_commit = race
    accepted = await running.send(running.ask(POPULATION))
    assert parse_leaf(accepted.place.leaf).reg == before + 1


async def test_without_its_mark_a_commit_is_unknown_and_nothing_is_signed(
    running: RunningBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.send(running.ask(POPULATION))
    signed = running.writers[1].signed
    request = running.ask(POPULATION)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Marks, "advance", refuse)
        assert await running.outcome(request) == "outcome-unknown"
        assert running.writers[1].signed == signed
    assert running.bus.api.why_not_ready() is not None
    assert await running.outcome(running.ask(POPULATION)) == "log-unavailable"
    await running.restart()
    assert running.bus.api.why_not_ready() is None
    assert await running.outcome(request) == "again", "it had been recorded"


async def test_a_mark_moves_only_from_where_it_is(running: RunningBus) -> None:
    await running.close()
    marks = Marks(running.folder / "state" / "marks")
    mark = marks.of("sx.example/log/0")
    assert mark is not None
    with pytest.raises(MarkMoved):
        marks.advance(mark.origin, (mark.size - 1, mark.root), mark.size + 1, bytes(32))
    marks.advance(mark.origin, (mark.size, mark.root), mark.size + 1, bytes(32))
    marks.close()
