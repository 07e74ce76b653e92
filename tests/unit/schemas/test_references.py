"""Schemas that refer to registered ones: one document out of many, and what is refused."""

import json
from typing import Any

import pytest

from schemas import limits
from schemas.catalogue import admit, compile_schema
from schemas.errors import PayloadInvalid, SchemaInvalid
from schemas.formats.port import References, Source
from schemas.reasons import Reason
from tests.support.refused_schemas import draft_07, latest


def source(text: str, references: References | None = None) -> Source:
    named = references or {}
    return Source(admit("json-schema", text, named).fingerprint, "json-schema", text, named)


CODE = source(latest(**{"$id": "https://gov.example/code", "type": "string", "maxLength": 3}))
TYPES = source(
    latest(
        **{
            "$defs": {
                "name": {"$anchor": "name", "type": "string", "pattern": "^[a-z]+$"},
                "tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                "code": {"$ref": "code"},
                "a/b%": {"type": "integer"},
            }
        }
    ),
    {"code": CODE},
)


def check(given: References, **members: Any) -> Any:
    text = latest(**members)
    admit("json-schema", text, given)
    return compile_schema("json-schema", text, given)


def test_a_name_stands_for_the_registered_schema_and_all_it_refers_to() -> None:
    checked = check(
        {"types.json": TYPES},
        properties={
            "name": {"$ref": "types.json#name"},
            "tree": {"$ref": "types.json#/$defs/tree"},
            "code": {"$ref": "types.json#/$defs/code"},
            "odd": {"$ref": "types.json#/$defs/a~1b%25"},
        },
    )
    good = {"name": "ada", "tree": [[], [[]]], "code": "abc", "odd": 1}
    assert checked.check(json.dumps(good).encode()) == good
    for member, wrong in {"name": "ADA", "tree": [1], "code": "abcd", "odd": "1"}.items():
        with pytest.raises(PayloadInvalid) as caught:
            checked.check(json.dumps({**good, member: wrong}).encode())
        assert caught.value.errors[0].pointer.startswith(f"/{member}")


def test_a_whole_schema_may_be_named_by_an_address_which_is_never_fetched() -> None:
    checked = check({"http://127.0.0.1:9/code": CODE}, items={"$ref": "http://127.0.0.1:9/code"})
    assert checked.check(b'["abc"]') == ["abc"]
    with pytest.raises(PayloadInvalid):
        checked.check(b'["abcd"]')


def test_draft_07_refers_to_draft_07() -> None:
    small = source(draft_07(maximum=3))
    text = draft_07(items={"$ref": "small"})
    admit("json-schema", text, {"small": small})
    with pytest.raises(PayloadInvalid):
        compile_schema("json-schema", text, {"small": small}).check(b"[4]")


def test_what_is_referred_to_is_in_the_fingerprint() -> None:
    text = latest(items={"$ref": "code"})
    other = source(latest(type="string", maxLength=4))
    fingerprints = {admit("json-schema", text, {"code": one}).fingerprint for one in (CODE, other)}
    assert len(fingerprints) == 2


def test_a_definition_of_the_same_name_is_not_taken_for_the_registered_one() -> None:
    shadow = {"$defs": {CODE.fingerprint: False}}
    assert check({"code": CODE}, items={"$ref": "code"}, **shadow).check(b'["abc"]') == ["abc"]


def many(count: int) -> References:
    return {f"s{i}": source(latest(maximum=i)) for i in range(count)}


REFUSED: dict[str, tuple[Reason, References, dict[str, Any]]] = {
    "not used": (Reason.REFERENCE_UNUSED, {"code": CODE}, {}),
    "another dialect": (
        Reason.REFERENCE_DIALECT, {"old": source(draft_07())}, {"items": {"$ref": "old"}},
    ),
    "another format": (
        Reason.REFERENCE_DIALECT,
        {"old": Source("sha256:0", "avro", '"int"')},
        {"items": {"$ref": "old"}},
    ),
    "too many": (
        Reason.TOO_MANY_REFERENCES,
        many(limits.REFERENCES_MAX + 1),
        {"allOf": [{"$ref": f"s{i}"} for i in range(limits.REFERENCES_MAX + 1)]},
    ),
    "a name that was not given": (
        Reason.REMOTE_REFERENCE, {"code": CODE}, {"items": {"$ref": "code"}, "not": {"$ref": "x"}},
    ),
    "no such definition": (
        Reason.REFERENCE_UNRESOLVED, {"code": CODE}, {"items": {"$ref": "code#/$defs/none"}},
    ),
    "no such anchor": (Reason.REFERENCE_UNRESOLVED, {"code": CODE}, {"items": {"$ref": "code#x"}}),
    "rules that exclude each other": (
        Reason.UNSATISFIABLE, {"code": CODE}, {"$ref": "code", "type": "string", "minLength": 4},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reason", "given", "members"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(reason: Reason, given: References, members: dict[str, Any]) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        admit("json-schema", latest(**members), given)
    assert caught.value.reason is reason
