"""What a schema leaves unsaid: one that says all, and each rule broken once."""

from typing import Any

import pytest

from schemas.lint import SENTENCES, Code, lint
from tests.support.refused_schemas import draft_07, latest

SAID = {"description": "As it stands in the register."}
GOOD = latest(
    type="object",
    additionalProperties=False,
    properties={
        "name": {"type": "string", **SAID},
        "birth_date": {"type": ["string", "null"], "format": "date", **SAID},
        "person_code": {"type": "string", "pattern": "^[0-9]{11}$", **SAID},
        "address": {"$ref": "#/$defs/address"},
        "anything": True,
    },
    **{"$defs": {"address": {"type": "string", **SAID}}},
)


def test_finds_nothing_where_all_is_said() -> None:
    assert lint(GOOD) == []


def field(name: str, **members: Any) -> str:
    return latest(properties={name: members})


BROKEN = {
    Code.NO_DESCRIPTION: field("name", type="string"),
    Code.UNTYPED: field("name", **SAID),
    Code.DATE_WITHOUT_FORMAT: field("birthDate", type="string", **SAID),
    Code.IDENTIFIER_UNBOUNDED: field("tax_number", type="string", **SAID),
    Code.ADDITIONAL_UNDECIDED: latest(items={"type": ["object", "null"]}),
    Code.IGNORED_BESIDE_REF: draft_07(
        items={"$ref": "#/definitions/a", "maxLength": 5}, definitions={"a": {}}
    ),
}
PLACES = {Code.ADDITIONAL_UNDECIDED: "/items", Code.IGNORED_BESIDE_REF: "/items"}


@pytest.mark.parametrize(("code", "text"), BROKEN.items(), ids=BROKEN)
def test_finds_each_rule_broken_at_its_place(code: Code, text: str) -> None:
    (finding,) = lint(text)
    assert finding.code is code
    assert finding.pointer.startswith(PLACES.get(code, "/properties/"))
    assert finding.message == SENTENCES[code]


def test_every_rule_has_its_sentence_and_its_test() -> None:
    assert set(SENTENCES) == set(Code) == set(BROKEN)
