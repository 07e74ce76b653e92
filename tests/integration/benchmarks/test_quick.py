"""The quick benchmark runs, checks what it measures, and says so in the form its readers expect."""

import json
import re
import subprocess
import sys

import pytest

from tests.house.source import ROOT

LAST_LINE = re.compile(
    r"bench-quick: of its goal, P1 (\d\.\d\d), P2 \d\.\d\d, P3 not yet, P5 \d\.\d\d, P7 \d\.\d\d,"
    r" P10 not yet"
)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_short_run_ends_with_its_ratios_and_leaves_its_figures() -> None:
    command = [sys.executable, "benchmarks/quick.py", "--rounds", "1", "--seconds", "0.6"]
    command += ["--without", "cluster", "imports"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    said = LAST_LINE.fullmatch(lines[-1])
    assert said, done.stdout + done.stderr
    assert lines[0] == "durability as read back, embedded: journal_mode wal, synchronous FULL"
    (path,) = [line.partition(",")[0] for line in lines if line.startswith("benchmarks/results/")]
    written = json.loads((ROOT / path).read_text("utf-8"))
    assert written["goals"]["P1"]["ratio"] == pytest.approx(float(said[1]), abs=0.01)
    assert re.search(
        r"^fsck: [\d,]+ entries, [\d,]+ entries/s of a core, \d+ MiB", done.stdout, re.M
    )
    assert 0 < written["validation_us"] < 10_000
    assert sum(leg["failed"] for leg in written["legs"]) == 0
    assert sum(leg["checked"] for leg in written["legs"] if leg["target"] == "bus") > 0
    (ROOT / path).unlink()
