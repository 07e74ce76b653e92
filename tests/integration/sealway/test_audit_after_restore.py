"""A bus that went on from an older copy of its database, by the real verbs, verified as a whole."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.errors import Conflict
from sealway.audit.selection import Selection
from sealway.cli.main import main
from signing.keys import load_private_key
from signing.log.note import NoteSigner
from tests.support.recorded_bus import (
    FOUNDER,
    RecordedBus,
    exchange_one,
    make_bus,
    registrations,
    start,
)


async def _live(
    made: RecordedBus, exchanges: int, *, is_new: bool = False, copy: Path | None = None
) -> None:
    bus = await start(made)
    try:
        if is_new:
            await bus.api.directory_log.change(registrations(made), FOUNDER)
        for _ in range(exchanges):
            await exchange_one(bus, made)
        if copy is not None:
            shutil.copytree(made.data, copy)
    finally:
        await bus.close()


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    """Three exchanges, a copy while it runs, four more; the copy put back, then two more."""
    top = tmp_path_factory.mktemp("restored")
    made = make_bus(top / "bus")
    asyncio.run(_live(made, 3, is_new=True, copy=top / "older"))
    asyncio.run(_live(made, 4))
    shutil.rmtree(made.data)
    shutil.copytree(top / "older", made.data)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(
            main(["migrate", str(made.folder), "--after-restore", "--reason", "the disk is lost"])
        )
    assert ended.value.code == 0
    asyncio.run(_live(made, 2))
    return made


def _keys(made: RecordedBus) -> list[str]:
    key: Any = load_private_key((made.folder / "keys" / "log-0.1").read_bytes())
    return [made.log_key, str(NoteSigner("sx.example/log/0.1", key).verifier)]


def _verify(made: RecordedBus, keys: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    words = [word for key in keys for word in ("--log-key", key)]
    epoch = ["--epoch-keys", str(made.epoch_file), "--json"]
    code = main(["audit", "verify", str(made.folder), *words, *epoch])
    said = json.loads(capsys.readouterr().out)
    assert said["exit"] == code
    return said


def test_such_a_bus_exports_nothing_and_says_where_to_turn(
    restored: RecordedBus, tmp_path: Path
) -> None:
    shutil.copytree(restored.folder, tmp_path / "bus")

    async def go() -> None:
        bus = await start(replace(restored, folder=tmp_path / "bus"))
        try:
            size = bus.api.directory_log.writer.head.size
            with pytest.raises(Conflict, match="a copy of the folder"):
                await bus.api.exports.export(Selection(), None, None, FOUNDER, None, "case")
            with pytest.raises(Conflict):
                await bus.api.exports.preview(Selection(), None, None)
            assert bus.api.directory_log.writer.head.size == size
        finally:
            await bus.close()

    asyncio.run(go())


def test_the_gap_is_proven_and_all_that_is_there_is_too(
    restored: RecordedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _verify(restored, _keys(restored), capsys)
    counts = {"log-rolled-back": 2, "tail-unanchored": 1}
    assert said["finding_counts"] == counts, "both gaps, and what the copy held since its last head"
    assert any("the disk is lost" in one["text"] for one in said["findings"])
    assert (said["exit"], said["counts"]["messages"]) == (2, 10)
    assert (said["counts"]["shards"], said["counts"]["shards_verified"]) == (2, 1)
    verdicts = {log["origin"].rpartition("/")[2]: log["verdict"] for log in said["logs"]}
    assert verdicts == {"0": "incomplete", "0.1": "proven", "1": "incomplete", "2": "proven"}


def test_with_the_older_key_alone_it_asks_for_the_newer(
    restored: RecordedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _verify(restored, _keys(restored)[:1], capsys)
    assert said["finding_counts"] == {"log-key-missing": 1}
    assert said["exit"] == 2


def test_what_the_copy_held_beyond_its_checkpoint_can_be_proven_again(
    restored: RecordedBus, tmp_path: Path
) -> None:
    before = _heads(restored.folder.parent / "older", tmp_path)
    assert any(noted < size for size, noted in before.values()), "a copy with nothing unsigned"
    after = _heads(restored.data, tmp_path)
    for shard, (size, _) in before.items():
        assert after[shard] == (size, size)


def _heads(data: Path, tmp_path: Path) -> dict[int, tuple[int, int]]:
    """Of each log, its size and how far its stored checkpoint goes."""
    shutil.copytree(data, tmp_path / data.parent.name / data.name)
    found = sqlite3.connect(next((tmp_path / data.parent.name / data.name).glob("*.db")))
    with closing(found):
        rows = found.execute("SELECT shard, size, note_size FROM log_shard").fetchall()
    return {shard: (size, noted) for shard, size, noted in rows}
