"""Instances that a schema should take, made at random from its text; the validator judges them.

Owns no judgement: an instance may miss (``not``, a sum of conditions); whoever asks checks it.
Deterministic for a seed. Bounded: depth, elements and members have small limits.
"""

from fractions import Fraction
from random import Random
from typing import Any, Final

from schemas.compatibility.conjunction import Conjunction, exact
from schemas.compatibility.document import Document, Json, Schema, text_of
from schemas.compatibility.strings import FORMATS, PLAIN, matching

_DEPTH_MAX: Final = 12
_TEXT_MAX: Final = 20_000
_COUNT_MAX: Final = 60
_BY_KEYWORD: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("object", frozenset({"properties", "required", "patternProperties", "additionalProperties",
                          "minProperties", "dependentRequired", "propertyNames"})),
    ("array", frozenset({"items", "prefixItems", "minItems", "maxItems", "contains",
                         "uniqueItems"})),
    ("string", frozenset({"minLength", "maxLength", "pattern", "format"})),
    ("fraction", frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                            "multipleOf"})),
)  # fmt: skip


class NoInstance(Exception):
    """Nothing was found for this place this time."""


class Maker:
    """Makes instances of one document."""

    def __init__(self, document: Document, rng: Random) -> None:
        self._document, self._rng = document, rng

    def make(self, schema: Schema = None, *, sparse: bool = False) -> Any:
        """An instance of a subschema, or of the whole; ``sparse``: only what is required.

        Raises:
            NoInstance: a contradiction was met; another try may fare better.
        """
        root = self._document.root if schema is None else schema
        try:
            return self._value([root], 0, sparse)
        except RecursionError as error:
            raise NoInstance from error

    def _value(self, schemas: list[Schema], depth: int, sparse: bool) -> Any:
        given = self._chosen(schemas, depth)
        if given.is_empty():
            raise NoInstance
        values = given.enumerated()
        if values:
            return self._rng.choice(values)
        type_ = self._type(given)
        if type_ in ("integer", "fraction"):
            return self._number(given, type_)
        if type_ == "string":
            return self._text(given)
        if type_ == "array":
            return self._array(given, depth, sparse)
        if type_ == "object":
            return self._object(given, depth, sparse)
        return None if type_ == "null" else self._rng.random() < 0.5

    def _chosen(self, schemas: list[Schema], depth: int) -> Conjunction:
        """With one way taken through each alternative."""
        if depth > _DEPTH_MAX:
            raise NoInstance
        given = Conjunction(schemas, self._document)
        done: set[int] = set()
        for _ in range(50):
            open_ = [body for body in given.dicts() if id(body) not in done]
            picked: list[Schema] = []
            for body in open_:
                done.add(id(body))
                picked += self._picked(body)
            if not picked:
                break
            given = given.with_(*picked)
        return given

    def _picked(self, body: Json) -> list[Schema]:
        picked: list[Schema] = []
        for keyword in ("anyOf", "oneOf"):
            if body.get(keyword):
                picked.append(self._rng.choice(body[keyword]))
        if "if" in body and self._rng.random() < 0.5:
            picked += [body["if"], body.get("then", True)]
        elif "if" in body:
            picked.append(body.get("else", True))
        return picked

    def _type(self, given: Conjunction) -> str:
        types = given.types()
        hinted = [
            name
            for name, keywords in _BY_KEYWORD
            if name in types and any(body.keys() & keywords for body in given.dicts())
        ]
        if hinted and (len(types) > 4 or self._rng.random() < 0.5) and self._rng.random() < 0.95:
            return self._rng.choice(hinted)
        return self._rng.choice(sorted(types))

    def _number(self, given: Conjunction, type_: str) -> int | float:
        low = [exact(v) for k in ("minimum", "exclusiveMinimum") for v in given.values(k)]
        high = [exact(v) for k in ("maximum", "exclusiveMaximum") for v in given.values(k)]
        steps = [exact(value) for value in given.values("multipleOf")]
        step = max(steps, default=Fraction(1) if type_ == "integer" else Fraction(1, 2))
        if type_ == "integer" and step.denominator != 1:
            step = Fraction(step.numerator)
        for other in steps:
            if (step / other).denominator != 1:
                step = step * (other / Fraction(_gcd(step, other)))
        first, last = _span(
            int(-(-max(low) // step)) if low else None, int(min(high) // step) if high else None
        )
        if last < first:
            raise NoInstance
        middle = self._rng.randint(first, last)
        chosen = self._rng.choice((first, last, min(first + 1, last), max(last - 1, first), middle))
        return number_of(chosen * step)

    def _text(self, given: Conjunction) -> str:
        least, most = given.least("minLength"), given.most("maxLength")
        for pattern in given.values("pattern"):
            text = matching(pattern, self._rng, least)
            if text is not None:
                return text
        for name in given.values("format"):
            if name in FORMATS:
                return self._rng.choice(FORMATS[name])
        if least > _TEXT_MAX or (most is not None and most < least):
            raise NoInstance
        top = min(least + 3 if most is None else most, least + 200, _TEXT_MAX)
        length = self._rng.choice((least, top, self._rng.randint(least, max(least, top))))
        plain = [one for one in PLAIN if len(one) == length]
        if plain and self._rng.random() < 0.5:
            return self._rng.choice(plain)
        return "".join(self._rng.choice("abz09") for _ in range(length))

    def _array(self, given: Conjunction, depth: int, sparse: bool) -> list[Any]:
        least, most = given.least("minItems"), given.elements_most()
        contained = [body for body in given.dicts() if "contains" in body]
        least = max([least, *(int(body.get("minContains", 1)) for body in contained)])
        if least > _COUNT_MAX or (most is not None and most < least):
            raise NoInstance
        top = min(most if most is not None else least + 3, least + 3, _COUNT_MAX)
        length = least if sparse or depth > 6 else self._rng.randint(least, max(least, top))
        wanted = [b["contains"] for b in contained for _ in range(int(b.get("minContains", 1)))]
        made: list[Any] = []
        for index in range(length):
            extra = [wanted[index]] if index < len(wanted) else []
            try:
                made.append(self._value([*given.element(index), *extra], depth + 1, sparse))
            except NoInstance:
                if len(made) >= least:
                    break
                raise
        if True in given.values("uniqueItems"):
            made = self._distinct(given, made, depth, sparse)
        return made

    def _distinct(self, given: Conjunction, made: list[Any], depth: int, sparse: bool) -> list[Any]:
        kept: dict[str, Any] = {}
        for index, one in enumerate(made):
            value = one
            for _ in range(4):
                if text_of(value) not in kept:
                    break
                value = self._value(given.element(index), depth + 1, sparse)
            kept.setdefault(text_of(value), value)
        return list(kept.values())

    def _object(self, given: Conjunction, depth: int, sparse: bool) -> Json:
        required = given.required()
        for _ in range(4):
            for asked in given.values("dependentRequired"):
                required |= {n for name in asked if name in required for n in asked[name]}
        optional = sorted(given.names() - required)
        if sparse or depth > 6:
            optional = []
        elif self._rng.random() < 0.6:
            optional = [name for name in optional if self._rng.random() < 0.5]
        made: Json = {}
        for name in [*sorted(required), *optional]:
            try:
                made[name] = self._value(given.member(name), depth + 1, sparse)
            except NoInstance:
                if name in required:
                    raise
        self._fill(given, made, depth, sparse)
        return made

    def _fill(self, given: Conjunction, made: Json, depth: int, sparse: bool) -> None:
        """Undeclared members, where a count asks for them, or now and then."""
        least = min(given.least("minProperties"), _COUNT_MAX)
        more = 0 if sparse or self._rng.random() < 0.6 else 1
        for _ in range(max(least - len(made), more) * 3):
            if len(made) >= least + more:
                break
            name = self._name(given)
            try:
                made.setdefault(name, self._value(given.member(name), depth + 1, True))
            except NoInstance:
                continue

    def _name(self, given: Conjunction) -> str:
        patterns = [*sorted(given.patterns())]
        for names in given.values("propertyNames"):
            if isinstance(names, dict):
                patterns += [names["pattern"]] if "pattern" in names else []
                if isinstance(names.get("enum"), list) and self._rng.random() < 0.7:
                    return str(self._rng.choice(names["enum"]))
        optional = sorted(given.names())
        if optional and self._rng.random() < 0.4:
            return self._rng.choice(optional)
        found = matching(self._rng.choice(patterns), self._rng) if patterns else None
        return found if found is not None else self._rng.choice(("x", "yy", "zz1", "x-a"))


def _span(first: int | None, last: int | None) -> tuple[int, int]:
    """A few whole numbers, at the bounds that there are."""
    if first is None:
        first = -3 if last is None else last - 5
    return first, first + 10 if last is None else last


def number_of(value: Fraction) -> int | float:
    """As JSON writes it."""
    return int(value) if value.denominator == 1 else float(value)


def _gcd(one: Fraction, other: Fraction) -> Fraction:
    while other:
        one, other = other, one % other
    return one
