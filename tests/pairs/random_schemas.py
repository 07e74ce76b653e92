"""Random schemas, and a second one that differs from the first in a few places."""

from copy import deepcopy
from random import Random
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = ("id", "name", "born", "kind", "n", "list")
PATTERNS = ("^[a-z]+$", "^[A-Z]{2}[0-9]+$", "^a", "[0-9]$", "^(x|y)-[a-f]*$")
FORMATS = ("date", "ipv4", "uuid")
WORDS = ("a", "b", "open", "closed", "", "zz")
Schema = Any


class Writer:
    """Writes schemas from one random source."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.recursive = False

    def document(self) -> dict[str, Any]:
        """A whole document; now and then with a definition that recurs."""
        self.recursive = self.rng.random() < 0.12
        depth = self.rng.choice((1, 2, 2, 3))
        root = self.object_(depth) if self.rng.random() < 0.6 else self.schema(depth)
        whole = {"$schema": DIALECT, **(root if isinstance(root, dict) else {"allOf": [root]})}
        if self.recursive:
            node = self.object_(1)
            node["properties"]["next"] = {"$ref": "#/$defs/node"}
            whole["$defs"] = {"node": node}
            whole.setdefault("properties", {})["tree"] = {"$ref": "#/$defs/node"}
        return whole

    def schema(self, depth: int) -> Schema:
        """A subschema of any kind."""
        flat = [self.whole, self.whole, self.number, self.text, self.text, self.values, self.simple]
        deep = [self.object_, self.object_, self.object_, self.array, self.array, self.either]
        rare = [self.one_of, self.all_of, self.not_, self.when]
        roll = self.rng.random()
        if depth <= 0 or roll < 0.4:
            return self.rng.choice(flat)(depth)
        return self.rng.choice(rare if roll > 0.9 else deep)(depth)

    def maybe(self, share: float) -> bool:
        return self.rng.random() < share

    def whole(self, _: int) -> Schema:
        body: dict[str, Any] = {"type": "integer"}
        if self.maybe(0.4):
            body["minimum"] = self.rng.randint(-5, 5)
        if self.maybe(0.4):
            body["maximum"] = self.rng.randint(6, 40)
        if self.maybe(0.15):
            body["multipleOf"] = self.rng.choice((2, 3, 5))
        return body

    def number(self, _: int) -> Schema:
        body: dict[str, Any] = {"type": "number"}
        for keyword, share in (("minimum", 0.3), ("exclusiveMinimum", 0.1)):
            if self.maybe(share):
                body[keyword] = self.rng.randint(-10, 10) / 2
        for keyword, share in (("maximum", 0.3), ("exclusiveMaximum", 0.1)):
            if self.maybe(share):
                body[keyword] = self.rng.randint(11, 60) / 2
        return body

    def text(self, _: int) -> Schema:
        body: dict[str, Any] = {"type": "string"}
        roll = self.rng.random()
        if roll < 0.12:
            body["pattern"] = self.rng.choice(PATTERNS)
        elif roll < 0.24:
            body["format"] = self.rng.choice(FORMATS)
        elif roll < 0.6:
            body["maxLength"] = self.rng.randint(2, 12)
            if self.maybe(0.4):
                body["minLength"] = self.rng.randint(0, 2)
        return body

    def values(self, _: int) -> Schema:
        if self.maybe(0.2):
            return {"const": self.rng.choice((*WORDS, 1, True, None))}
        pool = self.rng.choice((WORDS, (1, 2, 3, 5, 8), (None, "a", 1, False)))
        return {"enum": self.rng.sample(pool, self.rng.randint(1, 3))}

    def simple(self, _: int) -> Schema:
        return self.rng.choice(
            ({"type": "boolean"}, {"type": "null"}, {}, True, {"type": ["string", "null"]},
             {"type": ["integer", "string"]}, {"type": "string", "title": "t"})
        )  # fmt: skip

    def object_(self, depth: int) -> dict[str, Any]:
        names = self.rng.sample(NAMES, self.rng.randint(1, 4))
        body: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.schema(depth - 1) for name in names},
        }
        required = [name for name in names if self.maybe(0.4)]
        if required:
            body["required"] = required
        roll = self.rng.random()
        if roll < 0.3:
            body["additionalProperties"] = False
        elif roll < 0.4:
            body["additionalProperties"] = self.schema(0)
        if self.maybe(0.05):
            body["patternProperties"] = {"^x-": self.schema(0)}
        if self.maybe(0.05):
            body["dependentRequired"] = {names[0]: [self.rng.choice(NAMES)]}
        if self.maybe(0.05):
            body["minProperties"] = self.rng.randint(1, 2)
        if self.maybe(0.04):
            body["maxProperties"] = self.rng.randint(3, 5)
        if self.maybe(0.03):
            body["propertyNames"] = {"maxLength": self.rng.randint(3, 8)}
        return body

    def array(self, depth: int) -> Schema:
        body: dict[str, Any] = {"type": "array", "items": self.schema(depth - 1)}
        if self.maybe(0.3):
            body["minItems"] = self.rng.randint(0, 2)
        if self.maybe(0.3):
            body["maxItems"] = self.rng.randint(3, 5)
        if self.maybe(0.15):
            body["uniqueItems"] = True
        if self.maybe(0.1):
            body["prefixItems"] = [self.schema(0)]
        if self.maybe(0.06):
            body["contains"] = self.schema(0)
        return body

    def either(self, depth: int) -> Schema:
        return {"anyOf": [self.schema(depth - 1) for _ in range(self.rng.randint(2, 3))]}

    def one_of(self, depth: int) -> Schema:
        return {"oneOf": [self.schema(depth - 1) for _ in range(2)]}

    def all_of(self, depth: int) -> Schema:
        return {"allOf": [self.object_(depth - 1), self.object_(depth - 1)]}

    def not_(self, _: int) -> Schema:
        return {"not": self.values(0)}

    def when(self, depth: int) -> Schema:
        body = self.object_(depth - 1)
        name = next(iter(body["properties"]))
        body["if"] = {"properties": {name: self.values(0)}, "required": [name]}
        body["then"] = {"required": [self.rng.choice(NAMES)]}
        return body

    def changed(self, document: dict[str, Any]) -> dict[str, Any]:
        """Another document that differs in one to three places."""
        other = deepcopy(document)
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            self._change(other)
        return other

    def _change(self, document: dict[str, Any]) -> None:
        places = list(_bodies(document))
        body = self.rng.choice(places)
        numbers = [k for k, v in body.items() if type(v) in (int, float) and k != "const"]
        roll = self.rng.random()
        if numbers and roll < 0.5:
            keyword = self.rng.choice(numbers)
            step = self.rng.choice((-2, -1, 1, 2))
            body[keyword] = max(body[keyword] + step, 1 if keyword == "multipleOf" else -9)
            if "Length" in keyword or "Items" in keyword or "Properties" in keyword:
                body[keyword] = max(body[keyword], 0)
        elif "properties" in body and roll < 0.85:
            self._change_members(body)
        elif "enum" in body and roll < 0.8:
            self._change_values(body)
        elif roll < 0.9:
            loose = [k for k in body if k not in ("$schema", "$defs", "$ref", "properties")]
            if loose:
                del body[self.rng.choice(loose)]
        elif "description" not in body:
            body["description"] = "told"

    def _change_members(self, body: dict[str, Any]) -> None:
        roll, members = self.rng.random(), body["properties"]
        name = self.rng.choice(NAMES)
        if roll < 0.35:
            members.setdefault(name, self.schema(1))
        elif roll < 0.55 and len(members) > 1:
            gone = self.rng.choice([one for one in members if one != "tree"] or ["tree"])
            del members[gone]
        elif roll < 0.75:
            required = set(body.get("required", ())) ^ {name}
            body["required"] = sorted(required)
        elif roll < 0.9:
            body["additionalProperties"] = self.rng.choice((False, True, {"type": "string"}))
        else:
            members[self.rng.choice(sorted(members))] = self.schema(1)

    def _change_values(self, body: dict[str, Any]) -> None:
        if len(body["enum"]) > 1 and self.maybe(0.5):
            body["enum"].pop()
        elif "new" not in body["enum"]:
            body["enum"].append("new")


def _bodies(node: Any) -> Any:
    """Every object of the document that is a schema."""
    if not isinstance(node, dict):
        return
    yield node
    for keyword, value in node.items():
        if keyword in ("properties", "patternProperties", "$defs"):
            for child in value.values():
                yield from _bodies(child)
        elif keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
            for child in value:
                yield from _bodies(child)
        elif keyword in ("items", "additionalProperties", "contains", "not", "then"):
            yield from _bodies(value)
