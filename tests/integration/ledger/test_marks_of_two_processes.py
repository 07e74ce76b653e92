"""Real processes that advance one log's mark: one line, no lost step, whoever is killed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchange.ledger.marks import Marks, create_marks
from tests.house.source import ROOT

ORIGIN = "sx.example/log/1"
PROGRAM = """
import sys
from pathlib import Path

from exchange.ledger.marks import Mark, MarkMoved, Marks

path, origin, steps = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
marks = Marks(path)
done = moved = 0
at = (0, Mark(origin).root)
while done < steps:
    after = at[0] + 1
    root = after.to_bytes(32, "big")
    try:
        marks.advance(origin, at, after, root)
        done += 1
        at = (after, root)
    except MarkMoved as found:
        moved += 1
        at = (found.mark.size, found.mark.root)
        assert at[1] == at[0].to_bytes(32, "big")
print(moved)
"""


def start(path: Path, steps: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), ORIGIN, str(steps)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_marks(tmp_path / "marks")
    return tmp_path / "marks"


def test_each_step_is_taken_once(path: Path) -> None:
    steps = 300
    running = [start(path, steps) for _ in range(2)]
    moved = [int(one.communicate(timeout=50)[0]) for one in running]
    assert [one.returncode for one in running] == [0, 0]
    mark = Marks(path).of(ORIGIN)
    assert mark is not None
    assert (mark.size, mark.turn) == (2 * steps, 2 * steps)
    assert sum(moved) > 0, "they met"


def test_one_that_is_killed_leaves_the_file_to_the_other(path: Path) -> None:
    killed = start(path, 10**9)
    marks = Marks(path)
    while marks.of(ORIGIN) is None:
        time.sleep(0.01)
    killed.kill()
    killed.communicate(timeout=10)
    before = marks.of(ORIGIN)
    assert before is not None
    last = start(path, 50)
    last.communicate(timeout=50)
    after = marks.of(ORIGIN)
    assert after is not None
    assert after.size == before.size + 50
