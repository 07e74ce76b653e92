"""The plots in docs/ are those of the figures beside them."""

import json
from xml.etree import ElementTree

import pytest

from benchmarks.directories import Size, changes_for
from benchmarks.plots import HISTORY, PROFILE, drawn, history_svg, point
from tests.house.source import ROOT


@pytest.mark.parametrize("path", list(drawn()), ids=lambda path: path.name)
def test_a_plot_is_drawn_from_the_figures(path: object) -> None:
    texts = {one: text for one, text in drawn().items() if one == path}
    for one, text in texts.items():
        assert one.read_text("utf-8") == text, "python benchmarks/plots.py"
        ElementTree.fromstring(text)  # noqa: S314


def test_the_readme_has_the_stages_of_the_profile() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    stages = json.loads(PROFILE.read_text("utf-8"))["stages"]
    shown = [f"| {us:.0f} | {name} |" for name, us in stages.items() if us >= 2]
    assert [line for line in shown if line not in page] == []


def test_history_keeps_the_ratios_of_a_run_in_order() -> None:
    run = {
        "surroundings": {"at": "2026-11-22T10:00:00+00:00", "commit": "abc", "load_average": 1.0},
        "goals": {"P1": {"ratio": 0.71239}, "P3": {"ratio": None}},
    }
    assert point(run)["ratios"] == {"P1": 0.712}
    kept = json.loads(HISTORY.read_text("utf-8"))
    assert [one["at"] for one in kept] == sorted(one["at"] for one in kept)


def test_a_better_run_is_drawn_higher_and_one_beyond_the_top_at_the_top() -> None:
    runs = [{"at": f"2026-11-2{n}T10:00", "ratios": {"P1": r}} for n, r in enumerate((0.5, 1, 9))]
    heights = [
        float(circle.attrib["cy"])
        for circle in ElementTree.fromstring(history_svg(runs)).iter()  # noqa: S314
        if circle.tag.endswith("circle")
    ]
    assert heights == [215.0, 150.0, 20.0]


def test_a_large_directory_has_as_many_of_each_as_was_asked() -> None:
    changes = list(changes_for(Size(systems=20, grants=60, schemas=10)))
    nouns = [change["noun"] for change in changes]
    wanted = {"member": 1, "system": 20, "schema": 10, "service": 20, "grant": 60}
    assert {noun: nouns.count(noun) for noun in set(nouns)} == wanted
    grants = {
        (one["object"]["consumer"], one["object"]["system"])
        for one in changes
        if one["noun"] == "grant"
    }
    assert len(grants) == 60, "no grant twice"
    assert all(consumer != system for consumer, system in grants)
