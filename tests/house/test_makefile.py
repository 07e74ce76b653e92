"""The Makefile explains itself truly, and documents name only targets that it has."""

import re
import subprocess

import pytest

from tests.house.source import ROOT, repository_files

TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
IN_DOCUMENTS = re.compile(r"(?:`|^\$ |&& |timeout \d+ )make ([a-z][a-z-]*)", re.MULTILINE)


def makefile_targets() -> set[str]:
    return set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))


def explained_targets() -> list[str]:
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE)


def test_plain_make_explains_every_target() -> None:
    assert sorted(explained_targets()) == sorted(makefile_targets())


@pytest.mark.parametrize("target", explained_targets())
def test_an_explained_target_can_be_made(target: str) -> None:
    dry = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert dry.returncode == 0, dry.stderr


@pytest.mark.parametrize("target", sorted(makefile_targets()))
def test_the_file_behind_a_target_exists(target: str) -> None:
    dry = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    scripts = re.findall(r"\.venv/bin/python ([\w/]+\.py)", dry)
    modules = [name.replace(".", "/") + ".py" for name in re.findall(r"-m (tests\.[\w.]+)", dry)]
    assert [path for path in scripts + modules if not (ROOT / path).is_file()] == []


def test_documents_name_only_targets_that_exist() -> None:
    named = {
        (file.path, target)
        for file in repository_files()
        if file.path.endswith(".md")
        for target in IN_DOCUMENTS.findall(file.text)
    }
    assert {(path, target) for path, target in named if target not in makefile_targets()} == set()
