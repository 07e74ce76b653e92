"""Draft-07 written as 2020-12, for the comparison only.

Owns what differs between the two for an instance: tuples in ``items``, ``dependencies``, what
stands beside a ``$ref``, formats that came later. Refuses, as NotComparable, what 2020-12 has no
equal for. The validators of the search read the document itself, so a mistake here could not
make a no; a yes is doubted with them.
"""

from typing import Any, Final

from schemas.compatibility.document import LIST, MAP, ONE, Json, NotComparable, Schema
from schemas.reasons import DIALECT_2020_12

_DIALECTS: Final = frozenset({
    "http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-07/schema#",
})  # fmt: skip
_LATER: Final = frozenset({
    "unevaluatedItems", "unevaluatedProperties", "prefixItems", "dependentSchemas",
    "dependentRequired", "minContains", "maxContains", "$defs", "$anchor",
})  # fmt: skip
_LATER_FORMATS: Final = frozenset({"uuid", "duration"})
_JUDGED_CONTENT: Final = frozenset({"contentEncoding", "contentMediaType"})


def in_2020_12(document: Json) -> Json:
    """The document itself, or its equal if it is draft-07; raises NotComparable."""
    dialect = document.get("$schema", DIALECT_2020_12)
    if dialect == DIALECT_2020_12:
        return document
    if dialect not in _DIALECTS:
        raise NotComparable("its dialect is not known here")
    body = _translated(document)
    assert isinstance(body, dict)
    return {**body, "$schema": DIALECT_2020_12}


def _translated(schema: Schema) -> Schema:
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        kept = {k: v for k, v in schema.items() if k in ("$ref", "definitions")}
        return {k: _part(k, v) for k, v in kept.items()}
    body: Json = {}
    for keyword, value in schema.items():
        if keyword in _JUDGED_CONTENT:
            raise NotComparable(f"it uses {keyword}, which draft-07 lets a validator judge")
        if keyword == "$id" and str(value).startswith("#"):
            raise NotComparable("it names a place by $id")
        if keyword == "items" and isinstance(value, list):
            body["prefixItems"] = [_translated(one) for one in value]
            if "additionalItems" in schema:
                body["items"] = _translated(schema["additionalItems"])
        elif keyword == "dependencies":
            _split(value, body)
        elif keyword == "format" and value in _LATER_FORMATS:
            continue
        elif keyword not in _LATER and keyword != "additionalItems":
            body[keyword] = _part(keyword, value)
    return body


def _part(keyword: str, value: Any) -> Any:
    if keyword in ONE:
        return _translated(value)
    if keyword in LIST:
        return [_translated(one) for one in value]
    if keyword in MAP:
        return {name: _translated(one) for name, one in value.items()}
    if keyword == "$ref" and ("/items/" in value or "/dependencies/" in value):
        raise NotComparable("a reference leads into a tuple or a dependency")
    return value


def _split(dependencies: Json, body: Json) -> None:
    for name, asked in dependencies.items():
        if isinstance(asked, list):
            body.setdefault("dependentRequired", {})[name] = asked
        else:
            body.setdefault("dependentSchemas", {})[name] = _translated(asked)
