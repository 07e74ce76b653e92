"""The subschemas of a JSON Schema document: where each is, what it applies, what it refers to.

Owns the knowledge of which keywords of 2020-12 hold subschemas. Reads a document once, before any
validator library sees it, and refuses what would make later checks ambiguous: dynamic references,
embedded resources, a second dialect. Data under ``const``, ``enum``, ``default``, ``examples`` and
unknown keywords is not a subschema, so a ``$ref`` there is only data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.reasons import Reason

Json = dict[str, Any]

_ONE_IN_PLACE = frozenset({"not", "if", "then", "else"})
_LIST_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf"})
_MAP_IN_PLACE = frozenset({"dependentSchemas"})
IN_PLACE = _ONE_IN_PLACE | _LIST_IN_PLACE | _MAP_IN_PLACE
"""Keywords whose subschemas apply to the very value that their parent applies to."""

_ONE = _ONE_IN_PLACE | {
    "items", "contains", "additionalProperties", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
}  # fmt: skip
_LIST = _LIST_IN_PLACE | {"prefixItems"}
_MAP = _MAP_IN_PLACE | {"properties", "patternProperties", "$defs", "definitions"}
_DYNAMIC = (
    "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary",
)  # fmt: skip


@dataclass(slots=True)
class Subschema:
    """One subschema: its place, its text, and the places it applies to the same value."""

    pointer: str
    body: Json
    in_place: list[str] = field(default_factory=list)

    @property
    def ref(self) -> str | None:
        """The reference as written, if there is one."""
        value = self.body.get("$ref")
        return value if isinstance(value, str) else None


@dataclass(slots=True)
class Outline:
    """All subschemas by JSON Pointer, anchors by name, patterns by place."""

    subschemas: dict[str, Subschema] = field(default_factory=dict)
    anchors: dict[str, str] = field(default_factory=dict)
    patterns: list[tuple[str, str]] = field(default_factory=list)


def escape(segment: str) -> str:
    """One segment of a JSON Pointer (RFC 6901 section 3)."""
    return segment.replace("~", "~0").replace("/", "~1")


def depth_of(value: Any) -> int:
    """Nested containers of a parsed document; a scalar has depth 0."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, dict | list):
            deepest = max(deepest, depth)
            children = node.values() if isinstance(node, dict) else node
            stack.extend((child, depth + 1) for child in children)
    return deepest


def outline(document: Json) -> Outline:
    """Find every subschema, in the order of the document.

    Raises:
        SchemaInvalid: too many subschemas or patterns, a dynamic reference, an embedded resource,
            a second ``$schema``, an anchor named twice.
    """
    found = Outline()
    pending: list[tuple[str, Any]] = [("", document)]
    while pending:
        pointer, body = pending.pop()
        if len(found.subschemas) >= limits.SUBSCHEMAS_MAX:
            raise SchemaInvalid(Reason.TOO_MANY_SUBSCHEMAS)
        subschema = Subschema(pointer, body if isinstance(body, dict) else {})
        found.subschemas[pointer] = subschema
        _refuse_ambiguity(subschema)
        _note_names(subschema, found)
        for keyword, place, child in _children(subschema):
            pending.append((place, child))
            if keyword in IN_PLACE:
                subschema.in_place.append(place)
    return found


def _refuse_ambiguity(subschema: Subschema) -> None:
    body, pointer = subschema.body, subschema.pointer
    for keyword in _DYNAMIC:
        if keyword in body:
            raise SchemaInvalid(Reason.DYNAMIC_REFERENCE, pointer, keyword=keyword)
    if pointer:
        if "$id" in body:
            raise SchemaInvalid(Reason.EMBEDDED_RESOURCE, pointer)
        if "$schema" in body:
            raise SchemaInvalid(Reason.DIALECT_UNKNOWN, f"{pointer}/$schema")


def _note_names(subschema: Subschema, found: Outline) -> None:
    body, pointer = subschema.body, subschema.pointer
    anchor = body.get("$anchor")
    if isinstance(anchor, str):
        if anchor in found.anchors:
            raise SchemaInvalid(Reason.ANCHOR_TWICE, pointer, name=anchor[:64])
        found.anchors[anchor] = pointer
    if isinstance(body.get("pattern"), str):
        found.patterns.append((f"{pointer}/pattern", body["pattern"]))
    if isinstance(body.get("patternProperties"), dict):
        place = f"{pointer}/patternProperties"
        found.patterns.extend((f"{place}/{escape(p)}", p) for p in body["patternProperties"])
    if len(found.patterns) > limits.PATTERNS_MAX:
        raise SchemaInvalid(Reason.TOO_MANY_PATTERNS)


def _children(subschema: Subschema) -> Iterator[tuple[str, str, Any]]:
    for keyword, value in subschema.body.items():
        place = f"{subschema.pointer}/{escape(keyword)}"
        if keyword in _ONE and isinstance(value, dict | bool):
            yield keyword, place, value
        elif keyword in _LIST and isinstance(value, list):
            for index, child in enumerate(value):
                yield keyword, f"{place}/{index}", child
        elif keyword in _MAP and isinstance(value, dict):
            for name, child in value.items():
                yield keyword, f"{place}/{escape(name)}", child
