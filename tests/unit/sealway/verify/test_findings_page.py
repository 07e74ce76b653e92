"""The page of findings names every code with its weight, and no other."""

import re
from pathlib import Path

from sealway.verify.findings import LISTED_MAX, Code, Findings, weight_of

PAGE = Path(__file__).parents[4] / "docs" / "audit-findings.md"


def test_the_page_lists_every_code_with_its_weight() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| \S", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [(code.value, weight_of(code).value) for code in Code]


def test_a_flood_of_findings_is_counted_and_not_kept() -> None:
    findings = Findings()
    for index in range(10 * LISTED_MAX):
        findings.add(Code.ROW_MISSING, "gone", 1, index)
    assert len(findings.listed) == LISTED_MAX
    assert findings.counts[Code.ROW_MISSING] == 10 * LISTED_MAX
