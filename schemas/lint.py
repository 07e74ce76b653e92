"""What a JSON Schema leaves unsaid: findings with codes, none of which refuses it.

Owns the rules of taste; what may not be a schema at all is for admission. Texts that are admitted
only: a finding's place is a JSON Pointer into the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from schemas.formats.json_schema import whole_document
from schemas.formats.outline import Json, Outline, escape, outline


class Code(StrEnum):
    """The rule that a place doesn't keep; stable, so that tools can tell them apart."""

    NO_DESCRIPTION = "no-description"
    ADDITIONAL_UNDECIDED = "additional-undecided"
    UNTYPED = "untyped"
    DATE_WITHOUT_FORMAT = "date-without-format"
    IDENTIFIER_UNBOUNDED = "identifier-unbounded"
    IGNORED_BESIDE_REF = "ignored-beside-ref"


SENTENCES: Final[dict[Code, str]] = {
    Code.NO_DESCRIPTION: "Say in 'description' what the field means, for who never met you.",
    Code.ADDITIONAL_UNDECIDED: (
        "Say with 'additionalProperties' (or 'unevaluatedProperties') whether other members may "
        "stand here."
    ),
    Code.UNTYPED: "Give the field a 'type', a 'const', an 'enum' or a '$ref': anything fits now.",
    Code.DATE_WITHOUT_FORMAT: (
        "The name is that of a time: add 'format' (date, date-time, time, duration) or a pattern."
    ),
    Code.IDENTIFIER_UNBOUNDED: (
        "The name is that of an identifier: add a 'format', a 'pattern' or 'maxLength'."
    ),
    Code.IGNORED_BESIDE_REF: (
        "In draft-07 whatever stands beside '$ref' is ignored. Put both into an 'allOf'."
    ),
}

_DATE: Final = re.compile(r"(^|[_-])(date|time|born|birthday)$|_(at|on)$|[a-z](Date|Time)$")
_IDENTIFIER: Final = re.compile(r"(^|[_-])(id|code|number|no)$|[a-z](Id|Code|Number)$")
_DECIDES: Final = frozenset({"additionalProperties", "unevaluatedProperties"})
_SAYS_WHAT: Final = frozenset(
    {"type", "const", "enum", "$ref", "allOf", "anyOf", "oneOf", "if", "not"}
)
_BESIDE: Final = frozenset({"$ref", "$comment", "title", "description", "definitions", "$schema"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A place and the rule that it doesn't keep."""

    code: Code
    pointer: str

    @property
    def message(self) -> str:
        """What to do."""
        return SENTENCES[self.code]


def lint(text: str) -> list[Finding]:
    """The findings of an admitted JSON Schema, in the order of their places.

    Raises:
        SchemaInvalid: the text was never admitted.
    """
    found = outline(whole_document(text))
    findings: list[Finding] = []
    for pointer, subschema in found.subschemas.items():
        findings.extend(_of_object(pointer, subschema.body))
        findings.extend(_beside_ref(pointer, subschema.body, found))
        for name, field in _fields(subschema.body):
            place = f"{pointer}/properties/{escape(name)}"
            findings.extend(Finding(code, place) for code in _of_field(name, field, found))
    return sorted(findings, key=lambda one: (one.pointer, one.code))


def _fields(body: Json) -> Iterator[tuple[str, Json]]:
    properties = body.get("properties")
    if isinstance(properties, dict):
        yield from ((name, one) for name, one in properties.items() if isinstance(one, dict))


def _of_object(pointer: str, body: Json) -> Iterator[Finding]:
    kinds = body.get("type")
    is_object = kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
    if is_object and not body.keys() & _DECIDES:
        yield Finding(Code.ADDITIONAL_UNDECIDED, pointer)


def _beside_ref(pointer: str, body: Json, found: Outline) -> Iterator[Finding]:
    if found.dialect.ref_stands_alone and "$ref" in body and body.keys() - _BESIDE:
        yield Finding(Code.IGNORED_BESIDE_REF, pointer)


def _of_field(name: str, field: Json, found: Outline) -> Iterator[Code]:
    if not field.keys() & _SAYS_WHAT:
        yield Code.UNTYPED
    if "description" not in field and not _described(field, found):
        yield Code.NO_DESCRIPTION
    kinds = field.get("type")
    if kinds == "string" or (isinstance(kinds, list) and "string" in kinds):
        if _DATE.search(name) and not field.keys() & {"format", "pattern", "enum", "const"}:
            yield Code.DATE_WITHOUT_FORMAT
        bounded = {"format", "pattern", "maxLength", "enum", "const"}
        if _IDENTIFIER.search(name) and not field.keys() & bounded:
            yield Code.IDENTIFIER_UNBOUNDED


def _described(field: Json, found: Outline) -> bool:
    """Whether what the field refers to says what it is."""
    ref: Any = field.get("$ref")
    target = found.subschemas.get(ref[1:]) if isinstance(ref, str) else None
    return target is not None and "description" in target.body
