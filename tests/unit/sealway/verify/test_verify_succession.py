"""Log 0 goes on in a successor after a restore: both are verified, each under its own key."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.changes import Change
from sealway.verify.audit import verify_folder
from sealway.verify.report import Report
from signing.encoding import b64_encode, b64url_encode
from signing.errors import ProofInvalid
from signing.keys import generate_key
from signing.log.note import NoteSigner
from tests.support.made_bus import MadeBus
from tests.support.recorded_bus import CONSUMER

MEMBER = Change("member", {"id": "sx/GOV/6", "name": "Six"})


@pytest.fixture
def bus() -> MadeBus:
    """Two shards and an exchange across them, signed; then the database is an older copy."""
    made = MadeBus(2)
    asked, hash_ = made.ask(2)
    made.answer(1, asked, hash_)
    made.heads()
    for log in made.logs.values():
        log.sign()
    return made


def go_on(bus: MadeBus) -> None:
    """New shards, a change, an exchange."""
    for n in (3, 4):
        bus.open_log(n)
    bus.heads()
    bus.change(MEMBER)
    asked, hash_ = bus.ask(4)
    bus.answer(3, asked, hash_)


def signed_further(bus: MadeBus, leaves: int) -> dict[str, object]:
    """What the signer knows, once it signed more than the copy holds."""
    return {
        "size_signed": len(bus.log_0.leaves) + leaves,
        "root_signed": b64_encode(bytes([7]) * 32),
    }


def judge(bus: MadeBus, folder: Path, keys: list[str] | None = None) -> Report:
    return verify_folder(bus.write(folder / "data"), keys or bus.log_keys(), bus.epochs)


def found(report: Report) -> set[str]:
    return {code.value for code in report.findings.counts}


def test_what_was_lost_is_proven_to_be_missing_and_nothing_else_is_doubted(
    bus: MadeBus, tmp_path: Path
) -> None:
    bus.succeed(**signed_further(bus, 5))
    go_on(bus)
    report = judge(bus, tmp_path)
    (one,) = report.findings.listed
    assert (one.code, one.log, one.index) == ("log-rolled-back", 0, len(bus.logs[0].leaves))
    assert report.verdict.exit_code == 2
    assert [(log.name, report.verdict_of(log)) for log in report.logs] == [
        ("0", "incomplete"),
        ("0.1", "proven"),
        *((str(n), "proven") for n in (1, 2, 3, 4)),
    ]
    assert report.directory_version == bus.directory.version


def test_a_successor_of_a_log_that_lost_nothing_is_proven(bus: MadeBus, tmp_path: Path) -> None:
    size, root = len(bus.log_0.leaves), b64_encode(bus.log_0.root)
    bus.succeed(size_signed=size, root_signed=root)
    go_on(bus)
    bus.heads()
    bus.log_0.sign()
    bus.succeed()
    bus.change(Change("member", {"id": "sx/GOV/7", "name": "Seven"}))
    report = judge(bus, tmp_path)
    assert report.findings.listed == []
    assert [log.name for log in report.logs][:3] == ["0", "0.1", "0.2"]
    assert report.verdict == "proven"


def test_a_longer_checkpoint_in_the_record_is_as_good(bus: MadeBus, tmp_path: Path) -> None:
    log = bus.logs[0]
    leaves = list(log.leaves)
    log.leaves.append(b"lost")
    note = log.sign()
    log.leaves[:] = leaves
    bus.succeed(checkpoint=note)
    go_on(bus)
    assert found(judge(bus, tmp_path)) == {"log-rolled-back"}


@pytest.mark.parametrize("missing", [0, 1])
def test_without_both_keys_it_says_which_and_decides_nothing(
    bus: MadeBus, tmp_path: Path, missing: int
) -> None:
    bus.succeed()
    go_on(bus)
    keys = bus.log_keys()
    del keys[missing]
    report = judge(bus, tmp_path, keys)
    assert (found(report), report.verdict.exit_code) == ({"log-key-missing"}, 2)


def test_a_pinned_successor_that_is_gone_is_found(bus: MadeBus, tmp_path: Path) -> None:
    key = generate_key("Ed25519")
    successor = str(NoteSigner("sx.example/log/0.1", key).verifier)  # type: ignore[arg-type]
    assert found(judge(bus, tmp_path, [*bus.log_keys(), successor])) == {"log-missing"}


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({"closed": "sx.example/log/1"}, "record-malformed"),
        ({"checkpoint": "nonsense"}, "record-malformed"),
        ({"size_found": 3}, "log-closed"),
        ({"root_found": b64_encode(bytes([1]) * 32)}, "heads-differ"),
        ({"size_signed": 2, "root_signed": b64_encode(bytes([1]) * 32)}, "checkpoint-differs"),
    ],
)
def test_leaf_0_of_a_successor_is_held_against_what_is_there(
    bus: MadeBus, tmp_path: Path, said: dict[str, object], finding: str
) -> None:
    bus.succeed(**said)
    go_on(bus)
    report = judge(bus, tmp_path)
    assert finding in found(report)
    assert report.verdict.exit_code == 1


def test_a_log_that_was_succeeded_and_stays_open_is_found(bus: MadeBus, tmp_path: Path) -> None:
    bus.succeed()
    go_on(bus)
    bus.logs[0].state = "open"
    assert found(judge(bus, tmp_path / "0")) == {"head-differs"}
    bus.logs[0].state = "closed"
    bus.logs[2].state = "open"
    bus.logs[2].is_stale = True
    assert "head-differs" in found(judge(bus, tmp_path / "2"))


def test_a_successor_that_says_nothing_first_is_found(bus: MadeBus, tmp_path: Path) -> None:
    bus.succeed()
    bus.log_0.leaves.clear()
    bus.rows["record"] = [row for row in bus.rows["record"] if row["shard"] >= 0]
    go_on(bus)
    assert "first-leaves" in found(judge(bus, tmp_path))


def test_a_change_under_a_state_that_was_not_found_is_broken(bus: MadeBus, tmp_path: Path) -> None:
    bus.succeed()
    bus.record(
        "registry", "system-changed", "system", CONSUMER, {"id": CONSUMER}, b64url_encode(bytes(32))
    )
    assert "directory-broken" in found(judge(bus, tmp_path))


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["sx.example/log/1"],
        ["sx.example/log/0", "sx.example/log/0"],
        ["sx.example/log/0", "other/log/0.1"],
        ["sx.example/log/0.0"],
        ["sx.example/log/1.1"],
    ],
)
def test_keys_that_go_together_badly_are_usage(tmp_path: Path, keys: list[str]) -> None:
    made = [str(NoteSigner(one, generate_key("Ed25519")).verifier) for one in keys]  # type: ignore[arg-type]
    with pytest.raises(ProofInvalid):
        verify_folder(tmp_path, made, None)
