"""A bus that lies with every key in its hand: what it signs is held against what it did before."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.acceptance.record import Act
from exchange.operation.wiring import Bus
from exchange.storage.rows import ShardHead
from registry.changes import bus_key_fact
from registry.directory import Directory
from sealway.verify.audit import verify_folder
from sealway.verify.database import FILE_NAME
from sealway.verify.epoch_files import load_epoch_files
from sealway.verify.report import Report
from signing.certificates import issue_self_signed, parse_certificate
from signing.compose import PartIn, answer_draft, compose
from signing.encoding import b64url_encode
from signing.keys import LocalSigner, generate_key
from signing.message import Parts
from tests.support.dishonest import change, entry_of, resealed, right_of, write
from tests.support.recorded_bus import (
    CONSUMER,
    FOUNDER,
    PROVIDER,
    RecordedBus,
    exchange_one,
    make_bus,
    now_ms,
    registrations,
    request,
    send,
    start,
)

Deed = Callable[[Bus, RecordedBus], Awaitable[None]]


def _judge(made: RecordedBus, folder: Path | None = None) -> Report:
    return verify_folder(folder or made.data, made.log_key, load_epoch_files([made.epoch_file]))


def _live(made: RecordedBus, deed: Deed, copy_to: Path | None = None) -> None:
    async def live() -> None:
        bus = await start(made)
        await bus.api.directory_log.change(registrations(made), FOUNDER)
        await exchange_one(bus, made)
        await deed(bus, made)
        if copy_to is not None:
            _copy(made.data, copy_to)
        await bus.close()

    asyncio.run(live())


def _copy(folder: Path, to: Path) -> None:
    to.mkdir()
    for file in folder.glob(f"{FILE_NAME}*"):
        shutil.copyfile(file, to / file.name)


# --- what it writes past its own checks ---------------------------------------------------------


async def a_suspended_sender(bus: Bus, made: RecordedBus) -> None:
    right = right_of(bus)
    await change(bus, "system", {"id": CONSUMER, "state": "suspended"})
    await write(bus, entry_of(bus, request(made), right))


async def a_revoked_certificate(bus: Bus, made: RecordedBus) -> None:
    right = right_of(bus)
    await change(bus, "certificate", {"x5t": made.signers[CONSUMER].x5t, "state": "revoked"})
    await write(bus, entry_of(bus, request(made), right))


async def a_withdrawn_grant(bus: Bus, made: RecordedBus) -> None:
    right = right_of(bus)
    await change(bus, "grant", {"id": right.grant.id, "state": "withdrawn"})
    await write(bus, entry_of(bus, request(made), right))


async def another_purpose(bus: Bus, made: RecordedBus) -> None:
    await write(bus, entry_of(bus, request(made, purpose="curiosity"), right_of(bus)))


async def no_grant_at_all(bus: Bus, made: RecordedBus) -> None:
    await write(bus, entry_of(bus, request(made)))


async def other_content(bus: Bus, made: RecordedBus) -> None:
    asked = request(made)
    parts = Parts(asked.parts.salt, (b'{"n":9}',))
    await write(bus, entry_of(bus, replace(asked, parts=parts), right_of(bus)))


async def a_leaf_that_tells_another_story(bus: Bus, made: RecordedBus) -> None:
    entry = entry_of(bus, request(made), right_of(bus))
    await write(bus, replace(entry, leaf=replace(entry.leaf, test=True)))


async def another_digest(bus: Bus, made: RecordedBus) -> None:
    entry = entry_of(bus, request(made), right_of(bus))
    await write(bus, replace(entry, row=replace(entry.row, digest=bytes(32))))


async def somebody_elses_signature(bus: Bus, made: RecordedBus) -> None:
    key = generate_key()
    forger = LocalSigner(key, made.signers[CONSUMER].x5t)
    good = request(made)
    forged = compose(good.manifest, [PartIn(b'{"n":1}')], forger)
    entry = entry_of(bus, good, right_of(bus))
    sealed = resealed(bus, entry, forged)
    await write(bus, sealed)


async def an_answer_to_nothing(bus: Bus, made: RecordedBus) -> None:
    asked = request(made)
    draft = answer_draft(asked.manifest, asked.digest, "response", now_ms())
    entry = entry_of(bus, compose(draft, [PartIn(b"{}")], made.signers[PROVIDER]))
    await write(bus, replace(entry, leaf=replace(entry.leaf, ref=b64url_encode(bytes(32)))))


async def two_answers(bus: Bus, made: RecordedBus) -> None:
    asked = request(made)
    accepted = await send(bus, asked)
    ref = b64url_encode(accepted.place.leaf_hash)
    for _ in range(2):
        draft = answer_draft(asked.manifest, asked.digest, "response", now_ms())
        entry = entry_of(bus, compose(draft, [PartIn(b"{}")], made.signers[PROVIDER]))
        await write(bus, replace(entry, leaf=replace(entry.leaf, ref=ref)))


async def an_answer_under_another_request(bus: Bus, made: RecordedBus) -> None:
    asked, other = request(made), request(made)
    accepted = await send(bus, other)
    draft = answer_draft(asked.manifest, asked.digest, "response", now_ms())
    entry = entry_of(bus, compose(draft, [PartIn(b"{}")], made.signers[PROVIDER]))
    ref = b64url_encode(accepted.place.leaf_hash)
    await write(bus, replace(entry, leaf=replace(entry.leaf, ref=ref)))


# --- what it states in log 0 ----------------------------------------------------------------------


def _head(bus: Bus) -> ShardHead:
    return bus.committer.writer.head


async def _write_heads(bus: Bus, *heads: ShardHead) -> None:
    async def told() -> list[ShardHead]:
        return list(heads)

    await bus.api.directory_log.write_heads(told)


async def heads_of_another_tree(bus: Bus, made: RecordedBus) -> None:
    await _write_heads(bus, replace(_head(bus), root=bytes(32)))


async def heads_that_shrink(bus: Bus, made: RecordedBus) -> None:
    await _write_heads(bus, _head(bus))
    await _write_heads(bus, replace(_head(bus), size=1))


async def heads_of_a_log_nobody_opened(bus: Bus, made: RecordedBus) -> None:
    await _write_heads(bus, _head(bus), replace(_head(bus), shard=5))


async def heads_that_leave_a_log_out(bus: Bus, made: RecordedBus) -> None:
    await _write_heads(bus)


async def a_record_under_a_foreign_key(bus: Bus, made: RecordedBus) -> None:
    key = generate_key()
    log = bus.api.directory_log
    honest = log._recorder._signer
    log._recorder._signer = LocalSigner(key, honest.x5t)
    await change(bus, "member", {"id": "sx/GOV/6", "name": "Six"})
    log._recorder._signer = honest


async def a_change_of_what_was_not_there(bus: Bus, made: RecordedBus) -> None:
    log = bus.api.directory_log
    after = {"id": "sx/GOV/7", "name": "Seven", "state": "active"}
    act = Act("registry", "member-changed", "member", "sx/GOV/7", after, b64url_encode(bytes(32)))
    await log._commit([log._recorder.directory_entry(act, now_ms())])
    current = bus.api.directory.current
    bus.api.directory.current = Directory(current.version + 1, current.contents())


CASES: dict[Deed, str] = {
    a_suspended_sender: "sender-not-standing",
    a_revoked_certificate: "certificate-not-in-force",
    a_withdrawn_grant: "grant-not-in-force",
    another_purpose: "grant-not-in-force",
    no_grant_at_all: "grant-not-in-force",
    other_content: "parts-differ",
    a_leaf_that_tells_another_story: "story-differs",
    another_digest: "story-differs",
    somebody_elses_signature: "envelope-forged",
    an_answer_to_nothing: "answer-unpaired",
    two_answers: "answer-unpaired",
    an_answer_under_another_request: "answer-differs",
    heads_of_another_tree: "heads-differ",
    heads_that_shrink: "heads-shrink",
    heads_of_a_log_nobody_opened: "heads-unlisted",
    heads_that_leave_a_log_out: "heads-incomplete",
    a_record_under_a_foreign_key: "record-forged",
    a_change_of_what_was_not_there: "directory-broken",
}


@pytest.mark.parametrize("deed", CASES, ids=lambda deed: deed.__name__)
def test_its_own_signature_does_not_help(deed: Deed, tmp_path: Path) -> None:
    made = make_bus(tmp_path / "bus")
    _live(made, deed)
    report = _judge(made)
    assert CASES[deed] in report.findings.counts, report.findings.listed
    assert report.verdict == "false"


# --- and what is no lie ---------------------------------------------------------------------------


def test_a_later_record_key_is_one_that_the_first_signed(tmp_path: Path) -> None:
    async def rotate(bus: Bus, made: RecordedBus) -> None:
        key = generate_key()
        der = issue_self_signed(key, "records", now_ms() - 1000, now_ms() + 86_400_000)
        log = bus.api.directory_log
        await log.record_facts([bus_key_fact(der)], FOUNDER)
        log._recorder._signer = LocalSigner(key, parse_certificate(der).x5t)
        await change(bus, "member", {"id": "sx/GOV/6", "name": "Six"})

    made = make_bus(tmp_path / "bus")
    _live(made, rotate)
    assert _judge(made).findings.listed == []


def test_changes_between_messages_are_judged_as_of_then(tmp_path: Path) -> None:
    async def change_often(bus: Bus, made: RecordedBus) -> None:
        for name in ("One", "Two", "Three"):
            await change(bus, "member", {"id": "sx/GOV/6", "name": name})
            await exchange_one(bus, made)
        await change(bus, "certificate", {"x5t": made.signers[CONSUMER].x5t, "state": "revoked"})

    made = make_bus(tmp_path / "bus")
    _live(made, change_often)
    report = _judge(made)
    assert report.findings.listed == []
    assert report.counts.messages == 8


def test_a_copy_of_a_killed_bus_is_incomplete_and_says_what_is_unanchored(tmp_path: Path) -> None:
    async def go_on(bus: Bus, made: RecordedBus) -> None:
        await exchange_one(bus, made)

    made = make_bus(tmp_path / "bus")
    _live(made, go_on, copy_to=tmp_path / "copy")
    report = _judge(made, tmp_path / "copy")
    assert {"tail-unanchored", "tail-unsigned"} >= set(report.findings.counts)
    assert report.findings.counts["tail-unanchored"] == 1
    assert (report.verdict.exit_code, report.counts.messages) == (2, 4)
    assert _judge(made).verdict == "proven"


def test_two_runs_of_a_bus_are_one_line(tmp_path: Path) -> None:
    made = make_bus(tmp_path / "bus")
    _live(made, lambda bus, made: exchange_one(bus, made))
    _live(made, lambda bus, made: exchange_one(bus, made))
    report = _judge(made)
    assert report.findings.listed == []
    assert report.counts.messages == 8
