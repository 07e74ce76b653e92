"""docs/settings.md says what the settings say."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from exchange.operation.settings import Delivery, Egress, Limits, Policy, Settings
from exchange.operation.settings.page import settings_markdown
from tests.support.deployment import ROOT

PAGE = settings_markdown()


def rows() -> Iterator[list[str]]:
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_committed_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert committed == PAGE, "run python -m exchange.operation.settings.page > docs/settings.md"


@pytest.mark.parametrize("table", [Settings, Egress, Policy, Limits, Delivery])
def test_every_key_has_its_row(table: type[BaseModel]) -> None:
    tables = set(re.findall(r"^## \[(\w+)", PAGE, re.MULTILINE))
    named = {row[0].strip("`") for row in rows()} | tables | {"folder"}
    assert set(table.model_fields) - named == set()


def test_every_row_says_what_and_why() -> None:
    short = [row[0] for row in rows() if len(row[3]) < 12]
    assert short == []
    assert all(len(row) == 4 for row in rows())


def test_a_number_is_shown_as_it_is_typed_with_its_bounds() -> None:
    row = next(row for row in rows() if row[0] == "`part_bytes_max`")
    assert row[1:3] == ["`10485760` (10 MiB)", "≥ 1, ≤ 10,485,760"]
    row = next(row for row in rows() if row[0] == "`poll_s`")
    assert row[1:3] == ["`0.05` s", "≥ 0.005, ≤ 5"]
