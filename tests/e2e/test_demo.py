"""The demo as a newcomer runs it: everything held, and nothing is left behind."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.e2e.running_demo import ROOT, demo, environment, left_running, processes_of, read_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_everything_shown_held_and_nothing_is_left(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        lines = read_until(process, "demo: ")
        assert process.wait(30) == 0, "\n".join(lines)
    figures = re.fullmatch(r"demo: (\d+) shown, (\d+) held", lines[-1])
    assert figures is not None
    assert figures[1] == figures[2]
    assert int(figures[1]) >= 13
    text = "\n".join(lines)
    for code in ("not-allowed", "payload-invalid", "signature-invalid", "message-stale"):
        assert f"refused with {code}" in text
    assert "✘" not in text
    assert "\x1b" not in text
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_half_way_it_ends_what_it_started(
    tmp_path: Path, number: signal.Signals
) -> None:
    with demo(tmp_path) as process:
        read_until(process, " 1 ")
        assert len(processes_of(tmp_path)) >= 3
        process.send_signal(number)
        assert process.wait(30) == 128 + number
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_killed_it_takes_its_processes_along(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        read_until(process, " 1 ")
        process.kill()
        process.wait(30)
    assert left_running(tmp_path) == []


@pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "openssl", "jq", "basenc"))), reason="needs them"
)
def test_what_serve_prints_works_when_pasted_and_the_folder_serves_again(tmp_path: Path) -> None:
    port = free_port()
    words = ("--serve", "--dir", str(tmp_path), "--port", str(port))
    with demo(tmp_path, *words) as process:
        lines = read_until(process, "serve: ")
        assert lines[-1].startswith(f"serve: http://127.0.0.1:{port} is ready"), "\n".join(lines)
        answers = _paste(lines, tmp_path)
        assert answers.count('"code":"FI-18"') == 2
        assert '"code":"FI-18"' in (tmp_path / "a.json").read_text()
        assert "log       sx.example/log/1" in answers
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert left_running(tmp_path) == []
    with demo(tmp_path, "--serve", "--port", str(free_port())) as process:
        lines = read_until(process, "serve: ")
        assert any("the bus made earlier" in line for line in lines)
        answers = _paste(lines, tmp_path)
        assert answers.count('"code":"FI-18"') == 2
    with sqlite3.connect(next((tmp_path / ".sealway" / "data").glob("*.db"))) as database:
        (messages,) = database.execute("SELECT count(*) FROM message").fetchone()
    database.close()
    assert messages == 12, "three questions with their answers, twice"


def _paste(lines: list[str], folder: Path) -> str:
    first = next(number for number, line in enumerate(lines) if line.startswith("export PATH"))
    (folder / "examples").unlink(missing_ok=True)
    (folder / "examples").symlink_to(ROOT / "examples")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines[first:-1])],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / ".sealway"
    other.mkdir()
    (other / "founder.token").write_text("not yours\n")
    with demo(tmp_path, "--serve", "--port", str(free_port())) as process:
        lines = read_until(process, "serve: ")
        assert process.wait(30) == 3
    assert "is not of the demo" in lines[-1]
    assert os.listdir(other) == ["founder.token"]


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with demo(tmp_path, "--serve", "--port", str(taken.getsockname()[1])) as process:
            lines = read_until(process, "serve: ")
            assert process.wait(30) == 3
    assert len(lines) == 1
    assert "is taken" in lines[0]
    assert list(tmp_path.iterdir()) == []
