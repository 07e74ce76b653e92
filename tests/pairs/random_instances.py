"""Instances for the judge, sampled with no part of what is being judged.

Follows the schema loosely: right often enough to be taken, wrong often enough to find what an
honest reading would miss.
"""

from random import Random
from typing import Any

PLAIN = (None, True, False, 0, 1, -1, 2, 3, 5, 0.5, 7.5, 12, 40, "", "a", "b", "open", "closed",
         "new", "zz", "abcdefghij", "AB12", "x-af", "2026-01-31", "192.0.2.1", [], [1], ["a", "a"],
         {}, {"id": 1}, {"x-a": "b"},
         "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")  # fmt: skip
NAMES = ("id", "name", "born", "kind", "n", "list", "x-1", "other", "next", "tree")


class Sampler:
    """Instances by one document."""

    def __init__(self, document: dict[str, Any], rng: Random) -> None:
        self._document, self._rng = document, rng
        self._slip = 0.0

    def sample(self) -> Any:
        """One instance; half of them with a slip or two on purpose."""
        self._slip = self._rng.choice((0.0, 0.0, 0.05, 0.2))
        return self._value(self._document, 0)

    def _value(self, schema: Any, depth: int) -> Any:
        rng = self._rng
        if not isinstance(schema, dict) or depth > 8 or rng.random() < self._slip:
            return rng.choice(PLAIN)
        if "$ref" in schema:
            return self._value(self._document["$defs"]["node"], depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._value(rng.choice(schema[keyword]), depth)
        if "allOf" in schema:
            parts = [self._value(one, depth) for one in schema["allOf"]]
            if all(isinstance(one, dict) for one in parts):
                return {name: value for one in parts for name, value in one.items()}
            return rng.choice(parts)
        kinds = schema.get("type", rng.choice(("string", "integer", "object", "null")))
        if "properties" in schema and "type" not in schema:
            kinds = "object"
        kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
        return self._of_kind(kind, schema, depth)

    def _of_kind(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        rng = self._rng
        if kind in ("integer", "number"):
            return self._number(kind, schema)
        if kind == "string":
            return self._text(schema)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "object":
            return self._object(schema, depth)
        return None if kind == "null" else rng.random() < 0.5

    def _number(self, kind: str, schema: dict[str, Any]) -> int | float:
        low = max(schema.get("minimum", -99), schema.get("exclusiveMinimum", -99))
        high = min(schema.get("maximum", 99), schema.get("exclusiveMaximum", 99))
        low, high = (max(low, high - 12), high) if low == -99 else (low, min(high, low + 12))
        value = self._rng.choice((low, high, self._rng.uniform(low, high)))
        step = schema.get("multipleOf", 1 if kind == "integer" else 0.5)
        whole = round(value / step) * step
        return int(whole) if whole == int(whole) else whole

    def _text(self, schema: dict[str, Any]) -> str:
        rng = self._rng
        if "pattern" in schema or "format" in schema:
            return str(rng.choice([one for one in PLAIN if isinstance(one, str)]))
        top = schema.get("maxLength", 14)
        length = rng.choice((schema.get("minLength", 0), top, rng.randint(0, max(0, top))))
        return "".join(rng.choice("abxA19") for _ in range(length))

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        low = schema.get("minItems", 0)
        length = self._rng.randint(low, max(low, schema.get("maxItems", low + 3)))
        first = schema.get("prefixItems", [])
        made = [
            self._value(first[i] if i < len(first) else schema.get("items", True), depth + 1)
            for i in range(min(length, 6))
        ]
        if "contains" in schema:
            made = [*made[:-1], self._value(schema["contains"], depth + 1)]
        return made

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        rng, members = self._rng, schema.get("properties", {})
        share = rng.choice((0.2, 0.6, 1.0))
        made = {
            name: self._value(one, depth + 1)
            for name, one in members.items()
            if name in schema.get("required", ()) or (rng.random() < share and depth < 5)
        }
        for name in schema.get("required", ()):
            made.setdefault(name, rng.choice(PLAIN))
        if rng.random() < 0.4:
            more = schema.get("additionalProperties", True)
            made.setdefault(rng.choice(NAMES), self._value(more, depth + 1))
        if "if" in schema and rng.random() < 0.5:
            for name, one in schema["if"]["properties"].items():
                made[name] = self._value(one, depth + 1)
        return made
