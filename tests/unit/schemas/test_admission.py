"""Which texts are admitted as schemas, and that each rule refuses with its own reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import limits
from schemas.catalogue import admit
from schemas.errors import SchemaInvalid, SchemaUnknown
from schemas.reasons import DIALECT_2020_12, SENTENCES, Reason
from tests.support.refused_schemas import OTHER_FORMATS


def text(**members: Any) -> str:
    return json.dumps({"$schema": DIALECT_2020_12, **members})


def chain(length: int) -> dict[str, Any]:
    defs: dict[str, Any] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(length)}
    return {**defs, f"d{length}": {"type": "integer"}}


def doubling(steps: int) -> dict[str, Any]:
    defs: dict[str, Any] = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(steps)
    }
    return {**defs, f"d{steps}": {"type": "integer"}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


ADMITTED = {
    "everything": text(),
    "an object": text(type="object", properties={"a": {"type": "string", "format": "date"}}),
    "a local reference": text(properties={"a": {"$ref": "#/$defs/a"}}, **{"$defs": {"a": {}}}),
    "a recursive tree": text(properties={"children": {"type": "array", "items": {"$ref": "#"}}}),
    "an anchor": text(items={"$ref": "#name"}, **{"$defs": {"a": {"$anchor": "name"}}}),
    "an escaped pointer": text(items={"$ref": "#/$defs/a~1b%25"}, **{"$defs": {"a/b%": {}}}),
    "its own $id": text(**{"$id": "https://agency.example/schemas/person"}),
    "a property named $ref": text(properties={"$ref": {"type": "string"}}),
    "a $ref inside data": text(const={"$ref": "https://elsewhere.example/x"}),
    "a linear pattern": text(type="string", pattern="^(a+)+$"),
    "a name of any script": text(pattern=r"^[\p{L}\p{M}' -]+$", maxLength=200),
    "the deepest document": text(**nested(limits.DEPTH_MAX - 1)),
    "the longest chain": text(
        **{"$ref": "#/$defs/d0", "$defs": chain(limits.IN_PLACE_DEPTH_MAX - 1)}
    ),
    "as many patterns as are allowed": text(
        properties={f"p{i}": {"pattern": "^a"} for i in range(limits.PATTERNS_MAX)}
    ),
    "too many choices to ask whether it can be satisfied": text(
        allOf=[{"anyOf": [{"required": ["a"]}, {"required": ["b"]}]} for _ in range(20)]
    ),
    "too big to ask whether it can be satisfied": text(
        minLength=5,
        maxLength=3,
        type="string",
        **{"$defs": {f"d{i}": {} for i in range(limits.SATISFIABILITY_SUBSCHEMAS_MAX)}},
    ),
}


@pytest.mark.parametrize("given_text", ADMITTED.values(), ids=ADMITTED)
def test_admits(given_text: str) -> None:
    admitted = admit("json-schema", given_text)
    assert admitted.text == given_text
    assert admitted.fingerprint.startswith("sha256:")


REFUSED: dict[str, tuple[Reason, str]] = {
    "a text too long": (Reason.TOO_LONG, text(description="x" * limits.TEXT_BYTES_MAX)),
    "broken JSON": (Reason.NOT_JSON, '{"$schema": '),
    "a duplicate key": (Reason.NOT_JSON, '{"type": "string", "type": "integer"}'),
    "a lone surrogate": (Reason.NOT_JSON, '{"title": "\ud800"}'),
    "true": (Reason.NOT_AN_OBJECT, "true"),
    "a list": (Reason.NOT_AN_OBJECT, "[]"),
    "one level too deep": (Reason.TOO_DEEP, text(**nested(limits.DEPTH_MAX))),
    "no $schema": (Reason.DIALECT_MISSING, "{}"),
    "an older dialect": (
        Reason.DIALECT_UNKNOWN,
        '{"$schema": "http://json-schema.org/draft-06/schema#"}',
    ),
    "a dialect of one's own": (Reason.DIALECT_UNKNOWN, '{"$schema": "https://a.example/d"}'),
    "a dialect that is no text": (Reason.DIALECT_UNKNOWN, '{"$schema": 7}'),
    "a second $schema": (Reason.DIALECT_UNKNOWN, text(items={"$schema": DIALECT_2020_12})),
    "too many subschemas": (
        Reason.TOO_MANY_SUBSCHEMAS,
        text(properties={f"p{i}": {} for i in range(limits.SUBSCHEMAS_MAX)}),
    ),
    "too many patterns": (
        Reason.TOO_MANY_PATTERNS,
        text(patternProperties={f"^{i}": {} for i in range(limits.PATTERNS_MAX + 1)}),
    ),
    "$dynamicRef": (Reason.DYNAMIC_REFERENCE, text(items={"$dynamicRef": "#a"})),
    "$dynamicAnchor": (Reason.DYNAMIC_REFERENCE, text(**{"$dynamicAnchor": "a"})),
    "$recursiveRef": (Reason.DYNAMIC_REFERENCE, text(items={"$recursiveRef": "#"})),
    "$vocabulary": (Reason.DYNAMIC_REFERENCE, text(**{"$vocabulary": {"https://v.example": True}})),
    "an embedded resource": (Reason.EMBEDDED_RESOURCE, text(items={"$id": "https://a.example/i"})),
    "the metaschema's own $id": (Reason.ID_RESERVED, text(**{"$id": DIALECT_2020_12})),
    "an $id that is no address": (Reason.ID_INVALID, text(**{"$id": "^a"})),
    "an $id with a fragment": (Reason.ID_RESERVED, text(**{"$id": "https://a.example/#a"})),
    "an anchor twice": (
        Reason.ANCHOR_TWICE,
        text(items={"$anchor": "a"}, contains={"$anchor": "a"}),
    ),
    "a reference over http": (Reason.REMOTE_REFERENCE, text(items={"$ref": "http://a.example/s"})),
    "a reference over https": (Reason.REMOTE_REFERENCE, text(**{"$ref": "https://a.example/s"})),
    "a reference to a file": (Reason.REMOTE_REFERENCE, text(**{"$ref": "file:///etc/passwd"})),
    "a relative reference": (Reason.REMOTE_REFERENCE, text(**{"$ref": "other.json#/a"})),
    "a reference to the metaschema": (Reason.REMOTE_REFERENCE, text(**{"$ref": DIALECT_2020_12})),
    "an empty reference": (Reason.REMOTE_REFERENCE, text(items={"$ref": ""})),
    "a reference to nothing": (Reason.REFERENCE_UNRESOLVED, text(items={"$ref": "#/$defs/a"})),
    "a reference to no anchor": (Reason.REFERENCE_UNRESOLVED, text(items={"$ref": "#a"})),
    "a reference into data": (
        Reason.REFERENCE_UNRESOLVED,
        text(const={"a": {}}, items={"$ref": "#/const/a"}),
    ),
    "a reference to itself": (Reason.REFERENCE_LOOP, text(**{"$ref": "#"})),
    "a loop over two": (
        Reason.REFERENCE_LOOP,
        text(items={"$ref": "#/$defs/a"}, **{"$defs": {"a": {"not": {"$ref": "#/items"}}}}),
    ),
    "a chain too long": (
        Reason.TOO_INTRICATE,
        text(**{"$ref": "#/$defs/d0", "$defs": chain(limits.IN_PLACE_DEPTH_MAX + 1)}),
    ),
    "a few references that double": (
        Reason.TOO_INTRICATE,
        text(**{"$ref": "#/$defs/d0", "$defs": doubling(24)}),
    ),
    "a malformed pattern": (Reason.PATTERN_REFUSED, text(pattern="(")),
    "look-ahead": (Reason.PATTERN_REFUSED, text(items={"pattern": "(?=a)b"})),
    "a back-reference": (Reason.PATTERN_REFUSED, text(pattern=r"(a)\1")),
    "look-ahead in a name": (Reason.PATTERN_REFUSED, text(patternProperties={"(?!a)": {}})),
    "a pattern that needs too much memory": (
        Reason.PATTERN_REFUSED,
        text(pattern="(a{1000}){1000}"),
    ),
    "an unknown type": (Reason.METASCHEMA, text(type="strin")),
    "a subschema that is a number": (Reason.METASCHEMA, text(properties={"a": 5})),
    "a required that is a text": (Reason.METASCHEMA, text(required="a")),
    "a reference that is a number": (Reason.METASCHEMA, text(**{"$ref": 5})),
    "an integer that is not exact": (Reason.NUMBER_INEXACT, text(maximum=2**53 + 1)),
    "lengths that exclude each other": (
        Reason.UNSATISFIABLE,
        text(type="string", minLength=5, maxLength=3),
    ),
    "a required member that is false": (
        Reason.UNSATISFIABLE,
        text(type="object", required=["a"], properties={"a": False}),
    ),
    "a tree that never ends": (
        Reason.UNSATISFIABLE,
        text(type="object", required=["a"], properties={"a": {"$ref": "#"}}),
    ),
}


@pytest.mark.parametrize(("reason", "given_text"), REFUSED.values(), ids=REFUSED)
def test_refuses(reason: Reason, given_text: str) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        admit("json-schema", given_text)
    assert caught.value.reason is reason
    assert caught.value.code == "request-invalid"
    assert caught.value.detail.endswith(".")


REFUSED_WITH_REFERENCES = (
    Reason.REFERENCE_UNUSED,
    Reason.REFERENCE_DIALECT,
    Reason.TOO_MANY_REFERENCES,
    Reason.EXAMPLE_FAILS,
    Reason.COUNTER_EXAMPLE_PASSES,
)
"""Met in test_references.py and test_examples.py."""


def test_each_reason_has_a_sentence_and_is_met_by_a_test() -> None:
    met = {reason for reason, _ in REFUSED.values()}
    met |= {reason for reason, _, _ in OTHER_FORMATS.values()} | set(REFUSED_WITH_REFERENCES)
    assert set(SENTENCES) == set(Reason)
    # The last one guards against a library that refuses more than our rules know of.
    assert set(Reason) - met == {Reason.NOT_COMPILED}


def test_names_the_place_of_what_it_refuses() -> None:
    with pytest.raises(SchemaInvalid, match=r"/properties/a~1b/items") as caught:
        admit("json-schema", text(properties={"a/b": {"items": {"$ref": "http://x.example"}}}))
    assert caught.value.pointer == "/properties/a~1b/items"


def test_refuses_a_format_that_is_not_offered() -> None:
    with pytest.raises(SchemaUnknown, match="json-schema"):
        admit("relax-ng", text())


def test_one_fingerprint_for_two_spellings_of_one_schema() -> None:
    dialect = f'"$schema":"{DIALECT_2020_12}"'
    one = f'{{{dialect}, "type": "integer", "maximum": 10}}'
    other = f'{{ "maximum": 1e1,\n "type":"integer", {dialect}}}'
    assert admit("json-schema", one).fingerprint == admit("json-schema", other).fingerprint
    assert admit("json-schema", one).fingerprint != admit("json-schema", text()).fingerprint


def test_the_fingerprint_is_the_published_one() -> None:
    # SHA-256 of the RFC 8785 bytes, computed apart from this code.
    assert admit("json-schema", text(type="integer")).fingerprint == (
        "sha256:45220d430f2decdea63451c2222fa307add25e877840e77d85987651ff4e4637"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
KEYWORDS = st.sampled_from(
    ["$ref", "$id", "$anchor", "allOf", "anyOf", "not", "if", "items", "properties", "type",
     "pattern", "required", "enum", "$defs", "minLength", "prefixItems", "dependentSchemas"]
)  # fmt: skip
SCHEMAS = st.recursive(
    JSON | st.sampled_from(["#", "#/$defs/a", "#a", "string", "object", "^a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


def reason_for_refusing(given_text: str) -> Reason | None:
    try:
        admit("json-schema", given_text)
    except SchemaInvalid as refused:
        return refused.reason
    return None


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_no_text_that_is_not_a_schema_is_admitted(given_text: str) -> None:
    assert reason_for_refusing(given_text) in SENTENCES


@settings(max_examples=300)
@given(st.dictionaries(KEYWORDS, SCHEMAS, max_size=5))
def test_any_document_is_admitted_or_refused_by_a_rule_of_ours(document: dict[str, Any]) -> None:
    reason = reason_for_refusing(json.dumps({"$schema": DIALECT_2020_12, **document}))
    assert reason is None or reason in set(SENTENCES) - {Reason.NOT_COMPILED}
