"""Texts that no bus admits as a schema, by what is wrong with them: (reason, format, text)."""

import json
from typing import Any, Final

from schemas import limits
from schemas.reasons import DIALECT_2020_12, DIALECT_DRAFT_07, Reason

_XS: Final = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def xsd(body: str) -> str:
    """An XSD with this inside."""
    return f'<xs:schema {_XS} targetNamespace="urn:p" xmlns="urn:p">{body}</xs:schema>'


def draft_07(**members: Any) -> str:
    """A draft-07 schema with these members."""
    return json.dumps({"$schema": DIALECT_DRAFT_07, **members})


def latest(**members: Any) -> str:
    """A 2020-12 schema with these members."""
    return json.dumps({"$schema": DIALECT_2020_12, **members})


def record(*fields: Any, **more: Any) -> str:
    """An Avro record."""
    return json.dumps({"type": "record", "name": "r", "fields": list(fields), **more})


ROOT: Final = '<xs:element name="a" type="xs:string"/>'


def content(inner: str) -> str:
    """An XSD whose root element has this content model."""
    return xsd(f'<xs:element name="a"><xs:complexType>{inner}</xs:complexType></xs:element>')


def pattern(text: str) -> str:
    """An XSD with one pattern."""
    return xsd(
        '<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string">'
        f'<xs:pattern value="{text}"/></xs:restriction></xs:simpleType></xs:element>'
    )


def doubling_groups(steps: int) -> str:
    """Groups of which each holds the next one twice."""
    groups = "".join(
        f'<xs:group name="g{i}"><xs:sequence><xs:group ref="g{i + 1}"/><xs:group ref="g{i + 1}"/>'
        "</xs:sequence></xs:group>"
        for i in range(steps)
    )
    last = f'<xs:group name="g{steps}"><xs:sequence><xs:element name="z"/></xs:sequence></xs:group>'
    return xsd(groups + last + ROOT)


def optional_elements(count: int) -> str:
    """A sequence of so many elements, each of which may be left out."""
    inner = "".join(f'<xs:element name="e{i}" minOccurs="0"/>' for i in range(count))
    return content(f"<xs:sequence>{inner}</xs:sequence>")


BOMB: Final = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)

OTHER_FORMATS: Final[dict[str, tuple[Reason, str, str]]] = {
    "draft-07: a $ref over http": (
        Reason.REMOTE_REFERENCE, "json-schema", draft_07(items={"$ref": "http://a.example/"}),
    ),
    "draft-07: $defs is data there": (
        Reason.REFERENCE_UNRESOLVED,
        "json-schema",
        draft_07(items={"$ref": "#/$defs/a"}, **{"$defs": {"a": {}}}),
    ),
    "draft-07: not its metaschema": (
        Reason.METASCHEMA, "json-schema", draft_07(dependencies={"a": 1}),
    ),
    "draft-07: a loop through dependencies": (
        Reason.REFERENCE_LOOP, "json-schema", draft_07(dependencies={"a": {"$ref": "#"}}),
    ),
    "avro: not JSON": (Reason.NOT_JSON, "avro", "{"),
    "avro: a number": (Reason.AVRO_INVALID, "avro", "5"),
    "avro: a type that isn't there": (Reason.AVRO_INVALID, "avro", '"person"'),
    "avro: a type by an address": (
        Reason.AVRO_INVALID, "avro", '{"type": "http://127.0.0.1/person.avsc"}',
    ),
    "avro: a name with a space": (
        Reason.AVRO_INVALID, "avro", '{"type": "record", "name": "a b", "fields": []}',
    ),
    "avro: a field twice": (
        Reason.AVRO_INVALID, "avro", record(*[{"name": "x", "type": "int"}] * 2),
    ),
    "avro: a field without a type": (Reason.AVRO_INVALID, "avro", record({"name": "x"})),
    "avro: fields that are no list": (
        Reason.AVRO_INVALID, "avro", '{"type": "record", "name": "r", "fields": {}}',
    ),
    "avro: a branch twice": (Reason.AVRO_INVALID, "avro", '["null", "null"]'),
    "avro: no branch": (Reason.AVRO_INVALID, "avro", "[]"),
    "avro: a union in a union": (Reason.AVRO_INVALID, "avro", '["int", ["null"]]'),
    "avro: an array of nothing": (Reason.AVRO_INVALID, "avro", '{"type": "array"}'),
    "avro: a symbol twice": (
        Reason.AVRO_INVALID, "avro", '{"type": "enum", "name": "e", "symbols": ["A", "A"]}',
    ),
    "avro: a fixed of no size": (
        Reason.AVRO_INVALID, "avro", '{"type": "fixed", "name": "f", "size": -1}',
    ),
    "avro: a name taken": (
        Reason.AVRO_INVALID,
        "avro",
        record({"name": "x", "type": {"type": "fixed", "name": "r", "size": 1}}),
    ),
    "avro: a default of another type": (
        Reason.AVRO_INVALID, "avro", record({"name": "x", "type": "int", "default": "one"}),
    ),
    "avro: a decimal of no precision": (
        Reason.AVRO_INVALID,
        "avro",
        '{"type": "bytes", "logicalType": "decimal", "precision": -1}',
    ),
    "avro: a record that never ends": (
        Reason.UNSATISFIABLE, "avro", record({"name": "x", "type": "r"}),
    ),
    "avro: too many types": (
        Reason.TOO_MANY_SUBSCHEMAS,
        "avro",
        record(*[{"name": f"x{i}", "type": "int"} for i in range(limits.SUBSCHEMAS_MAX)]),
    ),
    "avro: an integer that is not exact": (
        Reason.NUMBER_INEXACT, "avro", record({"name": "x", "type": "long", "default": 2**53 + 1}),
    ),
    "avro: a duplicate key": (Reason.NOT_JSON, "avro", '{"type": "int", "type": "long"}'),
    "xsd: not XML": (Reason.NOT_XML, "xsd", "<xs:schema"),
    "xsd: nothing": (Reason.NOT_XML, "xsd", ""),
    "xsd: JSON": (Reason.NOT_XML, "xsd", "{}"),
    "xsd: a byte-order mark": (Reason.NOT_XML, "xsd", f"\ufeff{xsd(ROOT)}"),
    "xsd: a lone surrogate": (Reason.NOT_XML, "xsd", xsd("\ud800")),
    "xsd: an attribute twice": (Reason.NOT_XML, "xsd", xsd('<xs:element name="a" name="b"/>')),
    "xsd: another encoding": (
        Reason.NOT_XML, "xsd", f'<?xml version="1.0" encoding="utf-16"?>{xsd(ROOT)}',
    ),
    "xsd: too long": (
        Reason.TOO_LONG, "xsd", xsd(f"<!--{'x' * limits.TEXT_BYTES_MAX}-->"),
    ),
    "xsd: too deep": (Reason.TOO_DEEP, "xsd", "<a>" * 65 + "</a>" * 65),
    "xsd: a document type": (Reason.DOCUMENT_TYPE, "xsd", f"<!DOCTYPE a>{xsd(ROOT)}"),
    "xsd: entities that multiply": (
        Reason.DOCUMENT_TYPE,
        "xsd",
        BOMB + xsd("<xs:annotation>&c;</xs:annotation>"),
    ),
    "xsd: an external entity": (
        Reason.DOCUMENT_TYPE,
        "xsd",
        f'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>{xsd("&e;")}',
    ),
    "xsd: another root": (Reason.XSD_INVALID, "xsd", "<schema/>"),
    "xsd: an element twice": (Reason.XSD_INVALID, "xsd", xsd(ROOT + ROOT)),
    "xsd: an unknown type": (
        Reason.XSD_INVALID, "xsd", xsd('<xs:element name="a" type="xs:strin"/>'),
    ),
    "xsd: an ambiguous content": (
        Reason.XSD_INVALID,
        "xsd",
        content(
            '<xs:sequence><xs:element name="b" minOccurs="0"/><xs:element name="b"/></xs:sequence>'
        ),
    ),
    "xsd: no element": (Reason.UNSATISFIABLE, "xsd", xsd("")),
    "xsd: an include": (
        Reason.XSD_LEADS_OUT, "xsd", xsd(f'<xs:include schemaLocation="other.xsd"/>{ROOT}'),
    ),
    "xsd: a redefine": (
        Reason.XSD_LEADS_OUT, "xsd", xsd(f'<xs:redefine schemaLocation="other.xsd"/>{ROOT}'),
    ),
    "xsd: a key": (
        Reason.XSD_NOT_OFFERED,
        "xsd",
        xsd(
            '<xs:element name="a"><xs:key name="k"><xs:selector xpath="."/>'
            '<xs:field xpath="@b"/></xs:key></xs:element>'
        ),
    ),
    "xsd: a substitution group": (
        Reason.XSD_NOT_OFFERED,
        "xsd",
        xsd(ROOT + '<xs:element name="b" substitutionGroup="a"/>'),
    ),
    "xsd: groups that double": (Reason.XSD_TOO_BIG, "xsd", doubling_groups(24)),
    "xsd: a group in itself": (
        Reason.REFERENCE_LOOP,
        "xsd",
        xsd(ROOT + '<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group>'),
    ),
    "xsd: a count too large": (
        Reason.XSD_TOO_BIG,
        "xsd",
        content('<xs:sequence><xs:element name="b" maxOccurs="100000000"/></xs:sequence>'),
    ),
    "xsd: too many elements in one content": (Reason.XSD_TOO_BIG, "xsd", optional_elements(2_000)),
    "xsd: too many elements": (
        Reason.XSD_TOO_BIG, "xsd", xsd(ROOT + "<xs:annotation/>" * limits.XSD_ELEMENTS_MAX),
    ),
    "xsd: a pattern that repeats what repeats": (Reason.PATTERN_REFUSED, "xsd", pattern("(a+)+b")),
    "xsd: alternatives that repeat": (Reason.PATTERN_REFUSED, "xsd", pattern("(a|a)*b")),
    "xsd: repetitions side by side": (Reason.PATTERN_REFUSED, "xsd", pattern("a*a*b")),
    "xsd: a pattern of many ways": (Reason.PATTERN_REFUSED, "xsd", pattern("(a|a){0,30}b")),
    "xsd: a pattern of many copies": (Reason.PATTERN_REFUSED, "xsd", pattern("a{100000}")),
    "xsd: an open pattern": (Reason.PATTERN_REFUSED, "xsd", pattern("(a")),
    "xsd: references": (Reason.REFERENCES_NOT_OFFERED, "xsd", xsd(ROOT)),
}  # fmt: skip
"""Those refused for their references are to be given some."""
