"""The subschemas of a JSON Schema document: where each is, what it applies, what it refers to.

Owns the knowledge of which keywords of each dialect hold subschemas. Reads a document once, before
any validator library sees it, and refuses what would make later checks ambiguous: dynamic
references, embedded resources, a second dialect. Data under ``const``, ``enum``, ``default``,
``examples`` and unknown keywords is not a subschema, so a ``$ref`` there is only data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.reasons import DIALECT_2020_12, DIALECT_DRAFT_07, Reason

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which keywords hold one subschema, a list of them, or a map of them."""

    one: frozenset[str]
    list: frozenset[str]
    map: frozenset[str]
    in_place: frozenset[str]
    """Keywords whose subschemas apply to the very value that their parent applies to."""
    named: str
    """Where definitions stand that others refer to."""
    has_anchors: bool
    ref_stands_alone: bool
    """Whatever stands beside ``$ref`` is ignored."""


_IN_PLACE = frozenset({"not", "if", "then", "else", "allOf", "anyOf", "oneOf"})
_ONE = frozenset(
    {"not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames"}
)
_LIST = frozenset({"allOf", "anyOf", "oneOf"})
_MAP = frozenset({"properties", "patternProperties", "definitions"})

LATEST = Dialect(
    one=_ONE | {"unevaluatedItems", "unevaluatedProperties", "contentSchema"},
    list=_LIST | {"prefixItems"},
    map=_MAP | {"$defs", "dependentSchemas"},
    in_place=_IN_PLACE | {"dependentSchemas"},
    named="$defs",
    has_anchors=True,
    ref_stands_alone=False,
)
DRAFT_07 = Dialect(
    one=_ONE | {"additionalItems"},
    list=_LIST | {"items"},
    map=_MAP | {"dependencies"},
    in_place=_IN_PLACE | {"dependencies"},
    named="definitions",
    has_anchors=False,
    ref_stands_alone=True,
)
DIALECTS: dict[Any, Dialect] = {
    DIALECT_2020_12: LATEST,
    DIALECT_DRAFT_07: DRAFT_07,
    DIALECT_DRAFT_07.removesuffix("#"): DRAFT_07,
}
"""By the text of ``$schema``, exactly."""

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

    dialect: Dialect = LATEST
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


def dialect_of(document: Json) -> Dialect:
    """The dialect that the document names; the default for one that names none yet."""
    name = document.get("$schema")
    return DIALECTS.get(name, LATEST) if isinstance(name, str) else LATEST


def outline(document: Json) -> Outline:
    """Find every subschema, in the order of the document.

    Raises:
        SchemaInvalid: too many subschemas or patterns, a dynamic reference, an embedded resource,
            a second ``$schema``, an anchor named twice.
    """
    found = Outline(dialect_of(document))
    pending: list[tuple[str, Any]] = [("", document)]
    while pending:
        pointer, body = pending.pop()
        if len(found.subschemas) >= limits.SUBSCHEMAS_MAX:
            raise SchemaInvalid(Reason.TOO_MANY_SUBSCHEMAS)
        subschema = Subschema(pointer, body if isinstance(body, dict) else {})
        found.subschemas[pointer] = subschema
        _refuse_ambiguity(subschema)
        _note_names(subschema, found)
        for keyword, place, child in _children(subschema, found.dialect):
            pending.append((place, child))
            if keyword in found.dialect.in_place:
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
    if isinstance(anchor, str) and found.dialect.has_anchors:
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


def _children(subschema: Subschema, dialect: Dialect) -> Iterator[tuple[str, str, Any]]:
    for keyword, value in subschema.body.items():
        place = f"{subschema.pointer}/{escape(keyword)}"
        if keyword in dialect.one and isinstance(value, dict | bool):
            yield keyword, place, value
        elif keyword in dialect.list and isinstance(value, list):
            for index, child in enumerate(value):
                yield keyword, f"{place}/{index}", child
        elif keyword in dialect.map and isinstance(value, dict):
            for name, child in value.items():
                if keyword != "dependencies" or not isinstance(child, list):
                    yield keyword, f"{place}/{escape(name)}", child
