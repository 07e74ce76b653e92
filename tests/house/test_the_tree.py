"""The repository keeps its house rules, and no exception outlives its need."""

import pytest

from tests.house.rules.catalogue import RULES
from tests.house.source import ROOT, SourceFile, judge, read_exemptions, repository_files

EXEMPTIONS = read_exemptions((ROOT / "tests/house/exceptions.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def files() -> list[SourceFile]:
    return repository_files()


@pytest.mark.parametrize("name", RULES)
def test_the_tree_keeps_the_rule(name: str, files: list[SourceFile]) -> None:
    left, unneeded = judge(name, list(RULES[name](files)), EXEMPTIONS)
    assert not left, f"{name}:\n" + "\n".join(f"  {found}" for found in left)
    assert not unneeded, f"exceptions.toml grants what nobody needs: {unneeded}"


def test_every_exception_names_a_rule() -> None:
    assert {one.rule for one in EXEMPTIONS} <= set(RULES)
