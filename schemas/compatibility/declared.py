"""EVOLVE's writers: the document under which an instance holds declared fields only.

The bus checks a writer's payload against both this and the schema itself; only because it does,
a field that nobody declared can't be on its way when a later version declares it. A place is
closed where it declares properties: an object without any, or with ``additionalProperties`` of
a certain form (a map), stays as it is. Below ``not``, ``if``, ``contains`` nothing is closed.
"""

from typing import Any, Final

from schemas.compatibility.document import LIST, MAP, ONE, Document, Json, Schema, bodies

_TURNED: Final = frozenset({"not", "if", "contains", "propertyNames"})
_SAME_PLACE_ONE: Final = ("then", "else")
_SAME_PLACE_LIST: Final = ("allOf", "anyOf", "oneOf")
_OPENERS: Final = ("additionalProperties", "unevaluatedProperties")
_CLOSED: Final = "unevaluatedProperties"


def declared_only(document: Document) -> Document:
    """The same document, closed wherever it declares properties.

    Not necessarily narrower than ``document`` (a closed branch of oneOf can make room): a
    writer's instance must satisfy both.
    """
    twice = _declared_twice(document)
    return Document(_closed(document.root, document, twice, place=True))


def is_trivial(schema: Schema) -> bool:
    """Whether the schema says nothing."""
    return schema is True or schema == {}


def _closed(schema: Schema, document: Document, twice: set[int], *, place: bool) -> Schema:
    if not isinstance(schema, dict):
        return schema
    body: Json = {}
    for keyword, value in schema.items():
        if keyword in _OPENERS and is_trivial(value):
            continue
        body[keyword] = _part(keyword, value, document, twice)
    if place and id(schema) not in twice and _declares(schema, document):
        plain = not any(k in body for k in ("$ref", "if", "dependentSchemas", *_SAME_PLACE_LIST))
        if not plain:
            body.setdefault(_CLOSED, False)
        elif _CLOSED not in body:
            body.setdefault("additionalProperties", False)
    return body


def _part(keyword: str, value: Any, document: Document, twice: set[int]) -> Any:
    if keyword in _TURNED:
        return value
    if keyword in ONE:
        inner = keyword not in _SAME_PLACE_ONE
        return _closed(value, document, twice, place=inner)
    if keyword in LIST:
        inner = keyword not in _SAME_PLACE_LIST
        return [_closed(one, document, twice, place=inner) for one in value]
    if keyword in MAP:
        inner = keyword in ("properties", "patternProperties")
        return {name: _closed(one, document, twice, place=inner) for name, one in value.items()}
    return value


def _declares(schema: Schema, document: Document) -> bool:
    return any("properties" in body for body in in_place(schema, document))


def in_place(schema: Schema, document: Document) -> list[Json]:
    """Every body that applies to the same value as ``schema``, itself included, ``not`` apart."""
    found: dict[int, Json] = {}
    stack = [schema]
    while stack:
        body = stack.pop()
        if not isinstance(body, dict) or id(body) in found:
            continue
        found[id(body)] = body
        if "$ref" in body:
            stack.append(document.resolve(body["$ref"]))
        for keyword in _SAME_PLACE_LIST:
            stack.extend(body.get(keyword, ()))
        stack.extend(body[k] for k in ("if", *_SAME_PLACE_ONE) if k in body)
        stack.extend(body.get("dependentSchemas", {}).values())
    return list(found.values())


def _declared_twice(document: Document) -> set[int]:
    """Subschemas of a property that two bodies of one place declare: closing both would forbid
    to each what only the other declares."""
    twice: set[int] = set()
    for body in bodies(document.root):
        together = in_place(body, document)
        if len(together) < 2:
            continue
        seen: dict[str, Schema] = {}
        for one in together:
            for name, child in one.get("properties", {}).items():
                if name in seen and seen[name] is not child:
                    twice.update((id(seen[name]), id(child)))
                seen[name] = child
    return twice
