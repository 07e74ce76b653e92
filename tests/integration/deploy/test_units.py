"""The units for systemd, read by systemd where it is there, and by hand everywhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.operation.settings import Delivery
from tests.support.command_line import mistake
from tests.support.deployment import DEPLOY

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SYSTEMD = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)"
)


def entries(unit: Path) -> list[tuple[str, str]]:
    found = re.findall(r"^([A-Za-z]+)=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    assert found
    return found


def installed(unit: Path, folder: Path) -> Path:
    """The unit with the program of this environment."""
    program = str(Path(sys.executable).with_name("sealway"))
    text = unit.read_text("utf-8").replace("/opt/sealway/bin/sealway", program)
    copy = folder / unit.name
    copy.write_text(text, "utf-8")
    return copy


def test_there_is_one_for_each_role() -> None:
    assert [one.name for one in UNITS] == ["sealway-deliver@.service", "sealway-gateway@.service"]


@SYSTEMD
@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    words = ["systemd-analyze", "verify", "--man=no", str(installed(unit, tmp_path))]
    read = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


@SYSTEMD
def test_systemd_would_tell_of_a_mistake(tmp_path: Path) -> None:
    copy = installed(UNITS[0], tmp_path)
    copy.write_text(copy.read_text("utf-8").replace("RestartSec=1s", "RestartSecs=1s"))
    words = ["systemd-analyze", "verify", "--man=no", str(copy)]
    assert "RestartSecs" in subprocess.run(words, capture_output=True, text=True).stderr


@SYSTEMD
@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_a_process_taken_over_can_do_little(unit: Path, tmp_path: Path) -> None:
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=20"]
    copy = installed(unit, tmp_path)
    read = subprocess.run([*words, str(copy)], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stdout[-200:]  # exposure of 2.0 of 10 at most


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_the_command_is_one_that_the_command_line_has(unit: Path) -> None:
    program, *words = dict(entries(unit))["ExecStart"].replace("%i", "8480").split()
    assert program == "/opt/sealway/bin/sealway"
    assert mistake(words) is None


def test_both_roles_run_alike() -> None:
    first, second = (
        [one for one in entries(unit) if one[0] not in ("Description", "ExecStart")]
        for unit in UNITS
    )
    assert first == second


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_a_stop_lasts_longer_than_the_drain_and_marks_can_be_written(unit: Path) -> None:
    said = dict(entries(unit))
    assert int(said["TimeoutStopSec"].removesuffix("s")) >= 2 * Delivery().drain_s
    assert said["KillSignal"] == "SIGTERM"
    folder = said["ReadOnlyPaths"]
    assert said["ReadWritePaths"].split() == [f"{folder}/state", f"{folder}/keys"]
    assert said["User"] == "sealway"
