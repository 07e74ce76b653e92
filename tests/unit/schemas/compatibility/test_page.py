"""docs/compatibility.md is what the tests' table and the check give today."""

from tests.house.source import ROOT
from tests.support.compatibility_page import page, verdicts


def test_the_page_is_current() -> None:
    there = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
    assert there == page(), "python -m tests.support.compatibility_page > docs/compatibility.md"


def test_full_is_never_better_than_its_halves() -> None:
    for words, answers in verdicts():
        for back, forth, full in (answers[:3], answers[3:]):
            assert (full == "yes") == (back == forth == "yes"), words
