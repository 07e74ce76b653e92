"""docs/guarantees.md: every promise says what it isn't, and names tests that are there."""

import ast
import re
from functools import cache

import pytest

from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
ENGINES = ("SQLite", "PostgreSQL", "Kafka")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def sections(page: str) -> dict[int, str]:
    """The text of each numbered promise."""
    parts = re.split(r"^## (\d+)\. ", page, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def shown(section: str) -> dict[str, list[tuple[str, str]]]:
    """By engine, the tests that a promise names."""
    items = re.split(r"^- (\w+): ", section, flags=re.MULTILINE)
    return {
        engine: NAMED.findall(text) for engine, text in zip(items[1::2], items[2::2], strict=True)
    }


@cache
def defined_in(path: str) -> frozenset[str]:
    """The tests that a file defines; none when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return frozenset(
        node.name for node in nodes if isinstance(node, kinds) and node.name.startswith("test_")
    )


def missing(page: str) -> list[str]:
    """The tests that a page names and nobody has."""
    return [f"{path}::{name}" for path, name in NAMED.findall(page) if name not in defined_in(path)]


def test_every_test_that_is_named_is_there() -> None:
    assert missing(PAGE) == []
    assert len(NAMED.findall(PAGE)) > 30


def test_a_test_that_is_not_there_is_found() -> None:
    page = "`tests/docs/test_guarantees.py::test_gone` `tests/gone.py::test_gone`"
    assert len(missing(page)) == 2


def test_nothing_looks_like_a_test_and_is_read_as_none() -> None:
    assert len(re.findall(r"\btests/[\w/.]*\w", PAGE)) == len(NAMED.findall(PAGE))


def test_the_table_and_the_sections_are_the_same_promises() -> None:
    rows = [int(n) for n in re.findall(r"^\| \[(\d+)\]\(#", PAGE, re.MULTILINE)]
    assert rows == sorted(rows) == list(sections(PAGE))


@pytest.mark.parametrize("number", sections(PAGE))
def test_each_promise_is_shown_on_every_engine_that_has_it(number: int) -> None:
    named = shown(sections(PAGE)[number])
    assert tuple(named) == ENGINES
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| [{number}]("))
    cells = [cell.strip() for cell in row.split("|")[2:5]]
    for engine, cell in zip(ENGINES, cells, strict=True):
        assert bool(named[engine]) == (cell != "–"), f"{number}, {engine}"


@pytest.mark.parametrize("number", [n for n in sections(PAGE) if n != 6])
def test_each_promise_says_what_is_not_promised(number: int) -> None:
    assert "*Not promised:*" in sections(PAGE)[number]
