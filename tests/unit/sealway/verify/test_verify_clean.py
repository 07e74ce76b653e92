"""A folder that nobody touched: proven, counted, and left exactly as it was."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sealway.cli.main import main
from sealway.verify.database import FILE_NAME
from tests.support.recorded_bus import RecordedBus
from tests.unit.sealway.verify.conftest import EXCHANGES, Edit, Verify


def _fingerprints(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in folder.iterdir()
    }


def test_a_clean_copy_is_proven(verify: Verify) -> None:
    report = verify()
    assert report.findings.listed == []
    assert (report.verdict, report.verdict.exit_code) == ("proven", 0)
    assert report.counts.messages == report.counts.receipts == 2 * EXCHANGES + 1
    assert report.counts.envelopes == report.counts.messages + report.counts.refusals
    assert (report.counts.refusals, report.open_exchanges) == (1, 1)
    assert [(log.n, log.leaves, log.signed) for log in report.logs][1] == (1, 602, 602)
    assert report.heads >= 1


def test_without_epoch_keys_it_is_incomplete(verify: Verify) -> None:
    report = verify(keys=False)
    assert set(report.findings.counts) == {"envelopes-not-readable"}
    assert report.verdict.exit_code == 2
    assert report.counts.receipts == 2 * EXCHANGES + 1


def test_the_folder_is_never_written_to(verify: Verify, data: Path) -> None:
    before = _fingerprints(data)
    data.chmod(0o500)
    try:
        assert verify().verdict == "proven"
    finally:
        data.chmod(0o700)
    assert _fingerprints(data) == before


def test_a_write_ahead_log_is_recovered_elsewhere(
    verify: Verify, data: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.db"
    shutil.copyfile(data / FILE_NAME, source)
    writer = sqlite3.connect(source, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("UPDATE directory_object SET object = '{}' WHERE noun = 'policy'")
    for end in ("", "-wal"):
        shutil.copyfile(f"{source}{end}", data / f"{FILE_NAME}{end}")
    writer.close()
    before = _fingerprints(data)
    report = verify()
    assert set(report.findings.counts) == {"directory-object-differs"}
    assert _fingerprints(data) == before


def test_the_command_says_it_in_words(
    recorded: RecordedBus, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", "verify", str(data), "--log-key", recorded.log_key]
    assert main([*words, "--epoch-keys", str(recorded.epoch_file)]) == 0
    text = capsys.readouterr().out
    assert "601 receipts held by the tree" in text
    assert text.splitlines()[-1].startswith("audit verify: proven (")
    assert main(words) == 2
    assert "envelopes not readable" in capsys.readouterr().out


def test_the_command_says_it_in_json(
    recorded: RecordedBus, data: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    with edit() as connection:
        connection.execute("DELETE FROM message WHERE idx = 7")
    words = ["audit", "verify", str(data), "--log-key", recorded.log_key, "--json"]
    assert main(words) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["exit"]) == ("false", 1)
    assert {"code": "row-missing", "weight": "false", "log": 1, "index": 7}.items() <= (
        next(one for one in said["findings"] if one["code"] == "row-missing").items()
    )
    assert said["finding_counts"]["envelopes-not-readable"] == 601


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-folder", "--log-key", "KEY"],
        ["DATA", "--log-key", "sx.example/log/0+00000000+AAAA"],
        ["DATA", "--log-key", "KEY", "--epoch-keys", "sealway.toml"],
        ["DATA"],
    ],
)
def test_what_cannot_be_used_is_exit_3(recorded: RecordedBus, data: Path, words: list[str]) -> None:
    known = {"DATA": str(data), "KEY": recorded.log_key}
    assert main(["audit", "verify", *(known.get(word, word) for word in words)]) == 3


def test_it_needs_no_part_of_the_server() -> None:
    script = (
        "import sys, sealway.cli.audit, sealway.verify.audit\n"
        "bad = {'exchange', 'sqlalchemy', 'fastapi', 'aiohttp', 'uvicorn', 'httpx'}\n"
        "print(sorted(bad & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
