"""Payloads against schemas: strict JSON, every error with its place, never a value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import limits
from schemas.catalogue import Validator, Validators, admit
from schemas.errors import PayloadInvalid, SchemaInvalid, SchemaUnknown
from schemas.reasons import DIALECT_2020_12

CANARY = "canary-38001085718"


def validator(**members: Any) -> Validator:
    admitted = admit("json-schema", json.dumps({"$schema": DIALECT_2020_12, **members}))
    return Validators().get(admitted.fingerprint, admitted.text)


def failure(check: Validator, payload: Any) -> PayloadInvalid:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with pytest.raises(PayloadInvalid) as caught:
        check.check(data)
    return caught.value


PERSON = {
    "type": "object",
    "additionalProperties": False,
    "required": ["code", "born"],
    "properties": {
        "code": {"type": "string", "pattern": "^[0-9]{11}$"},
        "born": {"type": "string", "format": "date"},
        "children": {"type": "array", "items": {"$ref": "#"}},
    },
}


def test_returns_the_parsed_payload() -> None:
    person = {"code": "38001085718", "born": "1980-01-08", "children": []}
    assert validator(**PERSON).check(json.dumps(person).encode()) == person


def test_tells_every_error_with_its_place_and_keyword() -> None:
    refused = failure(validator(**PERSON), {"code": 1, "children": [{"born": "x", "code": "y"}]})
    assert {(error.pointer, error.keyword) for error in refused.errors} == {
        ("/code", "type"),
        ("", "required"),
        ("/children/0/code", "pattern"),
        ("/children/0/born", "format"),
    }
    assert refused.complete
    assert refused.code == "payload-invalid"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"code": "1", "code": "2"}', "uplicate"),
        (b'{"code": NaN}', "JSON"),
        (b'{"n": 1e400}', "double"),
        (b'{"s": "\\ud800"}', "JSON"),
        (b"\xef\xbb\xbf{}", "JSON"),
        (b"{} {}", "JSON"),
        (b"", "JSON"),
        (b"[" * 65 + b"]" * 65, "deep"),
    ],
)
def test_refuses_what_is_not_strict_json(data: bytes, why: str) -> None:
    refused = failure(validator(), data)
    assert refused.errors[0].keyword == "json"
    assert why in refused.errors[0].message


def test_refuses_a_payload_beyond_ten_mebibytes() -> None:
    check = validator(type="string")
    assert check.check(b'"' + b"x" * (limits.PAYLOAD_BYTES_MAX - 2) + b'"')
    assert failure(check, b'"' + b"x" * (limits.PAYLOAD_BYTES_MAX - 1) + b'"')


EVERY_KEYWORD: dict[str, tuple[dict[str, Any], Any]] = {
    "type": ({"type": "integer"}, CANARY),
    "enum": ({"enum": ["a", 1, None]}, CANARY),
    "const": ({"const": {"a": [1]}}, CANARY),
    "pattern": ({"pattern": "^x"}, CANARY),
    "format": ({"format": "date"}, CANARY),
    "minLength": ({"minLength": 100}, CANARY),
    "maxLength": ({"maxLength": 1}, CANARY),
    "minimum": ({"properties": {"a": {"minimum": 10**6}}}, {"a": 424242}),
    "maximum": ({"properties": {"a": {"maximum": 1}}}, {"a": 424242}),
    "exclusiveMinimum": ({"exclusiveMinimum": 10**6}, 424242),
    "exclusiveMaximum": ({"exclusiveMaximum": 1}, 424242),
    "multipleOf": ({"multipleOf": 5}, 424242),
    "required": ({"required": ["a"]}, {CANARY: CANARY}),
    "additionalProperties": ({"additionalProperties": False}, {CANARY: CANARY}),
    "unevaluatedProperties": ({"unevaluatedProperties": False}, {CANARY: CANARY}),
    "propertyNames": ({"propertyNames": {"maxLength": 2}}, {CANARY: 1}),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": CANARY}),
    "minProperties": ({"minProperties": 3}, {CANARY: CANARY}),
    "maxProperties": ({"maxProperties": 0}, {CANARY: CANARY}),
    "minItems": ({"minItems": 3}, [CANARY]),
    "maxItems": ({"maxItems": 0}, [CANARY]),
    "uniqueItems": ({"uniqueItems": True}, [CANARY, CANARY]),
    "contains": ({"contains": {"const": 1}}, [CANARY]),
    "minContains": ({"contains": {"const": 1}, "minContains": 2}, [1, CANARY]),
    "unevaluatedItems": ({"unevaluatedItems": False}, [CANARY]),
    "items": ({"prefixItems": [{}], "items": False}, [1, CANARY]),
    "not": ({"not": {"type": "string"}}, CANARY),
    "anyOf": ({"anyOf": [{"type": "integer"}, {"maxLength": 1}]}, CANARY),
    "oneOf": ({"oneOf": [{"type": "integer"}, {"maxLength": 1}]}, CANARY),
    "oneOf, two fit": ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, CANARY),
    "if": ({"if": {"type": "string"}, "then": {"maxLength": 1}}, CANARY),
    "dependentSchemas": ({"dependentSchemas": {"a": {"maxProperties": 0}}}, {"a": CANARY}),
    "a map": ({"additionalProperties": {"type": "integer"}}, {CANARY: CANARY}),
    "a pattern of names": ({"patternProperties": {"^c": {"type": "integer"}}}, {CANARY: CANARY}),
    "a false schema": ({"properties": {"a": False}}, {"a": CANARY}),
}


@pytest.mark.parametrize(("schema", "payload"), EVERY_KEYWORD.values(), ids=EVERY_KEYWORD)
def test_never_shows_a_value_or_an_undeclared_name(schema: dict[str, Any], payload: Any) -> None:
    refused = failure(validator(**schema), payload)
    told = f"{refused} {refused.detail} {refused.errors} {refused.context} {refused!r}"
    assert "canary" not in told
    assert "424242" not in told
    assert all(error.message.endswith(".") for error in refused.errors)


@pytest.mark.parametrize("data", [b'{"canary": canary}', b'{"canary":1,"canary":2}', b'"canary'])
def test_never_shows_a_value_of_broken_json(data: bytes) -> None:
    refused = failure(validator(), data)
    assert "canary" not in f"{refused} {refused.errors} {refused.context}"


def test_keeps_declared_names_and_hides_others_in_a_pointer() -> None:
    check = validator(properties={"a/b": {"additionalProperties": {"properties": {"c": False}}}})
    refused = failure(check, {"a/b": {CANARY: {"c": 1}}})
    assert refused.errors[0].pointer == "/a~1b/*/c"


def test_names_the_declared_member_that_a_slip_meant() -> None:
    check = validator(properties={"country": {}, "person_code": {}}, additionalProperties=False)
    assert "Did you mean 'country'?" in failure(check, {"contry": "FI"}).detail
    assert "Did you mean" not in failure(check, {CANARY: 1}).detail


def test_tells_what_the_closest_alternative_misses() -> None:
    card = {"required": ["number", "valid_to"]}
    account = {"required": ["iban"]}
    refused = failure(validator(type="object", anyOf=[card, account]), {})
    assert [error.keyword for error in refused.errors] == ["anyOf", "required"]
    assert "'iban'" in refused.errors[1].message


def test_tells_at_most_a_hundred_errors_and_says_so() -> None:
    check = validator(items={"type": "integer"})
    assert len(failure(check, ["x"] * 100).errors) == limits.ERRORS_MAX
    cut = failure(check, ["x"] * 101)
    assert len(cut.errors) == limits.ERRORS_MAX
    assert not cut.complete
    assert "or more" in cut.detail


def test_tells_only_the_first_error_of_a_very_big_payload() -> None:
    refused = failure(validator(items={"type": "integer"}), ["x"] * 200_000)
    assert len(refused.errors) == 1
    assert not refused.complete


def test_a_long_option_list_is_cut() -> None:
    refused = failure(validator(enum=[f"option-{i}" for i in range(1000)]), "none")
    assert len(refused.errors[0].message) < 300


def test_compiles_a_schema_once_while_it_is_kept() -> None:
    kept = Validators(capacity=2)
    texts = [json.dumps({"$schema": DIALECT_2020_12, "minimum": i}) for i in range(3)]
    first = kept.get("sha256:0", texts[0])
    kept.get("sha256:1", texts[1])
    assert kept.get("sha256:0", "not read again") is first
    kept.get("sha256:2", texts[2])
    assert len(kept) == 2
    assert kept.get("sha256:0", "not read again") is first
    with pytest.raises(SchemaInvalid):
        kept.get("sha256:1", "was dropped, so this is read")


def test_refuses_to_validate_in_a_format_that_is_not_offered() -> None:
    with pytest.raises(SchemaUnknown):
        Validators().get("sha256:0", "{}", format="relax-ng")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@given(VALUES)
def test_what_passes_comes_back_as_it_was_written(value: Any) -> None:
    assert ANYTHING.check(json.dumps(value).encode()) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        value = ANYTHING.check(data)
    except PayloadInvalid:
        return
    assert value == json.loads(data)


ANYTHING = validator()
