"""Whose output nobody reads any more goes on quietly, to its own exit code."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sealway.cli import pipes
from sealway.cli.main import main
from tests.house.source import ROOT


def test_a_verb_whose_reader_has_gone_ends_quietly_and_as_it_would() -> None:
    for words, code in ((("--help",), 0), (("profile", "list", "--nonsense"), 3)):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "sealway", *words]
        done = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, check=False, timeout=60
        )
        os.close(writing)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr
        assert b"BrokenPipe" not in done.stderr
        assert bool(done.stderr) == (code == 3)


@pytest.mark.parametrize("buffering", [-1, 0])
def test_what_is_written_to_nobody_is_dropped(
    buffering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    stream = io.TextIOWrapper(
        os.fdopen(writing, "wb", buffering), "utf-8", write_through=buffering == 0
    )
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "__stdout__", stream)
    pipes.forgive_closed_pipes()
    print("read", flush=buffering != 0)
    assert os.read(reading, 100) == b"read\n"
    os.close(reading)
    for _ in range(3):
        print("x" * 100_000, flush=True)
    sys.stdout.buffer.write(b"y" * 100_000)
    sys.stdout.flush()
    stream.close()


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (RuntimeError("unforeseen"), 2, "RuntimeError: unforeseen\nThis is a fault of Sealway's"),
        (OSError(30, "Read-only file system", "/ro/x"), 3, "invalid: /ro/x: Read-only file system"),
    ],
)
def test_what_goes_wrong_with_us_or_with_a_file_is_never_a_no(
    raised: Exception,
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> Callable[..., object]:
        raise raised

    monkeypatch.setattr("sealway.profile.profile_names", fail)
    monkeypatch.setenv("SEALWAY_HOME", str(tmp_path))
    assert main(["profile", "list"]) == code
    out, err = capsys.readouterr()
    assert (out, words in err) == ("", True)
