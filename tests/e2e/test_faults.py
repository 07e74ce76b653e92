"""The bus is killed at random moments under load; and the checker that says so can say no."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.breaks import BREAKS
from tests.faults.run import break_and_check, in_flight
from tests.faults.site import ROOT, Site

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
KILLS = 30


def faults(*words: str) -> subprocess.CompletedProcess[str]:
    """`make faults`, without make."""
    command = [sys.executable, "tests/faults/run.py", *words]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_doubled_by_thirty_kills() -> None:
    done = faults("--n", str(KILLS))
    print(done.stdout)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout
    assert last.startswith(f"faults: {KILLS} kills, "), done.stdout
    assert last.endswith(" receipts, 0 lost, 0 double"), done.stdout


@pytest.fixture(scope="session")
def killed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a short run left."""
    folder = tmp_path_factory.mktemp("faults") / "site"
    done = faults("--n", "1", "--keep", str(folder))
    assert done.returncode == 0, done.stdout
    return folder


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BREAKS)
def test_the_checker_sees_each_way_to_break_a_promise(
    killed_once: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(killed_once, tmp_path / "site")
    held, found = break_and_check(Site.load(tmp_path / "site"), name)
    assert not held
    assert found[BREAKS[name].sort] > 0, found


def test_in_flight_is_what_was_sent_and_had_no_reply_at_that_moment() -> None:
    lines = [
        {"event": "made", "at": 1.0, "id": "a"},
        {"event": "sent", "at": 1.1, "id": "a"},
        {"event": "receipt", "at": 1.2, "id": "a"},
        {"event": "made", "at": 1.3, "id": "b"},
        {"event": "sent", "at": 1.4, "id": "b"},
        {"event": "broken", "at": 2.0, "id": "b"},
        {"event": "made", "at": 2.1, "id": "c"},
    ]
    moments = [1.05, 1.15, 1.25, 1.5, 2.05, 3.0]
    assert [in_flight(iter(lines), at) for at in moments] == [
        (0, 1),
        (1, 1),
        (0, 0),
        (1, 1),
        (0, 1),
        (0, 2),
    ]
