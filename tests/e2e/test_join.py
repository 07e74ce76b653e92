"""`examples/join.sh`: an agency joins by what the documents say, and is asked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS_MAX = 12


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_agency_joins_in_a_dozen_commands_and_is_asked(tmp_path: Path) -> None:
    sealway = tmp_path / "sealway"
    sealway.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sealway "$@"\n')
    sealway.chmod(0o755)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    environ |= {"SEALWAY": str(sealway), "PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "join.sh")],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    match = re.fullmatch(
        r"join: (\d+) commands, answer verified", done.stdout.strip().splitlines()[-1]
    )
    assert match is not None
    typed = [line for line in done.stderr.splitlines() if line.startswith("$ ")]
    assert int(match[1]) == len(typed) <= COMMANDS_MAX
    assert list(tmp_path.iterdir()) == [sealway]  # nothing is left behind
