"""How a bus asks its witnesses and authorities: each answer they can give, and each silence."""

import shutil

from exchange.storage.rows import AnchorRow
from exchange.witnessing.witnessing import AGAIN_MS
from sealway.witness.core import Answer
from signing.log.checkpoint import parse_checkpoint
from signing.log.cosignature import verify_cosignature
from signing.log.note import note_text
from signing.timestamps import verify_timestamp
from tests.integration.witnessing.conftest import AskedBus

MINUTE_MS = 60_000
DAY_MS = 86_400_000
ANSWERS = [
    (Answer(403, "no\n"), "refused"),
    (Answer(404, "no\n"), "refused"),
    (Answer(422, "no\n"), "refused"),
    (Answer(400, "no\n"), "refused"),
    (Answer(429, "later\n"), "unreachable"),
    (Answer(500, "no\n"), "unreachable"),
    (Answer(301, "there\n"), "unreachable"),
    (Answer(200, ""), "false"),
    (Answer(200, "— w1.example AAAA\n"), "false"),
    (Answer(200, "x" * 10_000), "unreachable"),
    (Answer(409, "7\n"), "false"),
    (Answer(409, "x\n", "text/x.tlog.size"), "false"),
    (Answer(409, "999999\n", "text/x.tlog.size"), "ahead"),
    (Answer(409, "1\n", "text/x.tlog.size"), "conflict"),
]


async def _row(asked: AskedBus, *, cosigned: bool = False, stamped: bool = False) -> AnchorRow:
    reads = asked.running.bus.api.reads
    row = await reads.last_anchor(0, cosigned=cosigned, stamped=stamped)
    assert row is not None
    return row


def _ahead(asked: AskedBus, ms: int) -> None:
    asked.running.clock.ahead_ms += ms
    for authority in asked.authorities:
        authority.late_ms += ms


async def test_the_first_round_comes_with_the_start(asked: AskedBus) -> None:
    row = await _row(asked, cosigned=True, stamped=True)
    signed = asked.running.bus.api.directory_log.writer.signed
    assert signed is not None
    assert (row.size, row.log) == (signed.size, 0)
    for one in asked.witnesses.values():
        verify_cosignature(row.note, one.cosigner.verifier)
    assert row.token is not None
    roots = [asked.authorities[0].root]
    stamp = verify_timestamp(row.token, note_text(row.note).encode(), roots)
    assert stamp.at_ms == row.stamped_at_ms
    assert asked.authorities[1].asked == [], "the second is there for when the first fails"


async def test_each_new_checkpoint_is_shown_with_its_proof_and_no_other(asked: AskedBus) -> None:
    witness = asked.witnesses["w1"].witness
    assert witness.asked == 1
    await asked.look()
    assert witness.asked == 1, "nothing new"
    for leaves in (1, 3, 300):
        for _ in range(leaves):
            await asked.heads()
        await asked.look()
    assert witness.asked == 4, "the right old size at once, across a tile's edge"
    latest = witness.latest("sx.example/log/0")
    assert latest is not None
    assert latest.checkpoint.size == (await _row(asked, cosigned=True)).size


async def test_a_witness_that_remembers_another_size_is_asked_from_there(asked: AskedBus) -> None:
    await asked.heads()
    await asked.look()
    asked.running.bus.api.witnessing._askers[0]._size = 1
    await asked.heads()
    await asked.look()
    assert asked.running.bus.api.witnessing.asked["cosigned"] == 12
    await asked.running.restart()
    assert asked.running.bus.api.witnessing.asked["cosigned"] == 4, "409 told the size"


async def test_what_a_witness_can_answer_instead(asked: AskedBus) -> None:
    told = asked.running.bus.api.witnessing.asked
    for answer, outcome in ANSWERS:
        asked.witnesses["w1"].witness.instead = lambda _, answer=answer: answer  # type: ignore[misc]
        before = told[outcome]
        await asked.heads()
        await asked.look()
        assert told[outcome] == before + 1, answer
        row = await _row(asked, cosigned=True)
        size = asked.running.bus.api.directory_log.writer.head.size
        assert row.size == size, "two of the three are enough"
        assert "w1.example" not in row.note


async def test_another_witnesss_signature_is_not_taken_for_its_own(asked: AskedBus) -> None:
    one, two = asked.witnesses["w1"], asked.witnesses["w2"]
    lines: list[str] = []

    def keep(answer: Answer) -> Answer:
        lines.append(answer.body)
        return answer

    two.witness.instead = keep
    await asked.heads()
    await asked.look()
    one.witness.instead = lambda _: Answer(200, lines[0].replace("w2.example", "w1.example"))
    await asked.heads()
    await asked.look()
    assert asked.running.bus.api.witnessing.asked["false"] == 1


async def test_a_cosignature_from_another_time_proves_no_recent_look(asked: AskedBus) -> None:
    asked.witnesses["w1"].witness._now_s = lambda: asked.running.clock() // 1000 - 301
    await asked.heads()
    await asked.look()
    assert asked.running.bus.api.witnessing.asked["clock-off"] == 1


async def test_the_operators_own_does_not_count(asked: AskedBus) -> None:
    for name in ("w1", "w2"):
        asked.witnesses[name].stop()
    await asked.heads()
    await asked.look()
    row = await _row(asked)
    assert "own.example" in row.note
    assert "w3.example" in row.note
    assert row.cosigned_at_ms is None
    assert row.size > (await _row(asked, cosigned=True)).size


async def test_what_came_is_kept_and_only_the_others_are_asked_again(asked: AskedBus) -> None:
    for name in ("w1", "w2"):
        asked.witnesses[name].witness.instead = lambda _: Answer(500, "")
    await asked.heads()
    await asked.look()
    assert (await _row(asked)).cosigned_at_ms is None
    asked.witnesses["w2"].witness.instead = None
    before = asked.witnesses["w3"].witness.asked
    await asked.look()
    assert (await _row(asked)).cosigned_at_ms is None, "what failed rests a while"
    _ahead(asked, AGAIN_MS)
    await asked.look()
    row = await _row(asked, cosigned=True)
    assert "w2.example" in row.note
    assert row.note.count("w3.example") == 1
    assert asked.witnesses["w3"].witness.asked == before


async def test_a_fork_is_found_out(asked: AskedBus) -> None:
    """A witness that has cosigned another tree of ours never cosigns this one."""
    one = asked.witnesses["w1"]
    kept = one.witness.state._folder
    copy = kept.parent / "copy"
    shutil.copytree(asked.running.folder, copy)
    await asked.heads()
    await asked.look()
    size = asked.running.bus.api.directory_log.writer.head.size
    await asked.running.close()
    shutil.rmtree(asked.running.folder)
    shutil.copytree(copy, asked.running.folder)
    asked.running.clock.ahead_ms += 5_000
    await asked.running.open()
    while asked.running.bus.api.directory_log.writer.head.size < size + 2:
        await asked.heads()
    await asked.look()
    told = asked.running.bus.api.witnessing.asked
    assert told["refused"] + told["conflict"] >= 4
    assert told["cosigned"] == 0


async def test_stamps_come_every_five_minutes_and_at_the_days_close(asked: AskedBus) -> None:
    first = asked.authorities[0]
    assert len(first.asked) == 1
    await _later(asked, _until_midnight(asked) + 60 * MINUTE_MS)  # far from a day's close
    stamped = len(first.asked)
    for passed_ms, more in ((4 * MINUTE_MS, 0), (MINUTE_MS, 1), (0, 1), (5 * MINUTE_MS, 2)):
        await _later(asked, passed_ms)
        assert len(first.asked) == stamped + more
    await _later(asked, _until_midnight(asked) - MINUTE_MS)
    assert len(first.asked) == stamped + 3
    await _later(asked, MINUTE_MS + 1_000)
    assert len(first.asked) == stamped + 4


async def _later(asked: AskedBus, ms: int) -> None:
    """So much later, heads and a round."""
    _ahead(asked, ms)
    await asked.heads()
    await asked.look()


def _until_midnight(asked: AskedBus) -> int:
    return DAY_MS - asked.running.clock() % DAY_MS


async def test_the_second_authority_is_asked_when_the_first_fails(asked: AskedBus) -> None:
    first, second = asked.authorities
    faults = {"is_away": True, "status": "rejection", "accuracy_ms": 2_000, "nonce": 7}
    for count, (name, value) in enumerate(faults.items(), 1):
        was = getattr(first, name)
        setattr(first, name, value)
        _ahead(asked, 5 * MINUTE_MS)
        await asked.heads()
        await asked.look()
        assert len(second.asked) == count, name
        row = await _row(asked, stamped=True)
        assert row.token is not None
        verify_timestamp(row.token, note_text(row.note).encode(), [second.root])
        setattr(first, name, was)


async def test_an_authority_whose_clock_is_far_off_is_not_believed(asked: AskedBus) -> None:
    asked.authorities[0].late_ms = -400_000
    asked.running.clock.ahead_ms += 1
    row = await asked.running.bus.api.witnessing.anchor_now(asked.heads)
    assert row is not None
    assert len(asked.authorities[1].asked) == 1


async def test_before_an_export_everything_is_anchored_at_once(asked: AskedBus) -> None:
    await asked.running.send(asked.running.ask())
    row = await asked.running.bus.api.witnessing.anchor_now(asked.heads)
    assert row is not None
    head = asked.running.bus.api.directory_log.writer.head
    assert (row.size, row.heads_index) == (head.size, head.size - 1)
    assert row.cosigned_at_ms is not None
    assert row.token is not None
    assert parse_checkpoint(note_text(row.note)).root == head.root
