"""Examples and counter-examples, run; and examples that are made up."""

import json
from typing import Any

import pytest
from jsonschema_rs import validator_for

from schemas.errors import SchemaInvalid
from schemas.examples import check_examples
from schemas.formats.port import Source
from schemas.generation import example_of
from schemas.reasons import Reason
from tests.support.refused_schemas import ROOT, draft_07, latest, xsd
from tests.unit.schemas.test_admission import ADMITTED

WHOLE = latest(type="integer", minimum=1)


@pytest.mark.parametrize(
    ("format", "text", "good", "bad"),
    [
        ("json-schema", WHOLE, "1", "0"),
        ("avro", '["null", "int"]', '{"int": 1}', "1"),
        ("xsd", xsd(ROOT), '<a xmlns="urn:p"/>', "<a/>"),
    ],
)
def test_examples_pass_and_counter_examples_fail(
    format: str, text: str, good: str, bad: str
) -> None:
    check_examples(format, text, [good], [bad, "{", ""])
    with pytest.raises(SchemaInvalid) as caught:
        check_examples(format, text, [good, bad], [])
    assert (caught.value.reason, caught.value.pointer) == (Reason.EXAMPLE_FAILS, "/examples/1")
    with pytest.raises(SchemaInvalid) as caught:
        check_examples(format, text, [], [good])
    assert caught.value.reason is Reason.COUNTER_EXAMPLE_PASSES
    assert caught.value.pointer == "/counter_examples/0"


PERSON: dict[str, Any] = {
    "type": "object",
    "required": ["code", "born", "address", "contacts"],
    "additionalProperties": False,
    "properties": {
        "code": {"type": "string", "pattern": "^[0-9]{11}$"},
        "name": {"type": "string", "pattern": r"^[\p{L}\p{M}' -]+$", "minLength": 2},
        "born": {"type": "string", "format": "date"},
        "seen": {"type": ["null", "string"], "format": "date-time"},
        "id": {"type": "string", "format": "uuid"},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "age": {"type": "integer", "minimum": 5, "multipleOf": 7},
        "sex": {"enum": ["F", "M"]},
        "address": {
            "oneOf": [
                {"type": "object", "required": ["street"],
                 "properties": {"street": {"minLength": 4, "type": "string"}}},
                {"type": "object", "required": ["box"], "properties": {"box": {"const": 5}}},
            ],
        },
        "contacts": {
            "type": "array", "minItems": 2, "uniqueItems": True,
            "items": {"allOf": [{"type": "string"}, {"maxLength": 9}]},
        },
        "children": {"type": "array", "items": {"$ref": "#"}},
        "pair": {"prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": False,
                 "minItems": 2},
    },
}  # fmt: skip
MADE_UP = {
    **ADMITTED,
    "a person": latest(**PERSON),
    "an old person": draft_07(
        type="object", required=["a"], properties={"a": {"type": "integer"}, "b": {"items": [{}]}}
    ),
    "a condition": latest(
        type="object",
        properties={"kind": {"enum": ["a", "b"]}},
        required=["kind"],
        **{"if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["more"]}},
    ),
    "members of any name": latest(
        type="object", minProperties=3, additionalProperties={"type": "null"}
    ),
    "examples in the schema": latest(type="string", pattern="^x(y|z)$", examples=["xz"]),
}


@pytest.mark.parametrize("text", MADE_UP.values(), ids=MADE_UP.keys())
def test_an_example_satisfies_its_schema(text: str) -> None:
    found = example_of(text)
    if found is None:
        assert text == ADMITTED["too big to ask whether it can be satisfied"]
        return
    assert validator_for(json.loads(text), offline=True, validate_formats=True).is_valid(found[0])
    assert example_of(text) == found


def test_an_example_follows_references() -> None:
    code = Source("sha256:0", "json-schema", latest(type="string", pattern="^[A-Z]{3}$"))
    assert example_of(latest(items={"$ref": "code"}, minItems=1), {"code": code}) == (["AAA"],)


def test_where_no_guess_fits_there_is_no_example() -> None:
    assert example_of(latest(type="integer", **{"not": {"maximum": 10**6}})) is None
