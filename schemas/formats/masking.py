"""A validator's error told without a single value of the payload.

The library's own mask covers values but still prints undeclared property names and, for
``propertyNames``, the name itself; names can be people. So its messages are never passed on: each
sentence is made here from the schema alone. A position keeps the names that the schema declares
and shows ``*`` for every other; an undeclared name is told only when it is plainly a slip of a
declared one, and then the declared one is named.
"""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from jsonschema_rs import ValidationError

from schemas.errors import PayloadError
from schemas.formats.outline import Json, Outline, escape

_SHOWN_CHARS_MAX = 200  # of a pattern, a list of options or a const; the schema has the rest
_NAMES_COMPARED_MAX = 200  # declared names of one object that a slip is looked for among
_UNEXPECTED_COMPARED_MAX = 5

_BOUNDS: dict[str, str] = {
    "minimum": "Must be at least {limit}.",
    "maximum": "Must be at most {limit}.",
    "exclusiveMinimum": "Must be above {limit}.",
    "exclusiveMaximum": "Must be below {limit}.",
    "minLength": "Must have at least {limit} characters.",
    "maxLength": "Must have at most {limit} characters.",
    "minItems": "Must have at least {limit} items.",
    "maxItems": "Must have at most {limit} items.",
    "minProperties": "Must have at least {limit} members.",
    "maxProperties": "Must have at most {limit} members.",
    "multipleOf": "Must be a multiple of {multiple_of}.",
    "format": "Must be a valid {format}.",
    "required": "The member '{property}' is missing.",
    "pattern": "Must match the pattern {pattern}.",
}
_PLAIN: dict[str, str] = {
    "anyOf": "None of the alternatives fits; what the closest one misses follows.",
    "oneOf": "Exactly one alternative must fit.",
    "contains": "Too few or too many items are what the list must contain.",
    "not": "Must not be what the schema excludes here.",
    "falseSchema": "Nothing may stand here.",
    "propertyNames": "A member's name is not one that the schema allows.",
    "uniqueItems": "Every item must be different.",
    "unevaluatedItems": "Holds items that the schema does not describe.",
    "additionalItems": "Holds items that the schema does not describe.",
}


def declared_names(found: Outline) -> frozenset[str]:
    """Every property name that the schema itself writes down."""
    names: set[str] = set()
    for subschema in found.subschemas.values():
        for keyword in ("properties", "dependentSchemas", "dependentRequired", "dependencies"):
            value = subschema.body.get(keyword)
            names.update(value if isinstance(value, dict) else ())
        names.update(n for n in subschema.body.get("required", ()) if isinstance(n, str))
    return frozenset(names)


def masked(error: ValidationError, document: Json, declared: frozenset[str]) -> PayloadError:
    """The error as a position, a keyword and a sentence of ours."""
    keyword = error.kind.name
    pointer = mask_pointer(error.instance_path, declared)
    return PayloadError(pointer, keyword, _sentence(error, keyword, document))


def mask_pointer(path: Iterable[str | int], declared: frozenset[str]) -> str:
    """The JSON Pointer of ``path`` with undeclared names as ``*``."""
    return "".join(
        f"/{step}" if isinstance(step, int) else f"/{escape(step) if step in declared else '*'}"
        for step in path
    )


def _sentence(error: ValidationError, keyword: str, document: Json) -> str:
    values = error.kind.as_dict()
    if keyword == "type":
        return f"Must be of type {' or '.join(values['types'])}."
    if keyword == "enum":
        return f"Must be one of {_shown(values['options'])}."
    if keyword == "const":
        return f"Must be exactly {_shown(values['expected_value'])}."
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        return _undeclared(values["unexpected"], _siblings(error, document))
    if keyword in _BOUNDS:
        return _cut(_BOUNDS[keyword].format(**values))
    return _PLAIN.get(keyword, f"Does not satisfy '{keyword}'.")


def _undeclared(unexpected: list[str], siblings: list[str]) -> str:
    count = len(unexpected)
    said = f"Holds {count} {'member' if count == 1 else 'members'} that the schema does not name."
    slips: list[str] = []
    for name in unexpected[:_UNEXPECTED_COMPARED_MAX]:
        close = get_close_matches(name[:100], siblings, n=1, cutoff=0.75)
        slips.extend(f"'{match}'" for match in close)
    return f"{said} Did you mean {', '.join(slips)}?" if slips else said


def _siblings(error: ValidationError, document: Json) -> list[str]:
    node: Any = document
    for step in error.schema_path[:-1]:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return []
    properties = node.get("properties") if isinstance(node, dict) else None
    return list(properties)[:_NAMES_COMPARED_MAX] if isinstance(properties, dict) else []


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"
