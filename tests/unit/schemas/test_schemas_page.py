"""docs/schemas.md says what the tables say."""

from schemas.catalogue import FORMATS
from schemas.lint import Code
from schemas.page import schemas_markdown
from schemas.reasons import Reason
from tests.support.deployment import ROOT


def test_the_committed_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "schemas.md").read_text("utf-8")
    assert committed == schemas_markdown(), "run python -m schemas.page > docs/schemas.md"


def test_every_format_and_reason_has_its_row() -> None:
    rows = {line.split("`")[1] for line in schemas_markdown().splitlines() if line[:3] == "| `"}
    assert rows >= {*FORMATS, *(reason.value for reason in Reason), *(code.value for code in Code)}
