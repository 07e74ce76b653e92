"""Changes to schemas and their verdicts: the table behind tests and docs/compatibility.md.

Each ``Step`` is a narrow and a wide schema that differ in one thing: from narrow to wide is
harmless to whoever reads by the new one, from wide to narrow breaks somebody. Forty steps in five
places make the lists of 200.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """``narrowing`` and ``widening`` say the change either way."""

    narrowing: str
    widening: str
    narrow: Schema
    wide: Schema


def _object(members: Schema, *required: str, **more: Any) -> Schema:
    return {"type": "object", "properties": members, "required": list(required), **more}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
_NODE = {"$ref": "#/$defs/node"}


def _tree(value: Schema) -> Schema:
    node = {"type": "object", "properties": {"next": _NODE, "value": value}, "required": ["value"]}
    return {"$ref": "#/$defs/node", "$defs": {"node": node}}


def _either(*branches: Schema) -> Schema:
    return {"anyOf": list(branches)}


STEPS: tuple[Step, ...] = (
    Step("`minimum` is raised", "`minimum` is lowered", WHOLE | {"minimum": 5},
         WHOLE | {"minimum": 0}),
    Step("`maximum` is lowered", "`maximum` is raised", WHOLE | {"maximum": 9},
         WHOLE | {"maximum": 99}),
    Step("`exclusiveMinimum` instead of `minimum`", "`minimum` instead of `exclusiveMinimum`",
         {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}),
    Step("`exclusiveMaximum` is lowered", "`exclusiveMaximum` is raised",
         {"type": "number", "exclusiveMaximum": 1}, {"type": "number", "exclusiveMaximum": 2}),
    Step("`multipleOf` is added", "`multipleOf` is removed", WHOLE | {"multipleOf": 5}, WHOLE),
    Step("`multipleOf` 2 becomes 4", "`multipleOf` 4 becomes 2", WHOLE | {"multipleOf": 4},
         WHOLE | {"multipleOf": 2}),
    Step("`minLength` is raised", "`minLength` is lowered", TEXT | {"minLength": 3},
         TEXT | {"minLength": 1}),
    Step("`maxLength` is lowered", "`maxLength` is raised", TEXT | {"maxLength": 5},
         TEXT | {"maxLength": 50}),
    Step("`pattern` is added", "`pattern` is removed", TEXT | {"pattern": "^[A-Z]{2}[0-9]{4}$"},
         TEXT),
    Step("`format` is added", "`format` is removed", TEXT | {"format": "date"}, TEXT),
    Step("a value is taken out of `enum`", "a value is added to `enum`",
         {"enum": ["new", "open"]}, {"enum": ["new", "open", "closed"]}),
    Step("`const` instead of `enum`", "`enum` instead of `const`", {"const": "open"},
         {"enum": ["open", "closed"]}),
    Step("number becomes integer", "integer becomes number", WHOLE, {"type": "number"}),
    Step("null is no longer allowed", "null is allowed", TEXT, {"type": ["string", "null"]}),
    Step("anything becomes string", "string becomes anything", TEXT, {}),
    Step("`minItems` is raised", "`minItems` is lowered",
         {"type": "array", "items": WHOLE, "minItems": 2},
         {"type": "array", "items": WHOLE, "minItems": 1}),
    Step("`maxItems` is lowered", "`maxItems` is raised",
         {"type": "array", "items": WHOLE, "maxItems": 3},
         {"type": "array", "items": WHOLE, "maxItems": 30}),
    Step("`uniqueItems` is added", "`uniqueItems` is removed",
         {"type": "array", "items": WHOLE, "uniqueItems": True},
         {"type": "array", "items": WHOLE}),
    Step("an element's rule is tightened", "an element's rule is loosened",
         {"type": "array", "items": TEXT | {"maxLength": 3}}, {"type": "array", "items": TEXT}),
    Step("`contains` is added", "`contains` is removed",
         {"type": "array", "contains": TEXT}, {"type": "array"}),
    Step("one of `prefixItems` is tightened", "one of `prefixItems` is loosened",
         {"type": "array", "prefixItems": [TEXT, WHOLE]},
         {"type": "array", "prefixItems": [TEXT, {"type": "number"}]}),
    Step("an optional field becomes required", "a required field becomes optional",
         _object({"a": TEXT}, "a"), _object({"a": TEXT})),
    Step("one more of two fields is required", "one fewer of two fields is required",
         _object({"a": TEXT, "b": WHOLE}, "a", "b"), _object({"a": TEXT, "b": WHOLE}, "a")),
    Step("an object is closed", "an object is opened",
         _object({"a": TEXT}, additionalProperties=False), _object({"a": TEXT})),
    Step("values of a map are tightened", "values of a map are loosened",
         {"type": "object", "additionalProperties": WHOLE},
         {"type": "object", "additionalProperties": {"type": "number"}}),
    Step("`minProperties` is raised", "`minProperties` is lowered",
         {"type": "object", "minProperties": 2}, {"type": "object", "minProperties": 1}),
    Step("`maxProperties` is lowered", "`maxProperties` is raised",
         {"type": "object", "maxProperties": 2}, {"type": "object", "maxProperties": 5}),
    Step("`propertyNames` is added", "`propertyNames` is removed",
         {"type": "object", "propertyNames": {"maxLength": 3}}, {"type": "object"}),
    Step("a pattern's fields are tightened", "a pattern's fields are loosened",
         {"type": "object", "patternProperties": {"^x-": TEXT | {"maxLength": 2}}},
         {"type": "object", "patternProperties": {"^x-": TEXT}}),
    Step("`dependentRequired` is added", "`dependentRequired` is removed",
         _object({"a": TEXT, "b": TEXT}, dependentRequired={"a": ["b"]}),
         _object({"a": TEXT, "b": TEXT})),
    Step("`dependentSchemas` is added", "`dependentSchemas` is removed",
         _object({"a": TEXT, "b": TEXT}, dependentSchemas={"a": {"required": ["b"]}}),
         _object({"a": TEXT, "b": TEXT})),
    Step("a branch of `anyOf` is removed", "a branch of `anyOf` is added",
         _either(TEXT, WHOLE), _either(TEXT, WHOLE, {"type": "null"})),
    Step("a branch of `oneOf` is removed (branches apart)",
         "a branch of `oneOf` is added (branches apart)",
         {"oneOf": [TEXT, WHOLE]}, {"oneOf": [TEXT, WHOLE, {"type": "boolean"}]}),
    Step("`allOf` is added", "`allOf` is removed", TEXT | {"allOf": [{"minLength": 4}]}, TEXT),
    Step("`not` is added", "`not` is removed", WHOLE | {"not": {"const": 3}}, WHOLE),
    Step("`if` and `then` are added", "`if` and `then` are removed",
         _object({"k": TEXT, "v": TEXT}, "k", **{
             "if": {"properties": {"k": {"const": "full"}}}, "then": {"required": ["v"]}}),
         _object({"k": TEXT, "v": TEXT}, "k")),
    Step("a nested field is tightened", "a nested field is loosened",
         _object({"a": _object({"b": TEXT | {"maxLength": 2}})}),
         _object({"a": _object({"b": TEXT})})),
    Step("a field is forbidden (`false`)", "a field is no longer forbidden",
         _object({"a": TEXT, "b": False}), _object({"a": TEXT, "b": WHOLE})),
    Step("an optional field is removed from a closed object",
         "an optional field is added to a closed object",
         _object({"a": TEXT}, additionalProperties=False),
         _object({"a": TEXT, "b": WHOLE}, additionalProperties=False)),
    Step("a recursive schema's field is tightened", "a recursive schema's field is loosened",
         _tree(WHOLE), _tree({"type": "number"})),
)  # fmt: skip

Place = Callable[[Schema], Schema]


def _hoisted(inner: Schema, place: Place) -> Schema:
    """The schema put somewhere; its $defs stay at the top, where its references look."""
    body = {key: value for key, value in inner.items() if key != "$defs"}
    whole = place(body)
    defs = {**whole.get("$defs", {}), **inner.get("$defs", {})}
    return {"$schema": DIALECT, **whole, **({"$defs": defs} if defs else {})}


PLACES: dict[str, Place] = {
    "at the top": lambda inner: inner,
    "in an optional field": lambda inner: _object({"id": WHOLE, "field": inner}, "id"),
    "in elements": lambda inner: {"type": "array", "items": inner},
    "behind a reference": lambda inner: _object(
        {"field": {"$ref": "#/$defs/part"}}, "field"
    ) | {"$defs": {"part": inner}},
    "in a map": lambda inner: {"type": "object", "additionalProperties": inner},
}  # fmt: skip


def listed() -> Iterator[tuple[str, Schema, Schema]]:
    """The 200: a name, the narrow document, the wide one."""
    for step in STEPS:
        for place, put in PLACES.items():
            name = f"{step.widening}, {place}"
            yield name, _hoisted(step.narrow, put), _hoisted(step.wide, put)


_PERSON = _object({"name": TEXT}, "name")
OTHERS: tuple[tuple[str, Schema, Schema], ...] = (
    ("an optional field is added to an open object",
     _PERSON, _object({"name": TEXT, "born": TEXT | {"format": "date"}}, "name")),
    ("an optional field is removed from an open object",
     _object({"name": TEXT, "born": TEXT | {"format": "date"}}, "name"), _PERSON),
    ("a required field is added to an open object",
     _PERSON, _object({"name": TEXT, "born": TEXT}, "name", "born")),
    ("a required field is removed from an open object",
     _object({"name": TEXT, "born": TEXT}, "name", "born"), _PERSON),
    ("an optional field is renamed in an open object",
     _object({"name": TEXT, "born": TEXT}, "name"), _object({"name": TEXT, "birth": TEXT}, "name")),
    ("an optional field is added below, in an open object",
     _object({"person": _PERSON}, "person"),
     _object({"person": _object({"name": TEXT, "age": WHOLE}, "name")}, "person")),
    ("an optional field is added to one branch of `oneOf` with a tag",
     {"oneOf": [_object({"k": {"const": "a"}}, "k"), _object({"k": {"const": "b"}}, "k")]},
     {"oneOf": [_object({"k": {"const": "a"}, "x": WHOLE}, "k"),
                _object({"k": {"const": "b"}}, "k")]}),
    ("a field's type is another", _object({"a": TEXT}), _object({"a": WHOLE})),
    ("`description`, `title`, `default` or `examples` differ",
     TEXT | {"description": "one"}, TEXT | {"description": "two", "default": "x"}),
    ("a part moves to `$defs`", _object({"a": TEXT | {"minLength": 1}}),
     _object({"a": {"$ref": "#/$defs/t"}}) | {"$defs": {"t": TEXT | {"minLength": 1}}}),
    ("`anyOf` of types is written as a list of types",
     {"anyOf": [TEXT, {"type": "null"}]}, {"type": ["string", "null"]}),
    ("`pattern` is loosened", TEXT | {"pattern": "^[a-c]+$"}, TEXT | {"pattern": "^[a-z]+$"}),
)  # fmt: skip


def rows() -> Iterator[tuple[str, Schema, Schema]]:
    """Every change of the page: its words, the old document, the new one."""
    for words, old, new in OTHERS:
        yield words, {"$schema": DIALECT, **old}, {"$schema": DIALECT, **new}
    for step in STEPS:
        narrow, wide = {"$schema": DIALECT, **step.narrow}, {"$schema": DIALECT, **step.wide}
        yield step.narrowing, wide, narrow
        yield step.widening, narrow, wide
