"""Stretches are judged alone, quickly or leaf by leaf, in any process: the report is the same."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import sealway.verify.audit
import sealway.verify.scan
import sealway.verify.traffic
from sealway.cli.main import main
from sealway.verify.audit import verify_folder
from sealway.verify.plain import PlainTiles
from sealway.verify.workers import WorkerLost, spread
from signing.log.tiles import encode_entries, parse_entries
from tests.support.long_bus import LongBus
from tests.support.shut_bus import ShutBus

ENTRIES = 1_100
STRETCH = 256
KEYS = [True, False]


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sealway.verify.scan, sealway.verify.traffic):
        monkeypatch.setattr(module, "STRETCH_LEAVES", STRETCH)
    monkeypatch.setattr(sealway.verify.audit, "STRETCHES_SHUT_MIN", 1)


@pytest.fixture(scope="module")
def bus() -> LongBus:
    return LongBus()


@pytest.fixture(scope="module")
def folder(bus: LongBus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bus.fill(tmp_path_factory.mktemp("long") / "data", ENTRIES)


def _execute(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def damage(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return damage


def _older_leaf(connection: sqlite3.Connection) -> None:
    """The leaf before a stretch becomes the newest of all: the next one seems to run back."""
    _edit_leaf(connection, STRETCH - 1, b'"ts":1', b'"ts":2')


def _earlier_version(connection: sqlite3.Connection) -> None:
    """The first leaf of a stretch names an older version than all before it."""
    _edit_leaf(connection, 2 * STRETCH, b'"reg":11', b'"reg":10')


def _odd_leaf(connection: sqlite3.Connection) -> None:
    _edit_leaf(connection, 700, b'"v":1', b'"v":2')


def _edit_leaf(connection: sqlite3.Connection, index: int, old: bytes, new: bytes) -> None:
    where = "WHERE shard = 1 AND first_index = ?"
    first = index // 256 * 256
    query = f"SELECT entries FROM log_group {where}"
    leaves = list(parse_entries(connection.execute(query, (first,)).fetchone()[0]))
    leaves[index - first] = leaves[index - first].replace(old, new, 1)
    entries = encode_entries(leaves)
    connection.execute(f"UPDATE log_group SET entries = ? {where}", (entries, first))


DAMAGE = {
    "none": _execute(),
    "time": _older_leaf,
    "version": _earlier_version,
    "leaf": _odd_leaf,
    "rows gone": _execute("DELETE FROM message WHERE idx IN (3, 255, 256, 900)"),
    "row twice": _execute("UPDATE message SET idx = 300 WHERE idx = 20"),
    "rows elsewhere": _execute("UPDATE message SET idx = idx + 5000 WHERE idx > 1000"),
    "places of other types": _execute(
        "UPDATE message SET idx = 400.5 WHERE idx = 400",
        "UPDATE message SET idx = 'x' WHERE idx = 410",
    ),
    "hash": _execute("UPDATE message SET leaf_hash = zeroblob(32) WHERE idx = 600"),
    "hashes swapped": _execute(
        "UPDATE message SET leaf_hash = (SELECT leaf_hash FROM message WHERE idx = 10)"
        " WHERE idx = 900"
    ),
    "sender": _execute("UPDATE message SET sender = 7 WHERE idx = 512"),
    "time of a row": _execute("UPDATE message SET accepted_at = 5 WHERE idx = 513"),
    "types": _execute("UPDATE message SET digest = 'text' WHERE idx = 514"),
    "content": _execute("UPDATE message SET content = zeroblob(100) WHERE idx IN (5, 800)"),
    "keys": _execute("UPDATE message SET envelope_key = zeroblob(44) WHERE idx < 300"),
    "tile": _execute("UPDATE log_tile SET hashes = zeroblob(8192) WHERE number = 2"),
    "tile gone": _execute("DELETE FROM log_tile WHERE number = 1"),
    "group": _execute("DELETE FROM log_group WHERE shard = 1 AND first_index = 768"),
    "order": _execute("UPDATE message SET rowid = 5000 - rowid"),
    "stray record": _execute(
        "INSERT INTO record SELECT 1, 9000, bytes, leaf_salt, key FROM record WHERE idx = 1",
        "INSERT INTO record SELECT 1, 77, bytes, leaf_salt, key FROM record WHERE idx = 1",
    ),
}


def damaged(folder: Path, into: Path, damage: Callable[[sqlite3.Connection], None]) -> Path:
    """A copy of the folder with something wrong in it."""
    into.mkdir()
    copy = into / "sealway.db"
    copy.write_bytes((folder / "sealway.db").read_bytes())
    with closing(sqlite3.connect(copy)) as connection, connection:
        damage(connection)
    return into


def told(bus: LongBus, folder: Path, *, keys: bool, processes: int = 1) -> dict[str, Any]:
    """Everything that the report says, but how long it took."""
    epochs = bus.epochs if keys else None
    report = verify_folder(folder, bus.log_keys(), epochs, processes=processes)
    return {**report.to_object(), "seconds": 0, "listed": report.findings.listed}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("keys", KEYS)
def test_the_report_is_the_same_for_any_number_of_processes(
    bus: LongBus,
    folder: Path,
    tmp_path: Path,
    damage: Callable[[sqlite3.Connection], None],
    keys: bool,
) -> None:
    copy = damaged(folder, tmp_path / "copy", damage)
    one = told(bus, copy, keys=keys)
    assert told(bus, copy, keys=keys, processes=3) == one
    assert (one["verdict"] == ("proven" if keys else "incomplete")) == (
        damage in (DAMAGE["none"], DAMAGE["order"])
        or (not keys and damage in (DAMAGE["content"], DAMAGE["keys"]))
    )


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_quick_look_finds_what_going_leaf_by_leaf_finds(
    bus: LongBus,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[sqlite3.Connection], None],
) -> None:
    copy = damaged(folder, tmp_path / "copy", damage)
    quick = told(bus, copy, keys=False)
    monkeypatch.setattr(PlainTiles, "take", lambda *_: None)
    slow = told(bus, copy, keys=False)
    assert quick == slow


@pytest.mark.parametrize(
    ("damage", "code"),
    [("none", None), ("time", "time-runs-back"), ("version", "version-wrong")],
)
def test_what_came_before_a_stretch_is_not_forgotten(
    bus: LongBus,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    code: str | None,
) -> None:
    copy = damaged(folder, tmp_path / "copy", DAMAGE[damage])
    short = told(bus, copy, keys=False)
    assert code is None or short["finding_counts"][code]
    for module in (sealway.verify.scan, sealway.verify.traffic):
        monkeypatch.setattr(module, "STRETCH_LEAVES", 8_192)
    assert told(bus, copy, keys=False)["finding_counts"] == short["finding_counts"]


@pytest.mark.parametrize("entries", [65_535, 65_536, 65_537, 70_000])
def test_a_log_at_the_sizes_where_tiles_break_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    for module in (sealway.verify.scan, sealway.verify.traffic):
        monkeypatch.setattr(module, "STRETCH_LEAVES", 8_192)
    bus = ShutBus()
    report = verify_folder(bus.fill(tmp_path / "data", entries), bus.log_keys(), None, processes=2)
    assert set(report.findings.counts) == {"envelopes-not-readable"}
    assert report.counts.messages == report.counts.receipts == entries
    assert report.open_exchanges == 0 if entries % 2 == 0 else 1


# --- the processes themselves -------------------------------------------------------------------


def _twice() -> Callable[[int], int]:
    return lambda number: 2 * number


def test_outcomes_come_in_the_order_of_the_tasks() -> None:
    assert list(spread(_twice, range(50), 3)) == [(n, 2 * n) for n in range(50)]


def _dying() -> Callable[[int], int]:
    def work(number: int) -> int:
        if number == 3:
            raise SystemExit
        return number

    return work


def test_a_process_that_ends_early_is_told() -> None:
    with pytest.raises(WorkerLost):
        list(spread(_dying, range(9), 2))


def test_no_more_tasks_are_taken_than_are_being_worked_on() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(40):
            taken.append(number)
            yield number

    for number, _ in spread(_twice, tasks(), 2):
        assert len(taken) <= number + 2 * 2 + 1


_ENDLESS = """
import os, sys, time
from sealway.verify.workers import spread

def start():
    os.write(1, b"begun\\n")
    return time.sleep

try:
    list(spread(start, [600, 600], 2))
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_no_process_is_left_when_the_first_one_is_interrupted() -> None:
    command = [sys.executable, "-c", _ENDLESS]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as out:
        assert [out.readline(), out.readline()] == [b"begun\n"] * 2
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
        assert process.wait(20) == 7
        assert out.read() == b"", "the pipe is closed when every process has ended"


def test_a_process_ends_when_the_first_one_is_gone() -> None:
    idle = _ENDLESS.replace("[600, 600]", "waiting()").replace(
        "try:", "def waiting():\n    yield 0\n    yield 0\n    time.sleep(600)\n    yield 0\n\ntry:"
    )
    command = [sys.executable, "-c", idle]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as out:
        assert [out.readline(), out.readline()] == [b"begun\n"] * 2
        process.kill()
        process.wait(20)
        assert out.read() == b""


def test_the_command_takes_a_number_of_processes(
    bus: LongBus, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, epoch = bus.log_keys()[0], str(bus.write_epoch(tmp_path))
    words = ["audit", "verify", str(folder), "--log-key", key, "--epoch-keys", epoch, "--json"]
    told = []
    for processes in ("1", "3"):
        assert main([*words, "--processes", processes]) == 0
        told.append({**json.loads(capsys.readouterr().out), "seconds": 0})
    assert told[0] == told[1]
    assert main([*words, "--processes", "0"]) == 3
