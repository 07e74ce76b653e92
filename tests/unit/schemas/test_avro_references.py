"""Avro schemas that name types of registered ones: what is seen, what is refused."""

import json
from typing import Any

import pytest

from schemas import limits
from schemas.catalogue import admit, compile_schema
from schemas.errors import PayloadInvalid, SchemaInvalid
from schemas.formats.port import References, Source
from schemas.reasons import Reason
from tests.support.refused_schemas import latest


def record(name: str, **fields: Any) -> str:
    told = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "gov", "fields": told})


def source(text: str, references: References | None = None, format: str = "avro") -> Source:
    named = references or {}
    return Source(admit(format, text, named).fingerprint, format, text, named)


KIND = source('{"type": "enum", "name": "Kind", "namespace": "gov", "symbols": ["HOME", "WORK"]}')
ADDRESS = source(record("Address", street="string", kind="Kind"), {"gov.Kind": KIND})
BOTH: References = {"gov.Address": ADDRESS, "gov.Kind": KIND}


def test_a_type_of_a_registered_schema_is_used_by_its_full_name() -> None:
    text = record("Person", home="gov.Address", work=["null", "Address"], kind="Kind")
    admit("avro", text, BOTH)
    check = compile_schema("avro", text, BOTH)
    home = {"street": "Long", "kind": "HOME"}
    good = {"home": home, "work": {"gov.Address": home}, "kind": "WORK"}
    assert check.check(json.dumps(good).encode(), "avro/json") == good
    bad = {**good, "home": {"street": "Long", "kind": "AWAY"}}
    with pytest.raises(PayloadInvalid) as caught:
        check.check(json.dumps(bad).encode(), "avro/json")
    assert caught.value.errors[0].pointer == "/home/kind"


def test_binary_payloads_are_read_through_references() -> None:
    text = record("Person", home="Address")
    check = compile_schema("avro", text, {"gov.Address": ADDRESS})
    assert check.check(b"\x04ab\x02", "avro/binary") == {"home": {"street": "ab", "kind": "WORK"}}


def test_what_is_referred_to_is_in_the_fingerprint() -> None:
    text = record("Person", home="Address")
    other = source(record("Address", street="bytes"))
    fingerprints = {
        admit("avro", text, {"gov.Address": one}).fingerprint for one in (ADDRESS, other)
    }
    assert len(fingerprints) == 2
    assert admit("avro", '"int"').fingerprint.startswith("sha256:")


def many(count: int) -> References:
    return {f"gov.T{i}": source(record(f"T{i}")) for i in range(count)}


TWIN = source(record("Kind", other="int"))
REFUSED: dict[str, tuple[Reason, References, str]] = {
    "not used": (Reason.REFERENCE_UNUSED, {"gov.Kind": KIND}, record("Person")),
    "a name that it does not define": (
        Reason.REFERENCE_UNUSED, {"gov.Sort": KIND}, record("Person", kind="gov.Kind"),
    ),
    "a type of a schema that only the other refers to": (
        Reason.AVRO_INVALID, {"gov.Address": ADDRESS},
        record("Person", home="Address", kind="gov.Kind"),
    ),
    "a type that was not given": (Reason.AVRO_INVALID, {}, record("Person", kind="gov.Kind")),
    "a name that is taken": (
        Reason.AVRO_INVALID, {"gov.Kind": KIND}, record("Kind", kind="gov.Kind"),
    ),
    "two types of one name": (
        Reason.AVRO_INVALID, {"gov.Address": ADDRESS, "gov.Kind": TWIN},
        record("Person", home="Address", kind="gov.Kind"),
    ),
    "another format": (
        Reason.REFERENCE_DIALECT, {"gov.Kind": source(latest(), format="json-schema")},
        record("Person", kind="gov.Kind"),
    ),
    "too many": (
        Reason.TOO_MANY_REFERENCES, many(limits.REFERENCES_MAX + 1),
        record("Person", **{f"f{i}": f"gov.T{i}" for i in range(limits.REFERENCES_MAX + 1)}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reason", "given", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(reason: Reason, given: References, text: str) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        admit("avro", text, given)
    assert caught.value.reason is reason


def test_a_file_of_the_name_is_not_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gov.Kind.avsc").write_text(KIND.text)
    with pytest.raises(SchemaInvalid):
        admit("avro", record("Person", kind="gov.Kind"))
