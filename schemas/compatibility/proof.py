"""A proof that one schema takes all that another does, by walking both; for where the library
can't tell (recursion, patterns).

Sound, not complete: true is a proof, false says nothing. Reads the writer as a conjunction of
bodies and shows each of the reader's keywords from it. Coinductive like ``equality``. Bounded in
steps.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from schemas.compatibility.conjunction import TYPES, Conjunction, exact, types_of
from schemas.compatibility.document import (
    Document,
    Json,
    Schema,
    standing_alone,
    text_of,
    validator,
)
from schemas.compatibility.equality import Equality

STEPS_MAX: Final = 5_000
"""Pairs of places; two schemas of 1,000 places each, unfolded a few times. About a second."""

_CASES_DEEP: Final = 4
_TYPED: Final = {name: {"type": "number" if name == "fraction" else name} for name in TYPES}
_OF_TYPE: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        frozenset({"integer", "fraction"}),
    ),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), frozenset({"string"})),
    **dict.fromkeys(
        ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains",
         "minContains", "maxContains", "unevaluatedItems"),
        frozenset({"array"}),
    ),
    **dict.fromkeys(
        ("properties", "patternProperties", "additionalProperties", "required", "minProperties",
         "maxProperties", "propertyNames", "dependentRequired", "dependentSchemas",
         "unevaluatedProperties"),
        frozenset({"object"}),
    ),
}  # fmt: skip
_SILENT: Final = frozenset({"$defs", "definitions", "$anchor"})
_TOGETHER: Final = (
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
)


_WHOLE: Final = ("not", "oneOf", "dependentSchemas")  # say the same wherever they stand


class StepsSpent(Exception):
    """The walk was longer than allowed."""


class Proof:
    """Shows that ``reader`` takes what ``writer`` does; one use."""

    def __init__(self, writer: Document, reader: Document) -> None:
        self._writer, self._reader = writer, reader
        self._equality = Equality(writer, reader)
        self._assumed: set[tuple[frozenset[int], int]] = set()
        self._kept: list[Any] = []  # what an id in _assumed names must not go away
        self._steps = 0

    def holds(self) -> bool:
        """Whether the proof was found within the steps."""
        try:
            return self._implies(
                Conjunction([self._writer.root], self._writer), self._reader.root, 0
            )
        except StepsSpent:
            return False

    def _implies(self, given: Conjunction, wanted: Schema, cases: int) -> bool:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise StepsSpent
        if given.is_empty() or wanted is True:
            return True
        if wanted is False:
            return False
        key = (given.key, id(wanted))
        if key in self._assumed:
            return True
        before = set(self._assumed)
        self._assumed.add(key)
        self._kept.append((given, wanted))
        if self._shown(given, wanted, cases):
            return True
        self._assumed = before  # what was shown under a wrong assumption is not shown
        return False

    def _shown(self, given: Conjunction, wanted: Json, cases: int) -> bool:
        if any(self._equality.holds(body, wanted) for body in given.bodies):
            return True
        values = given.enumerated()
        if values is not None and len(values) <= 1_000:
            reader = validator(standing_alone(wanted, self._reader))
            possible = [v for v in values if types_of_value(v) <= given.types()]
            return all(bool(reader.is_valid(value)) for value in possible)
        if all(self._keyword(given, wanted, keyword, cases) for keyword in wanted):
            return True
        return cases < _CASES_DEEP and self._by_cases(given, wanted, cases + 1)

    def _by_cases(self, given: Conjunction, wanted: Json, cases: int) -> bool:
        for body in given.dicts():
            for keyword in ("anyOf", "oneOf"):
                if keyword in body:
                    rest = {k: v for k, v in body.items() if k != keyword}
                    left = [given.with_(rest, one, without=body) for one in body[keyword]]
                    return all(self._implies(one, wanted, cases) for one in left)
        types = given.types()
        if types == TYPES or len(types) < 2 or not wanted.keys() & {"anyOf", "oneOf"}:
            return False
        return all(self._implies(given.with_(_TYPED[one]), wanted, cases) for one in types)

    def _keyword(self, given: Conjunction, wanted: Json, keyword: str, cases: int) -> bool:
        if keyword in _SILENT or not given.types() & _OF_TYPE.get(keyword, TYPES):
            return True
        if keyword == "$ref":
            return self._implies(given, self._reader.resolve(wanted["$ref"]), cases)
        if keyword == "allOf":
            return all(self._implies(given, one, cases) for one in wanted["allOf"])
        if keyword == "anyOf":
            return any(self._implies(given, one, cases) for one in wanted["anyOf"])
        for group in _TOGETHER:
            if keyword in group:
                return self._same_group(given, wanted, group)
        shown: Callable[[Conjunction, Json, int], bool] | None
        shown = getattr(self, f"_shows_{keyword}", None)
        if shown is not None:
            return bool(shown(given, wanted, cases))
        if keyword in _PLAIN:
            return _PLAIN[keyword](given, wanted[keyword])
        return self._same_group(given, wanted, (keyword,)) and keyword in _WHOLE

    def _same_group(self, given: Conjunction, wanted: Json, group: tuple[str, ...]) -> bool:
        asked = {name: wanted[name] for name in group if name in wanted}
        for body in given.dicts():
            found = {name: body[name] for name in group if name in body}
            self._kept.append((asked, found))
            if self._equality.holds(found, asked):
                return True
        return False

    def _shows_properties(self, given: Conjunction, wanted: Json, cases: int) -> bool:
        return all(
            self._implies(Conjunction(given.member(name), self._writer), schema, cases)
            for name, schema in wanted["properties"].items()
        )

    def _shows_patternProperties(  # noqa: N802 - named after the keyword
        self, given: Conjunction, wanted: Json, cases: int
    ) -> bool:
        for pattern, schema in wanted["patternProperties"].items():
            for name in given.names():
                if given.matches(pattern, name):
                    member = Conjunction(given.member(name), self._writer)
                    if not self._implies(member, schema, cases):
                        return False
            same = [
                found[pattern] for found in given.values("patternProperties") if pattern in found
            ]
            sources = [same] if same else self._undeclared(given)
            if not self._all(sources, schema, cases):
                return False
        return True

    def _shows_additionalProperties(  # noqa: N802 - named after the keyword
        self, given: Conjunction, wanted: Json, cases: int
    ) -> bool:
        schema = wanted["additionalProperties"]
        named, patterns = wanted.get("properties", {}), wanted.get("patternProperties", {})
        for name in given.names() - set(named):
            if not any(given.matches(pattern, name) for pattern in patterns):
                member = Conjunction(given.member(name), self._writer)
                if not self._implies(member, schema, cases):
                    return False
        return self._all(self._undeclared(given, known=set(patterns)), schema, cases)

    def _undeclared(self, given: Conjunction, known: set[str] | None = None) -> list[list[Schema]]:
        """What a member without a declared name may be: one list a way to come in."""
        sources = [given.others()]
        for found in given.values("patternProperties"):
            sources += [[one] for name, one in found.items() if name not in (known or ())]
        return sources

    def _all(self, sources: list[list[Schema]], schema: Schema, cases: int) -> bool:
        return all(
            self._implies(Conjunction(source, self._writer), schema, cases) for source in sources
        )

    def _shows_propertyNames(  # noqa: N802 - named after the keyword
        self, given: Conjunction, wanted: Json, cases: int
    ) -> bool:
        names = Conjunction([_TYPED["string"], *given.values("propertyNames")], self._writer)
        return self._implies(names, wanted["propertyNames"], cases)

    def _shows_dependentRequired(  # noqa: N802 - named after the keyword
        self, given: Conjunction, wanted: Json, cases: int
    ) -> bool:
        always = given.required()
        for name, asked in wanted["dependentRequired"].items():
            there = {n for one in given.values("dependentRequired") for n in one.get(name, ())}
            if not set(asked) <= always | there:
                return False
        return True

    def _shows_prefixItems(  # noqa: N802 - named after the keyword
        self, given: Conjunction, wanted: Json, cases: int
    ) -> bool:
        most = given.elements_most()
        return all(
            self._implies(Conjunction(given.element(index), self._writer), schema, cases)
            for index, schema in enumerate(wanted["prefixItems"])
            if most is None or index < most
        )

    def _shows_items(self, given: Conjunction, wanted: Json, cases: int) -> bool:
        first, most = len(wanted.get("prefixItems", ())), given.elements_most()
        last = max(first, given.elements_told())  # the first of those that are alike
        return all(
            self._implies(Conjunction(given.element(index), self._writer), wanted["items"], cases)
            for index in range(first, last + 1)
            if most is None or index < most
        )


def types_of_value(value: Any) -> frozenset[str]:
    """The one member of TYPES that a value has."""
    if isinstance(value, bool) or value is None:
        return frozenset({"null" if value is None else "boolean"})
    if isinstance(value, int | float):
        return frozenset({"integer" if exact(value).denominator == 1 else "fraction"})
    if isinstance(value, str):
        return frozenset({"string"})
    return frozenset({"array" if isinstance(value, list) else "object"})


def _lower(given: Conjunction) -> tuple[Fraction, bool] | None:
    """The lowest number and whether it is left out."""
    bounds = [(exact(value), False) for value in given.values("minimum")]
    bounds += [(exact(value), True) for value in given.values("exclusiveMinimum")]
    return max(bounds, default=None)


def _upper(given: Conjunction) -> tuple[Fraction, bool] | None:
    bounds = [(exact(value), False) for value in given.values("maximum")]
    bounds += [(exact(value), True) for value in given.values("exclusiveMaximum")]
    return min(bounds, key=lambda bound: (bound[0], not bound[1]), default=None)


def _minimum(given: Conjunction, value: Any) -> bool:
    bound = _lower(given)
    return bound is not None and bound[0] >= exact(value)


def _maximum(given: Conjunction, value: Any) -> bool:
    bound = _upper(given)
    return bound is not None and bound[0] <= exact(value)


def _above(given: Conjunction, value: Any) -> bool:
    bound = _lower(given)
    return bound is not None and bound >= (exact(value), True)


def _below(given: Conjunction, value: Any) -> bool:
    bound = _upper(given)
    return bound is not None and (bound[0], not bound[1]) <= (exact(value), False)


def _multiple(given: Conjunction, value: Any) -> bool:
    if given.types() & {"integer", "fraction"} == {"integer"}:
        if (1 / exact(value)).denominator == 1:
            return True
    return any((exact(v) / exact(value)).denominator == 1 for v in given.values("multipleOf"))


def _same(keyword: str) -> Callable[[Conjunction, Any], bool]:
    return lambda given, value: text_of(value) in map(text_of, given.values(keyword))


def _at_least(keyword: str) -> Callable[[Conjunction, Any], bool]:
    return lambda given, value: given.least(keyword) >= value


def _at_most(keyword: str) -> Callable[[Conjunction, Any], bool]:
    def shown(given: Conjunction, value: Any) -> bool:
        most = given.most(keyword)
        return most is not None and most <= value

    return shown


def _few_elements(given: Conjunction, value: Any) -> bool:
    most = given.elements_most()
    return most is not None and most <= value


_PLAIN: Final[dict[str, Callable[[Conjunction, Any], bool]]] = {
    "type": lambda given, value: given.types() <= types_of(value),
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _above,
    "exclusiveMaximum": _below,
    "multipleOf": _multiple,
    "minLength": _at_least("minLength"),
    "maxLength": _at_most("maxLength"),
    "pattern": _same("pattern"),
    "format": _same("format"),
    "minItems": _at_least("minItems"),
    "maxItems": _few_elements,
    "uniqueItems": lambda given, value: (
        value is False or True in given.values("uniqueItems") or _few_elements(given, 1)
    ),
    "required": lambda given, value: set(value) <= given.required(),
    "minProperties": lambda given, value: (
        max(given.least("minProperties"), len(given.required())) >= value
    ),
    "maxProperties": _at_most("maxProperties"),
}
