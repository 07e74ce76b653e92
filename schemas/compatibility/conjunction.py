"""What a writer's place promises: the bodies that all hold there, read together.

Owns the questions that a proof asks of them: types, bounds, what a member or an element is.
Every answer errs on the wide side, so that a proof built on it stays sound.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

from jsonschema_rs import Draft202012Validator

from schemas.compatibility.declared import in_place
from schemas.compatibility.document import REGEX, Document, Json, Schema

TYPES: Final = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""JSON's types, a number told apart by whether it is whole."""

_BRANCHING: Final = ("$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas")


def types_of(value: Any) -> frozenset[str]:
    """The values of a ``type`` keyword as members of TYPES."""
    names = value if isinstance(value, list) else [value]
    wide = {"number": ("integer", "fraction")}
    return frozenset(one for name in names for one in wide.get(name, (name,)))


def exact(value: Any) -> Fraction:
    """A JSON number as written."""
    return Fraction(str(value))


class Conjunction:
    """Bodies that hold together at one place of the writer's document."""

    __slots__ = ("_document", "_patterns", "bodies")

    def __init__(self, schemas: Iterable[Schema], document: Document) -> None:
        """Follows $ref and allOf; alternatives stay in their bodies."""
        self._document = document
        self._patterns: dict[str, Any] = {}
        found: dict[int, Schema] = {}
        stack = list(schemas)
        while stack:
            schema = stack.pop()
            if id(schema) in found:
                continue
            if schema is not True:
                found[id(schema)] = schema
            if isinstance(schema, dict):
                if "$ref" in schema:
                    stack.append(document.resolve(schema["$ref"]))
                stack.extend(schema.get("allOf", ()))
        self.bodies: list[Schema] = list(found.values())

    @property
    def key(self) -> frozenset[int]:
        """What identifies it as long as its document lives."""
        return frozenset(map(id, self.bodies))

    def dicts(self) -> list[Json]:
        """The bodies that are objects."""
        return [body for body in self.bodies if isinstance(body, dict)]

    def with_(self, *schemas: Schema, without: Schema = None) -> "Conjunction":
        """The same and more."""
        kept = [body for body in self.bodies if body is not without]
        return Conjunction([*kept, *schemas], self._document)

    def values(self, keyword: str) -> list[Any]:
        """That keyword's value in each body that has it."""
        return [body[keyword] for body in self.dicts() if keyword in body]

    def types(self) -> frozenset[str]:
        """The types an instance may have."""
        found = TYPES
        for value in self.values("type"):
            found &= types_of(value)
        return found

    def is_empty(self) -> bool:
        """Whether nothing can be here, as far as can be read off."""
        return any(body is False for body in self.bodies) or not self.types()

    def enumerated(self) -> list[Any] | None:
        """All the values there can be, if they are listed."""
        for value in self.values("const"):
            return [value]
        for values in self.values("enum"):
            return list(values)
        if self.types() <= {"null", "boolean"}:
            named: dict[str, list[Any]] = {"null": [None], "boolean": [True, False]}
            return [value for type_ in self.types() for value in named[type_]]
        return None

    def least(self, keyword: str) -> int:
        """The largest of a lower bound on a count; 0 without one."""
        return max((int(value) for value in self.values(keyword)), default=0)

    def most(self, keyword: str) -> int | None:
        """The smallest of an upper bound on a count; None without one."""
        return min((int(value) for value in self.values(keyword)), default=None)

    def required(self) -> set[str]:
        """Names that must be there."""
        return {name for names in self.values("required") for name in names}

    def names(self) -> set[str]:
        """Names that some body declares."""
        return {name for members in self.values("properties") for name in members}

    def patterns(self) -> set[str]:
        """Patterns of names that some body declares."""
        return {name for members in self.values("patternProperties") for name in members}

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a name matches, by the validator's own regular expressions."""
        if pattern not in self._patterns:
            schema = {"pattern": pattern}
            self._patterns[pattern] = Draft202012Validator(schema, pattern_options=REGEX)
        return bool(self._patterns[pattern].is_valid(name))

    def member(self, name: str) -> list[Schema]:
        """Schemas that the member of that name satisfies, if it is there."""
        found: list[Schema] = []
        for body in self.dicts():
            applied = [body["properties"][name]] if name in body.get("properties", ()) else []
            for pattern, schema in body.get("patternProperties", {}).items():
                if self.matches(pattern, name):
                    applied.append(schema)
            if not applied and "additionalProperties" in body:
                applied.append(body["additionalProperties"])
            if not applied and self._shuts_out(body, name):
                applied.append(False)
            found += applied
        return found

    def _shuts_out(self, body: Json, name: str) -> bool:
        if body.get("unevaluatedProperties") is not False:
            return False
        for other in in_place(body, self._document):
            if other is not body and other.keys() & {
                "additionalProperties", "unevaluatedProperties",
            }:  # fmt: skip
                return False
            if name in other.get("properties", ()):
                return False
            if any(self.matches(pattern, name) for pattern in other.get("patternProperties", ())):
                return False
        return True

    def others(self) -> list[Schema]:
        """Schemas of a member that no body declares, by name or by pattern."""
        found: list[Schema] = self.values("additionalProperties")
        for body in self.dicts():
            if body.get("unevaluatedProperties") is False and self._all_known(body):
                found.append(False)
        return found

    def _all_known(self, body: Json) -> bool:
        """Whether what this body evaluates is among ``names`` and ``patterns``."""
        names, patterns = self.names(), self.patterns()
        for other in in_place(body, self._document):
            if other is not body and other.keys() & {
                "additionalProperties", "unevaluatedProperties",
            }:  # fmt: skip
                return False
            if not set(other.get("properties", ())) <= names:
                return False
            if not set(other.get("patternProperties", ())) <= patterns:
                return False
        return True

    def element(self, index: int) -> list[Schema]:
        """Schemas that the element at ``index`` satisfies, if it is there."""
        found: list[Schema] = []
        for body in self.dicts():
            first: Sequence[Schema] = body.get("prefixItems", ())
            if index < len(first):
                found.append(first[index])
            elif "items" in body:
                found.append(body["items"])
        return found

    def elements_told(self) -> int:
        """From this index on all elements are alike."""
        return max((len(first) for first in self.values("prefixItems")), default=0)

    def elements_most(self) -> int | None:
        """The most elements there can be; None without a bound."""
        bounds = [int(value) for value in self.values("maxItems")]
        for body in self.dicts():
            if body.get("items") is False:
                bounds.append(len(body.get("prefixItems", ())))
        return min(bounds, default=None)
