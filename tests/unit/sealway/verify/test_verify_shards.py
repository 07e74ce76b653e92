"""Several shards: exchanges across them; logs that are empty, frozen or closed; retention."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from registry.changes import Change
from registry.policy import POLICY_KEY
from sealway.cli.main import main
from sealway.verify.audit import verify_folder
from sealway.verify.report import Report
from signing.encoding import b64_encode
from tests.support.made_bus import MadeBus
from tests.support.recorded_bus import CONSUMER, request

SHARDS = 16


@pytest.fixture
def bus() -> MadeBus:
    return MadeBus(4)


def judge(bus: MadeBus, folder: Path, *, heads: bool = True) -> Report:
    return verify_folder(bus.write(folder / "data", heads=heads), bus.log_keys(), bus.epochs)


def found(report: Report) -> set[str]:
    return {code.value for code in report.findings.counts}


def test_exchanges_across_sixteen_shards_are_proven_the_empty_ones_too(tmp_path: Path) -> None:
    bus, chance = MadeBus(SHARDS), random.Random(7)
    for _ in range(60):
        asked, hash_ = bus.ask(chance.randint(1, SHARDS - 1))
        bus.answer(chance.randint(1, SHARDS - 1), asked, hash_)
    bus.ask(1)
    report = judge(bus, tmp_path)
    assert report.findings.listed == []
    assert (report.verdict, report.shards_verified) == ("proven", SHARDS)
    assert report.counts.messages == report.counts.receipts == 121
    assert report.open_exchanges == 1
    assert report.shards[-1].leaves == 0


@pytest.mark.parametrize(("asked_in", "answered_in"), [(1, 3), (3, 1), (2, 2)])
def test_two_answers_in_two_shards_are_found(
    bus: MadeBus, tmp_path: Path, asked_in: int, answered_in: int
) -> None:
    asked, hash_ = bus.ask(asked_in)
    bus.answer(answered_in, asked, hash_)
    bus.answer(4, asked, hash_)
    assert found(judge(bus, tmp_path)) == {"answer-unpaired"}


@pytest.mark.parametrize(("asked_in", "answered_in"), [(1, 3), (3, 1)])
def test_an_answer_under_another_request_is_found_in_any_order(
    bus: MadeBus, tmp_path: Path, asked_in: int, answered_in: int
) -> None:
    _, hash_ = bus.ask(asked_in)
    other, _ = bus.ask(2)
    bus.answer(answered_in, other, hash_)
    assert found(judge(bus, tmp_path)) == {"answer-differs"}


@pytest.mark.parametrize(("asked_in", "answered_in"), [(1, 3), (3, 1)])
def test_an_answer_under_an_older_directory_than_its_request_is_found(
    bus: MadeBus, tmp_path: Path, asked_in: int, answered_in: int
) -> None:
    older = bus.directory.version
    bus.change(Change("member", {"id": "sx/GOV/6", "name": "Six"}))
    asked, hash_ = bus.ask(asked_in)
    bus.answer(answered_in, asked, hash_, older)
    assert found(judge(bus, tmp_path)) == {"version-wrong"}


def test_a_leaf_put_in_under_a_directory_that_still_allowed_it_is_found(
    bus: MadeBus, tmp_path: Path
) -> None:
    right, older = request(bus.parties), bus.directory.version
    bus.change(Change("system", {"id": CONSUMER, "state": "suspended"}))
    bus.heads()
    bus.heads()
    bus.take(3, right, None, older)
    report = judge(bus, tmp_path)
    assert found(report) == {"version-wrong"}
    assert [(one.log, one.index) for one in report.findings.listed] == [(3, 0)]


def test_times_in_different_shards_need_no_order(bus: MadeBus, tmp_path: Path) -> None:
    asked, hash_ = bus.ask(2)
    bus.now_ms -= 500
    bus.answer(1, asked, hash_)
    bus.now_ms += 500
    bus.ask(1)
    assert judge(bus, tmp_path).findings.listed == []


def test_a_shard_that_lacks_its_row_does_not_hide_among_the_others(
    bus: MadeBus, tmp_path: Path
) -> None:
    bus.ask(2)
    bus.heads()
    del bus.logs[2]
    report = judge(bus, tmp_path, heads=False)
    assert "log-missing" in found(report)
    assert [log.n for log in report.shards] == [1, 3, 4]


def test_only_the_shard_with_a_lie_is_not_verified(
    bus: MadeBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in (1, 2, 3):
        bus.ask(n)
    bus.rows["message"][1]["digest"] = bytes(32)
    data, (epoch,) = bus.write(tmp_path / "data"), bus.epochs.keys
    (tmp_path / f"epoch-{epoch}").write_bytes(bus.epochs.keys[epoch])
    words = ["--log-key", *bus.log_keys(), "--epoch-keys", str(tmp_path / f"epoch-{epoch}")]
    assert main(["audit", "verify", str(data), *words, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["counts"]["shards"], said["counts"]["shards_verified"]) == (4, 3)
    verdicts = {log["n"]: log["verdict"] for log in said["logs"]}
    assert verdicts == {0: "proven", 1: "proven", 2: "false", 3: "proven", 4: "proven"}
    main(["audit", "verify", str(data), *words])
    lines = capsys.readouterr().out.splitlines()
    assert "shards       4, of them 3 proven" in lines


# --- logs that ended ----------------------------------------------------------------------------


def test_a_frozen_shard_that_lost_nothing_stays_proven(bus: MadeBus, tmp_path: Path) -> None:
    asked, hash_ = bus.ask(1)
    bus.heads()
    bus.freeze(bus.logs[1])
    bus.open_log(5)
    bus.answer(5, asked, hash_)
    report = judge(bus, tmp_path)
    assert report.findings.listed == []
    assert {log.n: log.state for log in report.shards}[1] == "frozen"


def test_a_frozen_shard_that_was_signed_further_is_incomplete(bus: MadeBus, tmp_path: Path) -> None:
    bus.ask(1)
    bus.freeze(bus.logs[1], size=3, root=b64_encode(bytes(32)))
    report = judge(bus, tmp_path)
    assert found(report) == {"log-rolled-back", "tail-unanchored"}
    assert report.verdict.exit_code == 2
    assert report.shards_verified == 3


def test_a_frozen_shard_that_goes_on_is_false(bus: MadeBus, tmp_path: Path) -> None:
    bus.ask(1)
    bus.freeze(bus.logs[1])
    bus.ask(1)
    assert found(judge(bus, tmp_path)) == {"log-closed"}


def test_a_frozen_shard_with_another_root_than_was_signed_is_false(
    bus: MadeBus, tmp_path: Path
) -> None:
    bus.ask(1)
    bus.freeze(bus.logs[1], size=1, root=b64_encode(bytes([1]) * 32))
    assert found(judge(bus, tmp_path)) == {"heads-differ"}


def test_a_frozen_shard_is_closed_later_and_never_opened(bus: MadeBus, tmp_path: Path) -> None:
    bus.ask(1)
    bus.freeze(bus.logs[1])
    bus.freeze(bus.logs[1])
    bus.close(bus.logs[1])
    assert judge(bus, tmp_path / "closed").findings.listed == []
    bus.shard_record(bus.logs[1], "open")
    assert "record-malformed" in found(judge(bus, tmp_path / "open"))


def test_heads_may_leave_out_a_log_that_is_frozen_next(bus: MadeBus, tmp_path: Path) -> None:
    bus.logs[2].state = "frozen"
    bus.heads()
    bus.freeze(bus.logs[2])
    assert judge(bus, tmp_path).findings.listed == []


def test_heads_may_not_leave_out_a_log_for_a_while(bus: MadeBus, tmp_path: Path) -> None:
    bus.logs[2].state = "frozen"
    bus.heads()
    bus.logs[2].state = "open"
    bus.heads()
    assert found(judge(bus, tmp_path)) == {"heads-incomplete"}


# --- retention ----------------------------------------------------------------------------------


def _kept_for(bus: MadeBus, days: int) -> None:
    policy = bus.directory.policy
    assert policy is not None
    members = policy.to_object()
    members["limits"]["messages_days"] = days
    bus.change(Change("policy", members, POLICY_KEY))


@pytest.mark.parametrize(
    ("days", "later", "finding"),
    [
        (31, 32, "message-retired"),
        (31, 29, "message-retired"),  # its id may be two days older than its leaf
        (31, 28, "row-missing"),
        (None, 400, "row-missing"),
    ],
)
def test_a_message_may_be_gone_only_when_a_policy_says_so(
    bus: MadeBus, tmp_path: Path, days: int | None, later: int, finding: str
) -> None:
    if days is not None:
        _kept_for(bus, days)
    bus.ask(1)
    bus.now_ms += later * 86_400_000
    bus.rows["message"].clear()
    report = judge(bus, tmp_path)
    assert found(report) == {finding, "heads-gap"}
    assert report.verdict.exit_code == (2 if finding == "message-retired" else 1)


def test_a_message_that_retention_kept_aside_is_read_there(bus: MadeBus, tmp_path: Path) -> None:
    for _ in range(2):
        bus.ask(1)
    data = bus.write(tmp_path / "data")
    with closing(sqlite3.connect(data / "sealway.db")) as connection, connection:
        connection.execute("CREATE TABLE kept_message AS SELECT * FROM message WHERE idx = 0")
        connection.execute("DELETE FROM message WHERE idx = 0")
    report = verify_folder(data, bus.log_keys(), bus.epochs)
    assert report.findings.listed == []
    with closing(sqlite3.connect(data / "sealway.db")) as connection, connection:
        connection.execute("UPDATE kept_message SET leaf_hash = zeroblob(32)")
    assert "leaf-altered" in found(verify_folder(data, bus.log_keys(), bus.epochs))


def test_the_key_of_another_epoch_is_told_from_an_altered_key(bus: MadeBus, tmp_path: Path) -> None:
    for _ in range(2):
        bus.ask(1)
    good = bus.epochs
    bus.epochs = replace(good, keys={1: bytes(32)})
    report = judge(bus, tmp_path / "other")
    assert (found(report), report.verdict.exit_code) == ({"epoch-key-wrong"}, 2)
    bus.epochs = good
    row = bus.rows["message"][0]
    row["envelope_key"] = row["envelope_key"][:4] + bytes(40)
    report = judge(bus, tmp_path / "altered")
    assert (found(report), report.verdict.exit_code) == ({"envelope-unopenable"}, 1)
