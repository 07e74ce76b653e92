"""A JSON Schema document as the comparison reads it: 2020-12, without annotations.

Owns the knowledge of which keywords hold subschemas and which only inform. Refuses what it can't
read exactly: ``NotComparable``, which the judgement turns into an unknown. References stay as
they are and are resolved within the document; nothing is fetched.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, RegexOptions

from schemas import limits
from schemas.reasons import DIALECT_2020_12

Schema = Any  # bool, or a dict of keywords
Json = dict[str, Any]

ONE: Final = frozenset({
    "not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAP: Final = frozenset({
    "properties", "patternProperties", "dependentSchemas", "$defs", "definitions",
})  # fmt: skip
PLAIN: Final = frozenset({
    "type", "enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems",
    "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties", "required",
    "dependentRequired", "$ref",
})  # fmt: skip
IN_PLACE: Final = frozenset({
    "$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas",
})  # fmt: skip
_NAMES: Final = frozenset({"$anchor"})
REGEX: Final = RegexOptions(size_limit=limits.PATTERN_BYTES_MAX)


class NotComparable(Exception):
    """The document holds what the comparison can't read exactly."""


@dataclass(slots=True, eq=False)
class Document:
    """A root schema and its anchors; subschemas keep their identity as long as it lives."""

    root: Schema
    _anchors: dict[str, Schema] = field(default_factory=dict)
    _targets: dict[str, Schema] = field(default_factory=dict)

    def resolve(self, ref: str) -> Schema:
        """The subschema that a reference of this document leads to."""
        if ref not in self._targets:
            self._targets[ref] = self._found(ref)
        return self._targets[ref]

    def _found(self, ref: str) -> Schema:
        fragment = unquote(ref[1:])
        if not ref.startswith("#"):
            raise NotComparable("a reference leads out of the document")
        if fragment and not fragment.startswith("/"):
            for body in bodies(self.root):
                if body.get("$anchor") == fragment:
                    return body
            raise NotComparable("a reference leads nowhere")
        node: Any = self.root
        for step in fragment.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(name)] if isinstance(node, list) else node[name]
            except (KeyError, IndexError, ValueError, TypeError) as error:
                raise NotComparable("a reference leads nowhere") from error
        return node


def document_of(parsed: Json) -> Document:
    """Read a parsed 2020-12 document; raises NotComparable."""
    return Document(_stripped(parsed))


def _stripped(schema: Schema) -> Schema:
    if not isinstance(schema, dict):
        return schema
    body: Json = {}
    for keyword, value in schema.items():
        if keyword in ONE:
            body[keyword] = _stripped(value)
        elif keyword in LIST:
            body[keyword] = [_stripped(child) for child in value]
        elif keyword in MAP:
            body[keyword] = {name: _stripped(child) for name, child in value.items()}
        elif keyword in PLAIN or keyword in _NAMES:
            body[keyword] = value
        elif keyword.startswith(("$dynamic", "$recursive")):
            raise NotComparable("it uses a dynamic reference")
    return body


def children(body: Json) -> Iterator[tuple[str, str | int | None, Schema]]:
    """Each subschema directly inside: keyword, name or index, and itself."""
    for keyword, value in body.items():
        if keyword in ONE:
            yield keyword, None, value
        elif keyword in LIST:
            for index, child in enumerate(value):
                yield keyword, index, child
        elif keyword in MAP:
            for name, child in value.items():
                yield keyword, name, child


def bodies(schema: Schema) -> Iterator[Json]:
    """Every subschema that is an object, the schema itself first."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(child for _, _, child in children(node))


def moved(schema: Schema, place: str, document: Document) -> Schema:
    """A copy whose references hold once the whole document stands at ``#/$defs/<place>``."""
    if not isinstance(schema, dict):
        return schema
    body: Json = {}
    for keyword, value in schema.items():
        if keyword == "$ref":
            body[keyword] = f"#/$defs/{place}{_as_pointer(value, document)}"
        elif keyword in ONE:
            body[keyword] = moved(value, place, document)
        elif keyword in LIST:
            body[keyword] = [moved(child, place, document) for child in value]
        elif keyword in MAP:
            body[keyword] = {name: moved(child, place, document) for name, child in value.items()}
        elif keyword not in _NAMES:
            body[keyword] = value
    return body


def _as_pointer(ref: str, document: Document) -> str:
    if ref == "#" or ref.startswith("#/"):
        return ref[1:]
    target = document.resolve(ref)
    return _path_to(document.root, target) or ""


def _path_to(root: Schema, target: Schema) -> str | None:
    stack: list[tuple[str, Schema]] = [("", root)]
    while stack:
        path, node = stack.pop()
        if node is target:
            return path
        if isinstance(node, dict):
            for keyword, name, child in children(node):
                step = "" if name is None else "/" + pointer_step(name)
                stack.append((f"{path}/{pointer_step(keyword)}{step}", child))
    return None


def pointer_step(step: str | int) -> str:
    """One step of a JSON Pointer inside a URI fragment."""
    text = str(step).replace("~", "~0").replace("/", "~1")
    return text.replace("%", "%25")


def standing_alone(schema: Schema, document: Document) -> Json:
    """A document of its own that takes exactly what ``schema`` takes inside ``document``."""
    return {
        "$schema": DIALECT_2020_12,
        "$ref": "#/$defs/this",
        "$defs": {
            "this": moved(schema, "all", document),
            "all": moved(document.root, "all", document),
        },
    }


def validator(document: Json) -> Draft202012Validator:
    """Compiled with the options that payloads are checked with."""
    return Draft202012Validator(
        document, validate_formats=True, offline=True, pattern_options=REGEX
    )


def text_of(value: Any) -> str:
    """One text for equal JSON values; 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_numbers(value), sort_keys=True, ensure_ascii=True)


def _numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    return value
