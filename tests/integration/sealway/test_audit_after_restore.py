"""A bus that went on from an older copy of its database, by the real verbs, verified as a whole."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import Any

import pytest

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


async def _live(made: RecordedBus, exchanges: int, *, is_new: bool = False) -> None:
    bus = await start(made)
    try:
        if is_new:
            await bus.api.directory_log.change(registrations(made), FOUNDER)
        for _ in range(exchanges):
            await exchange_one(bus, made)
    finally:
        await bus.close()


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    """Three exchanges, a copy, four more; the copy put back, and two more after that."""
    top = tmp_path_factory.mktemp("restored")
    made = make_bus(top / "bus")
    asyncio.run(_live(made, 3, is_new=True))
    shutil.copytree(made.data, top / "older")
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


def test_the_gap_is_proven_and_all_that_is_there_is_too(
    restored: RecordedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _verify(restored, _keys(restored), capsys)
    assert said["finding_counts"] == {"log-rolled-back": 2}, "log 0's gap, and the traffic log's"
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
