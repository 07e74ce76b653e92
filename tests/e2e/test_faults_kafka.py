"""Twenty faults on a cluster lose, double and fork nothing; and the checker can say no."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster.breaks import DATABASE, EVIDENCE
from tests.faults.cluster.run import EXIT_MISSING, check
from tests.faults.cluster.site import ClusterSite
from tests.faults.site import ROOT
from tests.support.kafka_fixtures import absent
from tests.support.postgres import GIVEN

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FAULTS = 20
SEED = "7"
BREAKS = "SEALWAY_TEST_BREAKS"
breaking = pytest.mark.skipif(
    not os.environ.get(BREAKS),
    reason=f"breaking what a run left, in 17 ways, takes five minutes: set {BREAKS}=1",
)
"""`make test` stays within twelve minutes; whoever changes the checker runs these."""


def faults(*words: str) -> subprocess.CompletedProcess[str]:
    """`make faults`, without make; skipped where an engine can't be had, and failed under CI."""
    command = [sys.executable, "tests/faults/run.py", *words]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout)
    if done.returncode == EXIT_MISSING:
        absent(done.stdout.splitlines()[-1])
    return done


@pytest.fixture(scope="session")
def site_of_twenty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder that twenty faults left, and what the run said."""
    folder = tmp_path_factory.mktemp("faults") / "cluster"
    words = ("--n", str(FAULTS), "--seed", SEED, "--keep", str(folder))
    done = faults("--engine", "kafka", *words)
    assert done.returncode == 0, done.stdout
    yield folder, done.stdout
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(900)
def test_nothing_is_lost_doubled_or_forked_by_twenty_faults(
    site_of_twenty: tuple[Path, str],
) -> None:
    _, said = site_of_twenty
    last = said.splitlines()[-1]
    assert last.startswith(f"faults: {FAULTS} faults, "), said
    assert last.endswith(" receipts, 0 lost, 0 double, 0 forks"), said


@breaking
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", EVIDENCE)
def test_the_checker_sees_each_way_to_break_what_was_seen(
    site_of_twenty: tuple[Path, str], tmp_path: Path, name: str
) -> None:
    shutil.copytree(site_of_twenty[0], tmp_path / "site", ignore=shutil.ignore_patterns("kafka"))
    site = ClusterSite.load(tmp_path / "site")
    EVIDENCE[name].do(site)
    held, found = check(site, "again")
    assert not held
    assert found[EVIDENCE[name].sort] > 0, found


@breaking
@pytest.mark.timeout(600)
def test_the_checker_sees_each_way_to_break_the_database() -> None:
    if os.environ.get(GIVEN):
        pytest.skip(f"the PostgreSQL in {GIVEN} is not ours to break")
    done = faults("--engine", "database", "--n", "1", "--break", ",".join(DATABASE))
    assert done.returncode == 1, done.stdout
    seen = [line.split()[1] for line in done.stdout.splitlines() if ": seen: " in line]
    assert seen == [f"{name}:" for name in DATABASE], done.stdout
