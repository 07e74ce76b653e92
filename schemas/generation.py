"""A made-up payload that satisfies a JSON Schema, for people who want to see one.

Guesses from the keywords and then asks the validator: what it answers satisfies the schema, and
where no guess does (rules that only hold together, patterns of unusual syntax) it answers nothing.
Deterministic: the same schema has the same example. Owns no randomness and no data about people.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from schemas import limits
from schemas.formats.json_schema import JsonSchemaCheck, whole_document
from schemas.formats.outline import Json
from schemas.formats.port import NO_REFERENCES, References
from schemas.sampling import PatternNotSampled, sample

VALUES_MAX: Final = 2_000  # in one guess: more is no example to read
_OPTIONAL_LEVELS: Final = 4  # optional members are shown so deep; below, only what must be there
_ALTERNATIVES_TRIED: Final = 4

_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-31",
    "time": "08:30:00Z",
    "date-time": "2026-01-31T08:30:00Z",
    "duration": "P1D",
    "email": "person@agency.example",
    "idn-email": "person@agency.example",
    "hostname": "agency.example",
    "idn-hostname": "agency.example",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://agency.example/a",
    "uri-reference": "/a",
    "uri-template": "/a/{b}",
    "iri": "https://agency.example/a",
    "iri-reference": "/a",
    "uuid": "01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
    "json-pointer": "/a",
    "relative-json-pointer": "0/a",
    "regex": "a",
}


def example_of(text: str, references: References = NO_REFERENCES) -> tuple[Any] | None:
    """One payload in a tuple, or None when no guess satisfies the schema.

    Raises:
        SchemaInvalid: the text was never admitted.
    """
    document = whole_document(text, references)
    check = JsonSchemaCheck(document)
    for guess in _guesses(document):
        if check.is_valid(guess):
            return (guess,)
    return None


class _NoGuess(Exception):
    """This way leads to no value."""


def _guesses(document: Json) -> Iterator[Any]:
    given = document.get("examples")
    yield from given if isinstance(given, list) else ()
    for levels in (_OPTIONAL_LEVELS, 1, 0):
        for choice in range(_ALTERNATIVES_TRIED):
            try:
                yield _Guess(document, choice, levels).value(document, 0)
            except (_NoGuess, RecursionError):
                continue


class _Guess:
    def __init__(self, document: Json, choice: int, levels: int) -> None:
        self._document = document
        self._choice = choice
        self._levels = levels
        self._left = VALUES_MAX

    def value(self, schema: Any, level: int, number: int = 0) -> Any:
        self._left -= 1
        if schema is False or self._left < 0 or level > limits.PAYLOAD_DEPTH_MAX:
            raise _NoGuess
        rules = self._merged(schema, 0)
        if "const" in rules:
            return rules["const"]
        if rules.get("enum"):
            return rules["enum"][number % len(rules["enum"])]
        for given in rules.get("examples") or ():
            if number == 0:
                return given
        kind = _kind(rules)
        if kind == "object":
            return self._object(rules, level)
        if kind == "array":
            return self._array(rules, level)
        if kind == "string":
            return _string(rules, number)
        if kind in ("integer", "number"):
            return _number(rules, kind, number)
        return {"boolean": number % 2 == 0, "null": None}[kind]

    def _merged(self, schema: Any, depth: int) -> Json:
        """The rules of one place: its own and those of what applies to the same value."""
        if schema is False or depth > limits.IN_PLACE_DEPTH_MAX + 1:
            raise _NoGuess
        if not isinstance(schema, dict):
            return {}
        rules = {name: value for name, value in schema.items() if name not in _APPLIED}
        for inner in self._applied(schema):
            rules = _joined(rules, self._merged(inner, depth + 1))
        return rules

    def _applied(self, schema: Json) -> Iterator[Any]:
        if isinstance(schema.get("$ref"), str):
            yield self._target(schema["$ref"])
        yield from schema.get("allOf", ())
        for keyword in ("anyOf", "oneOf"):
            alternatives = schema.get(keyword)
            if alternatives:
                yield alternatives[self._choice % len(alternatives)]
        if "if" in schema:
            holds = self._choice % 2 == 0
            yield from (schema["if"], schema.get("then", True)) if holds else ()
            if not holds:
                yield schema.get("else", True)

    def _target(self, ref: str) -> Any:
        fragment = unquote(ref.removeprefix("#"))
        if fragment and not fragment.startswith("/"):
            return _anchored(self._document, fragment)
        node: Any = self._document
        for step in fragment.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
        return node

    def _object(self, rules: Json, level: int) -> Json:
        properties = rules.get("properties", {})
        required = list(rules.get("required", ()))
        for name in required:
            needed = rules.get("dependentRequired", {}).get(name, ())
            required.extend(one for one in needed if one not in required)
        made: Json = {}
        for name, schema in properties.items():
            if name in required:
                made[name] = self.value(schema, level + 1)
            elif level < self._levels:
                try:
                    made[name] = self.value(schema, level + 1)
                except _NoGuess:
                    continue
        others = rules.get("additionalProperties", True)
        for name in required:
            if name not in made:
                made[name] = self.value(others, level + 1)
        number = 0
        while len(made) < rules.get("minProperties", 0):
            number += 1
            made[f"member{number}"] = self.value(others, level + 1, number)
        return made

    def _array(self, rules: Json, level: int) -> list[Any]:
        items = rules.get("items", True)
        first = rules.get("prefixItems", items if isinstance(items, list) else ())
        rest = rules.get("additionalItems", True) if isinstance(items, list) else items
        wanted = rules.get("minItems", 0)
        if level < self._levels and rest is not False:
            wanted = max(wanted, 1)
        wanted = min(wanted, rules.get("maxItems", wanted))
        made: list[Any] = []
        for _ in range(rules.get("minContains", 1) if "contains" in rules else 0):
            made.append(self.value(rules["contains"], level + 1, len(made)))
        while len(made) < wanted:
            schema = first[len(made)] if len(made) < len(first) else rest
            made.append(self.value(schema, level + 1, len(made)))
        return made


_APPLIED = frozenset({"$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "not"})
_LARGER = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
)
_SMALLER = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
)
_KINDS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("object", frozenset({"properties", "required", "minProperties", "additionalProperties"})),
    ("array", frozenset({"items", "prefixItems", "minItems", "contains", "uniqueItems"})),
    ("string", frozenset({"pattern", "format", "minLength", "maxLength"})),
    ("number", frozenset({"minimum", "maximum", "multipleOf", "exclusiveMinimum"})),
)


def _kind(rules: Json) -> str:
    kinds = rules.get("type")
    if isinstance(kinds, list):
        return next((one for one in kinds if one != "null"), "null")
    if isinstance(kinds, str):
        return kinds
    return next((kind for kind, keywords in _KINDS if rules.keys() & keywords), "string")


def _joined(one: Json, other: Json) -> Json:
    made = dict(one)
    for name, value in other.items():
        there = made.get(name)
        if there is None:
            made[name] = value
        elif name == "properties":
            both = {key: {"allOf": [there[key], value[key]]} for key in there.keys() & value.keys()}
            made[name] = {**there, **value, **both}
        elif name == "required":
            made[name] = [*there, *(item for item in value if item not in there)]
        elif name in _LARGER:
            made[name] = max(there, value)
        elif name in _SMALLER:
            made[name] = min(there, value)
        elif name in ("items", "additionalProperties") and not isinstance(there, list):
            made[name] = {"allOf": [there, value]}
        elif name == "enum":
            made[name] = [item for item in there if item in value]
        elif name == "type":
            made[name] = _both_types(there, value)
    return made


def _both_types(one: str | list[str], other: str | list[str]) -> list[str]:
    ones, others = ([given] if isinstance(given, str) else given for given in (one, other))
    wide = {*others, "integer"} if "number" in others else set(others)
    narrow = [given for given in ones if given in wide]
    return narrow or (["integer"] if "integer" in others and "number" in ones else ["null"])


def _string(rules: Json, number: int) -> str:
    least, most = rules.get("minLength", 0), rules.get("maxLength")
    if "pattern" in rules:
        try:
            return sample(rules["pattern"], least)
        except PatternNotSampled as error:
            raise _NoGuess from error
    if rules.get("format") in _FORMATS:
        return _FORMATS[rules["format"]]
    text = "text" if number == 0 else f"text {number}"
    text = text.ljust(least, "x") if least <= VALUES_MAX else _too_long()
    return text if most is None else text[: int(most)]


def _too_long() -> str:
    raise _NoGuess


def _number(rules: Json, kind: str, number: int) -> int | float:
    step = rules.get("multipleOf", 1)
    low = rules.get("minimum", rules.get("exclusiveMinimum"))
    high = rules.get("maximum", rules.get("exclusiveMaximum"))
    if low is not None:
        made = -(-low // step) * step + number * step
        if made == rules.get("exclusiveMinimum"):
            made += step
    elif high is not None:
        made = high // step * step - number * step
        if made == rules.get("exclusiveMaximum"):
            made -= step
    else:
        made = step * (number + 1)
    if low is not None and high is not None and made >= high and kind == "number":
        made = (low + high) / 2
    return int(made) if made == int(made) else float(made)


def _anchored(document: Json, name: str) -> Any:
    pending: list[Any] = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if node.get("$anchor") == name:
                return node
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    raise _NoGuess
