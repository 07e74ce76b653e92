"""Draft-07, Avro and XSD: what is admitted, what is refused, payloads and their masked errors."""

import io
import json
import random
import sys
from typing import Any

import fastavro
import fastavro.utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import limits
from schemas.catalogue import FORMATS, Validator, admit, compile_schema, media_types_of
from schemas.errors import ExtraMissing, PayloadError, PayloadInvalid, SchemaInvalid
from schemas.formats.port import Source
from schemas.formats.xsd_patterns import PatternRefused, check_pattern
from schemas.reasons import DIALECT_DRAFT_07, Reason
from tests.support.refused_schemas import (
    OTHER_FORMATS,
    ROOT,
    content,
    draft_07,
    latest,
    pattern,
    record,
    xsd,
)

CANARY = "canary-38001085718"


@pytest.mark.parametrize(
    ("reason", "format", "text"), OTHER_FORMATS.values(), ids=OTHER_FORMATS.keys()
)
def test_refuses(reason: Reason, format: str, text: str) -> None:
    references = {}
    if reason is Reason.REFERENCES_NOT_OFFERED:
        references = {"a": Source("sha256:0", "json-schema", latest())}
    with pytest.raises(SchemaInvalid) as caught:
        admit(format, text, references)
    assert caught.value.reason is reason
    assert caught.value.detail.endswith(".")


ADMITTED = {
    "draft-07": ("json-schema", draft_07(properties={"a": {"$ref": "#/definitions/a"}},
                                         definitions={"a": {}})),
    "draft-07 without #": ("json-schema", draft_07().replace("schema#", "schema")),
    "draft-07 with a list of items": ("json-schema", draft_07(items=[{}, {"$ref": "#"}])),
    "draft-07 with both dependencies": (
        "json-schema", draft_07(dependencies={"a": ["b"], "b": {"minProperties": 2}}),
    ),
    "an Avro name": ("avro", '"string"'),
    "an Avro union": ("avro", '["null", "string", {"type": "array", "items": "int"}]'),
    "an Avro tree": ("avro", record({"name": "x", "type": {"type": "array", "items": "r"}})),
    "an Avro list": ("avro", record({"name": "next", "type": ["null", "r"], "default": None})),
    "an Avro namespace": (
        "avro",
        record({"name": "x", "type": {"type": "fixed", "name": "b", "size": 2}},
               {"name": "y", "type": "a.b"}, namespace="a"),
    ),
    "an XSD": ("xsd", xsd(ROOT)),
    "an XSD with a declaration": ("xsd", f'<?xml version="1.0" encoding="UTF-8"?>{xsd(ROOT)}'),
    "an XSD tree": (
        "xsd",
        content('<xs:sequence><xs:element ref="a" minOccurs="0" maxOccurs="unbounded"/>'
                "</xs:sequence>"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("format", "text"), ADMITTED.values(), ids=ADMITTED.keys())
def test_admits(format: str, text: str) -> None:
    admitted = admit(format, text)
    assert admitted.text == text
    assert compile_schema(format, text).media_types == media_types_of(format)


def test_one_fingerprint_for_two_spellings() -> None:
    spelt = xsd(ROOT).replace("><", ">\n  <!-- a name --><")
    assert admit("xsd", spelt).fingerprint == admit("xsd", xsd(ROOT)).fingerprint
    assert admit("avro", '"int"').fingerprint == admit("avro", ' "int" ').fingerprint
    assert admit("avro", '"int"').fingerprint != admit("avro", '"long"').fingerprint


@pytest.mark.parametrize("format", ["avro", "xsd"])
def test_without_its_library_a_format_is_refused_by_the_name_of_the_extra(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fastavro", "fastavro.schema", "lxml"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExtraMissing, match=r"pip install 'sealway\[formats\]'"):
        admit(format, {"avro": '"int"', "xsd": xsd(ROOT)}[format])


# ---------------------------------------------------------------- payloads


def errors(
    check: Validator, data: bytes, media_type: str | None = None
) -> tuple[PayloadError, ...]:
    with pytest.raises(PayloadInvalid) as caught:
        check.check(data, media_type)
    assert CANARY not in str(caught.value.errors) + caught.value.detail
    return caught.value.errors


def test_draft_07_means_what_it_meant() -> None:
    check = compile_schema("json-schema", draft_07(
        items=[{"type": "integer"}], additionalItems=False,
    ))  # fmt: skip
    assert check.check(b"[1]") == [1]
    (error,) = errors(check, b"[1, 2]")
    assert error.keyword == "additionalItems"
    ignored = draft_07(**{"$ref": "#/definitions/a", "minimum": 5, "definitions": {"a": {}}})
    assert compile_schema("json-schema", ignored).check(b"1") == 1
    assert json.loads(ignored)["$schema"] == DIALECT_DRAFT_07


PERSON: dict[str, Any] = {
    "type": "record", "name": "person", "namespace": "gov", "fields": [
        {"name": "code", "type": "string"},
        {"name": "age", "type": ["null", "int", "long"]},
        {"name": "weight", "type": "float"},
        {"name": "height", "type": "double"},
        {"name": "alive", "type": "boolean"},
        {"name": "seal", "type": {"type": "fixed", "name": "seal", "size": 3}},
        {"name": "photo", "type": "bytes"},
        {"name": "sex", "type": {"type": "enum", "name": "sex", "symbols": ["F", "M", "X"]}},
        {"name": "notes", "type": {"type": "map", "values": ["string", "gov.seal"]}},
        {"name": "years", "type": {"type": "array", "items": "long"}},
        {"name": "parents", "type": {"type": "array", "items": ["null", "gov.person"]}},
    ],
}  # fmt: skip


def people(seed: int) -> dict[str, Any]:
    def one(left: int) -> dict[str, Any]:
        parents = [one(left - 1) if rng.random() < 0.5 else None for _ in range(left)]
        return {
            "code": "é" * rng.randrange(4), "age": rng.choice([None, 5, -(2**40)]),
            "weight": 1.5, "height": rng.random(), "alive": rng.random() < 0.5,
            "seal": bytes([1, 200, 255]), "photo": rng.randbytes(rng.randrange(5)),
            "sex": rng.choice("FMX"), "notes": {"a": "b", "ü": b"123"},
            "years": [rng.randrange(-(2**63), 2**63) for _ in range(rng.randrange(4))],
            "parents": parents,
        }  # fmt: skip

    rng = random.Random(seed)
    return one(3)


@pytest.mark.parametrize("seed", range(20))
def test_what_another_implementation_writes_in_avro_is_read(seed: int) -> None:
    schema, person = fastavro.parse_schema(PERSON), people(seed)
    check = compile_schema("avro", json.dumps(PERSON))
    binary = io.BytesIO()
    fastavro.schemaless_writer(binary, schema, person)
    assert check.check(binary.getvalue(), "avro/binary") == person
    text = io.StringIO()
    # The other implementation's JSON knows no schema that names itself.
    flat = {**PERSON, "fields": PERSON["fields"][:-1]}
    fastavro.json_writer(text, fastavro.parse_schema(flat), [person])
    compile_schema("avro", json.dumps(flat)).check(text.getvalue().encode(), "avro/json")
    cut = random.Random(seed).randrange(len(binary.getvalue()))
    errors(check, binary.getvalue()[:cut], "avro/binary")
    assert errors(check, binary.getvalue() + b"\0", "avro/binary")[0].keyword == "trailing"


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    check = compile_schema("avro", json.dumps(PERSON))
    try:
        value = check.check(data, "avro/binary")
    except PayloadInvalid:
        return
    again = io.BytesIO()
    fastavro.schemaless_writer(again, fastavro.parse_schema(PERSON), value)
    assert check.check(again.getvalue(), "avro/binary") == value


def test_tells_every_error_of_avro_json_with_its_place_and_no_value() -> None:
    check = compile_schema("avro", json.dumps(PERSON))
    wrong = {
        "code": 5, "age": {CANARY: 1}, "weight": CANARY, "height": 1, "alive": 1,
        "seal": CANARY, "photo": "€", "sex": CANARY, "notes": {CANARY: {"string": 5}},
        "years": [2**63], "parents": CANARY, CANARY: CANARY,
    }  # fmt: skip
    found = {
        (one.pointer, one.keyword) for one in errors(check, json.dumps(wrong).encode(), "avro/json")
    }
    assert found == {
        ("/code", "type"), ("/age", "union"), ("/weight", "type"), ("/alive", "type"),
        ("/seal", "fixed"), ("/photo", "type"), ("/sex", "enum"), ("/notes/*/string", "type"),
        ("/years/0", "type"), ("/parents", "type"), ("", "fields"),
    }  # fmt: skip
    missing = errors(check, b"{}", "avro/json")
    assert {one.keyword for one in missing} == {"required"}
    assert len(missing) == len(PERSON["fields"])


ZIGZAG_LARGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"


@pytest.mark.parametrize(
    ("schema", "data", "keyword"),
    [
        ('{"type": "array", "items": "null"}', ZIGZAG_LARGE + b"\0", "size"),
        ('"bytes"', ZIGZAG_LARGE, "length"),
        ('"string"', b"\x01", "length"),
        ('"string"', b"\x02\xff", "type"),
        ('"int"', b"\x80\x80\x80\x80\x20", "type"),
        ('"long"', b"\xff" * 11, "type"),
        ('"boolean"', b"\x02", "type"),
        ('["null"]', b"\x02", "union"),
        ('{"type": "enum", "name": "e", "symbols": ["A"]}', b"\x02", "enum"),
        ('{"type": "map", "values": "null"}', b"\x04\x02a\x02a\0", "map"),
        (record({"name": "x", "type": ["null", "r"]}), b"\x02" * 100 + b"\0", "depth"),
    ],
)
def test_bytes_that_claim_more_than_they_hold_are_refused(
    schema: str, data: bytes, keyword: str
) -> None:
    assert errors(compile_schema("avro", schema), data, "avro/binary")[0].keyword == keyword


PERSON_XSD = xsd(
    '<xs:element name="person"><xs:complexType><xs:sequence>'
    '<xs:element name="born" type="xs:date"/>'
    '<xs:element name="child" minOccurs="0" maxOccurs="3"><xs:simpleType>'
    '<xs:restriction base="xs:string"><xs:pattern value="[a-z]+"/></xs:restriction>'
    '</xs:simpleType></xs:element></xs:sequence><xs:attribute name="id" use="required"/>'
    "</xs:complexType></xs:element>"
).replace("<xs:schema ", '<xs:schema elementFormDefault="qualified" ')


def test_xml_that_satisfies_its_schema_is_taken() -> None:
    check = compile_schema("xsd", PERSON_XSD)
    plain = b'<person xmlns="urn:p" id="1"><born>2020-01-01</born><child>a</child></person>'
    assert check.check(plain).tag == "{urn:p}person"
    assert check.check(b'<?xml version="1.0" encoding="utf-8"?>' + plain) is not None


def test_tells_errors_of_xml_by_declared_names_and_no_value() -> None:
    check = compile_schema("xsd", PERSON_XSD)
    wrong = (
        f'<q:person xmlns:q="urn:p" {CANARY}="{CANARY}"><q:born>{CANARY}</q:born>'
        f"<q:child>{CANARY}</q:child><q:child>b</q:child><q:{CANARY}/></q:person>"
    )
    found = [(one.pointer, one.keyword) for one in errors(check, wrong.encode())]
    assert found == [
        ("/person", "attribute"),
        ("/person", "required"),
        ("/person/born", "type"),
        ("/person/child[1]", "pattern"),
        ("/person/*", "content"),
    ]
    unprefixed = f'<person xmlns="urn:p" id="1"><born>{CANARY}</born></person>'
    assert errors(check, unprefixed.encode())[0] == PayloadError(
        "/person/born", "type", "Must be of type xs:date."
    )
    assert errors(check, f"<{CANARY}/>".encode())[0].pointer == "/*"


@pytest.mark.parametrize(
    ("data", "keyword"),
    [
        (b"", "xml"),
        (b"{}", "xml"),
        (b'\xef\xbb\xbf<person xmlns="urn:p"/>', "xml"),
        ('<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"), "xml"),
        (b'<?xml version="1.0" encoding="latin-1"?><a/>', "xml"),
        (b"<a>\xff</a>", "xml"),
        (b"<a>&b;</a>", "xml"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document-type"),
        (b"<a>" * 65 + b"</a>" * 65, "depth"),
        (b"<a>" + b"<b/>" * limits.PAYLOAD_VALUES_MAX + b"</a>", "size"),
    ],
)
def test_xml_that_is_not_strict_is_refused(data: bytes, keyword: str) -> None:
    assert errors(compile_schema("xsd", PERSON_XSD), data)[0].keyword == keyword


@pytest.mark.parametrize(
    "text",
    ["", "[0-9]{11}", r"\d{4}-\d{2}", "[A-Z]{2}[0-9]+", "(a|b|c)x?", r"\p{L}+", "(ab){2,5}",
     "[a-z-[aeiou]]*", r"\(\+[0-9]{1,3}\)", "a{3,}", "(mr|mrs)?[a-z]*"],
)  # fmt: skip
def test_usual_patterns_are_cheap_enough(text: str) -> None:
    check_pattern(text)
    assert admit("xsd", pattern(text)).format == "xsd"


@pytest.mark.parametrize(
    "text",
    ["(a*)*", "(a|b)+", "(a?)+", "a+b*", "((a{0,9}){0,9}){0,9}", "a{2,1", "(a{2,}){3}", "a)",
     "[a", "a{9999999999}", r"\p", "(" * 100 + ")" * 100],
)  # fmt: skip
def test_patterns_that_may_be_slow_or_are_malformed_are_not(text: str) -> None:
    with pytest.raises(PatternRefused):
        check_pattern(text)


def test_every_format_has_a_name_and_a_type_of_payload() -> None:
    assert {name: one.name for name, one in FORMATS.items()} == {name: name for name in FORMATS}
    assert media_types_of("json-schema") == ("application/json",)
