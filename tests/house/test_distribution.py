"""What an install brings: six typed packages, a lock without addresses, a light SDK."""

import re
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
# httpx brings rich and click by itself.
HEAVY = {
    *("fastapi", "starlette", "sqlalchemy", "uvicorn", "aiohttp", "jsonschema_rs", "typer"),
    *("exchange", "registry", "schemas", "adapters"),
}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_six_packages_and_nothing_else(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names if ".dist-info/" not in name}
    assert tops == set(PACKAGES)


def test_every_package_in_the_wheel_is_typed(wheel_names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel_names


def test_the_distribution_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    assert "://" not in LOCK
    pins = re.split(r"^(?=[a-z])", LOCK, flags=re.MULTILINE)[1:]
    assert [pin.split("==")[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_lock_holds_every_declared_library() -> None:
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", LOCK, re.MULTILINE))
    wanted = list(chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()))
    names = {re.split(r"[\[<>=; ]", one)[0] for one in wanted} - {"sealway"}
    assert names - pinned == set()


def test_the_sdk_loads_nothing_heavy_even_beside_folders_of_our_names(tmp_path: Path) -> None:
    for name in ("schemas", "registry", "adapters", "exchange"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')\n")
    code = "import sys, sealway; sealway.Client; sealway.Provider; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, text=True
    )
    assert run.returncode == 0, run.stderr
    assert {name.split(".")[0] for name in run.stdout.split()} & HEAVY == set()
