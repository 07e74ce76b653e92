"""A database that is not where our signature says it was: frozen; or ahead of it: goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.ledger.errors import MarksDamaged
from exchange.ledger.marks import SLOT_BYTES, Marks
from signing.errors import SealwayError
from signing.identifiers import message_id_bytes
from tests.support.agencies import POPULATION, grant
from tests.support.bus import RunningBus


async def put_back(running: RunningBus, older: Path) -> None:
    """Stop; replace data/ by an older copy of it; start."""
    await running.close()
    shutil.rmtree(running.folder / "data")
    shutil.copytree(older, running.folder / "data")
    await running.open()


async def copy_of(running: RunningBus, name: str) -> Path:
    """A copy of data/ as it is now, taken while stopped."""
    await running.close()
    copy = running.folder.parent / name
    shutil.copytree(running.folder / "data", copy)
    await running.open()
    return copy


async def check_frozen(running: RunningBus, *words: str) -> None:
    """Nothing is accepted, changed or signed, and the bus says why."""
    api = running.bus.api
    why = api.why_not_ready()
    assert why is not None
    assert all(word in why for word in words), why
    marks = (running.folder / "state" / "marks").read_bytes()
    heads = await api.reads.heads()
    signed = {n: writer.signed for n, writer in running.writers.items()}
    assert await running.outcome(running.ask(POPULATION)) == "log-unavailable"
    with pytest.raises(SealwayError) as no:
        await running.change(grant(POPULATION, state="withdrawn"))
    assert no.value.code == "log-unavailable"
    assert await api.reads.heads() == heads
    assert {n: writer.signed for n, writer in running.writers.items()} == signed
    await running.restart()
    assert running.bus.api.why_not_ready() is not None, "a restart changes nothing"
    assert (running.folder / "state" / "marks").read_bytes() == marks


async def test_an_older_copy_put_back_freezes_the_bus_and_reading_goes_on(
    running: RunningBus,
) -> None:
    request = running.ask(POPULATION)
    accepted = await running.send(request)
    older = await copy_of(running, "older")
    await running.send(running.ask(POPULATION))
    await put_back(running, older)
    await check_frozen(running, "older copy", "newer")
    message = await running.bus.api.opened.message(message_id_bytes(request.manifest.id))
    assert message is not None
    assert message.frame == request.frame
    receipt = await running.bus.api.receipts.receipt(accepted.place)
    assert receipt.startswith("c2sp.org/tlog-proof"), "what was signed before can still be shown"


async def test_putting_the_newer_copy_back_ends_it(running: RunningBus) -> None:
    older = await copy_of(running, "older")
    request = running.ask(POPULATION)
    await running.send(request)
    await running.close()
    newer = running.folder.parent / "newer"
    shutil.copytree(running.folder / "data", newer)
    await put_back(running, older)
    assert running.bus.api.why_not_ready() is not None
    await put_back(running, newer)
    assert running.bus.api.why_not_ready() is None
    assert await running.outcome(request) == "again"
    assert await running.outcome(running.ask(POPULATION)) == "accepted"


async def test_an_older_directory_alone_is_enough_to_freeze(running: RunningBus) -> None:
    older = await copy_of(running, "older")
    await running.change(grant(POPULATION, state="withdrawn"))
    await put_back(running, older)
    await check_frozen(running, "log/0")


async def test_another_history_of_the_same_size_freezes(running: RunningBus) -> None:
    older = await copy_of(running, "older")
    state = running.folder / "state" / "marks"
    marks_then = state.read_bytes()
    await running.send(running.ask(POPULATION))
    await running.close()
    marks_now = state.read_bytes()
    state.write_bytes(marks_then)
    await put_back(running, older)
    await running.send(running.ask(POPULATION))
    await running.close()
    state.write_bytes(marks_now)
    await running.open()
    await check_frozen(running, "another history")


async def test_a_longer_history_that_does_not_extend_what_was_signed_freezes(
    running: RunningBus,
) -> None:
    older = await copy_of(running, "older")
    state = running.folder / "state" / "marks"
    marks_then = state.read_bytes()
    await running.send(running.ask(POPULATION))
    await running.close()
    marks_now = state.read_bytes()
    state.write_bytes(marks_then)
    await put_back(running, older)
    for _ in range(3):
        await running.send(running.ask(POPULATION))
        await running.restart()
    await running.close()
    state.write_bytes(marks_now)
    await running.open()
    await check_frozen(running, "does not extend")


async def test_a_database_ahead_of_its_mark_goes_on(running: RunningBus) -> None:
    """Killed between commit and mark: the tree is shown to extend the mark, then signed."""
    await running.send(running.ask(POPULATION))
    marks = (running.folder / "state" / "marks").read_bytes()
    requests = [running.ask(POPULATION) for _ in range(300)]
    for one in requests:
        await running.send(one)
    await running.close()
    (running.folder / "state" / "marks").write_bytes(marks)
    await running.open()
    assert running.bus.api.why_not_ready() is None
    signed = running.writers[1].signed
    assert signed is not None
    assert signed.size == 301
    assert await running.outcome(requests[-1]) == "again"
    assert await running.outcome(running.ask(POPULATION)) == "accepted"


async def test_a_mark_file_that_knows_nothing_freezes_what_was_signed(running: RunningBus) -> None:
    await running.send(running.ask(POPULATION))
    await running.close()
    (running.folder / "state" / "marks").write_bytes(b"")
    await running.open()
    assert "mark file does not know" in str(running.bus.api.why_not_ready())
    assert await running.outcome(running.ask(POPULATION)) == "log-unavailable"
    assert (running.folder / "state" / "marks").read_bytes() == b""


def tear(slot: bytes) -> bytes:
    """A write that was cut in the middle."""
    return slot[:100] + bytes(len(slot) - 100)


@pytest.mark.parametrize("damage", [tear, lambda slot: bytes(len(slot))], ids=["torn", "zeros"])
async def test_one_torn_copy_of_a_mark_is_survived(
    running: RunningBus, damage: Callable[[bytes], bytes]
) -> None:
    await running.send(running.ask(POPULATION))
    await running.send(running.ask(POPULATION))
    await running.close()
    path = running.folder / "state" / "marks"
    whole = path.read_bytes()
    for copy in range(2):
        at = copy * SLOT_BYTES
        path.write_bytes(
            whole[:at] + damage(whole[at : at + SLOT_BYTES]) + whole[at + SLOT_BYTES :]
        )
        marks = Marks(path)
        assert {mark.origin for mark in marks.all()} == {"sx.example/log/0", "sx.example/log/1"}
        marks.close()
        await running.open()
        assert running.bus.api.why_not_ready() is None
        await running.close()
        path.write_bytes(whole)
    await running.open()


async def test_two_torn_copies_stop_the_start(running: RunningBus) -> None:
    await running.close()
    path = running.folder / "state" / "marks"
    whole = path.read_bytes()
    path.write_bytes(b"\xff" * 2 * SLOT_BYTES + whole[2 * SLOT_BYTES :])
    with pytest.raises(MarksDamaged):
        await running.open()


async def test_without_its_marks_a_bus_does_not_start(running: RunningBus) -> None:
    await running.close()
    (running.folder / "state" / "marks").unlink()
    with pytest.raises(MarksDamaged, match="put the file back"):
        await running.open()


async def test_a_second_process_on_the_same_folder_is_refused(running: RunningBus) -> None:
    second = RunningBus(running.folder, running.keys)
    with pytest.raises(SealwayError) as no:
        await second.open()
    assert "already serves" in no.value.detail
    assert await running.outcome(running.ask(POPULATION)) == "accepted"
