"""The search for an instance that one schema takes and another refuses.

Owns the search, bounded in checks; both validators judge every candidate. Begins with instances
made from either schema and from their difference, then changes one place at a time: another
value, a member more or less, an element more or less. What is found is made smaller.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import islice
from random import Random
from typing import Any, Final

from schemas.compatibility.conjunction import exact
from schemas.compatibility.document import Document, Json, bodies, text_of
from schemas.compatibility.instances import Maker, NoInstance, number_of
from schemas.compatibility.strings import FORMATS, PLAIN

CHECKS_MAX: Final = 40_000
"""Candidates judged; at about 5 µs of two validators a third of a second."""

_BASES_MAX: Final = 60
_TURNS_MAX: Final = 40
_MADE_PLACES_MAX: Final = 20_000  # at some 10 µs each; a large document gets fewer instances
_POOL_MAX: Final = 150
_CHECKED_PLACES_MAX: Final = 5_000_000  # candidates × places: a large document gets fewer of them
_POOL_BODIES_MAX: Final = 400
_SHRINKS_MAX: Final = 400
_VALUE_CHARS_MAX: Final = 20_000
_JUNK: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 0.5, 2, 1_000_000, *PLAIN, [], [0], [0, 0], ["a", "b", "c"], {},
    {"zz": 1},
)  # fmt: skip
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties",
                  "maxProperties", "minContains", "maxContains")  # fmt: skip
_NUMBERS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
)  # fmt: skip

Test = Callable[[Any], bool]


class Search:
    """Looks for what ``takes`` and not ``reads``; one use."""

    def __init__(self, sources: list[Document], takes: Test, reads: Test, seed: int) -> None:
        """``sources``: writer and reader, then others that may make good instances."""
        self._sources, self._takes, self._reads = sources, takes, reads
        self._rng = Random(seed)  # noqa: S311 - reproducible, not secret
        self._checks = 0
        self._size = sum(1 for source in sources[:2] for _ in bodies(source.root))
        self._names = _names(sources)
        self._pool = self._made_pool()

    def find(self, checks_max: int = CHECKS_MAX) -> tuple[bool, Any]:
        """Whether there is one, and it."""
        checks_max = min(checks_max, _CHECKED_PLACES_MAX // self._size)
        candidates = self._candidates()
        seen: set[str] = set()
        for candidate in islice(candidates, checks_max * 3):
            text = text_of(candidate)
            if text in seen:
                continue
            seen.add(text)
            self._checks += 1
            if self._checks > checks_max:
                break
            if self._is_witness(candidate):
                return True, self._smaller(candidate)
        return False, None

    def _is_witness(self, candidate: Any) -> bool:
        return self._takes(candidate) and not self._reads(candidate)

    def _candidates(self) -> Iterator[Any]:
        bases: dict[str, Any] = {}
        for candidate in self._whole():
            yield candidate
            if len(bases) < _BASES_MAX and self._takes(candidate):
                bases.setdefault(text_of(candidate), candidate)
        yield from self._pool
        ordered = sorted(bases.values(), key=lambda one: -len(text_of(one)))
        halves = [*ordered[:4], *ordered[-2:], *ordered[4:]]
        for base in halves[:12]:
            yield from self._neighbours(base)
        for _ in range(2_000 if bases else 0):
            base = deepcopy(self._rng.choice(halves))
            for _ in range(self._rng.randint(2, 4)):
                base = self._changed(base)
            yield base

    def _whole(self) -> Iterator[Any]:
        for turn in range(max(3, min(_TURNS_MAX, _MADE_PLACES_MAX // self._size))):
            for number, source in enumerate(self._sources):
                try:
                    yield Maker(source, self._rng).make(sparse=turn % 5 == number)
                except NoInstance:
                    continue

    def _made_pool(self) -> list[Any]:
        found: dict[str, Any] = {text_of(one): one for one in _JUNK}
        for source in self._sources[:2]:
            for body in self._some(source):
                for value in _values(body):
                    found.setdefault(text_of(value), value)
                maker = Maker(source, self._rng)
                for _ in range(2):
                    try:
                        value = maker.make(body)
                    except NoInstance:
                        continue
                    found.setdefault(text_of(value), value)
        kept = [v for t, v in found.items() if len(t) <= _VALUE_CHARS_MAX]
        if len(kept) > _POOL_MAX:
            head, tail = kept[: len(_JUNK)], kept[len(_JUNK) :]
            kept = head + self._rng.sample(tail, _POOL_MAX - len(head))
        return kept

    def _some(self, source: Document) -> list[Json]:
        found = list(bodies(source.root))
        if len(found) <= _POOL_BODIES_MAX:
            return found
        return self._rng.sample(found, _POOL_BODIES_MAX)

    def _neighbours(self, base: Any) -> Iterator[Any]:
        for path in list(_paths(base)):
            there = _at(base, path)
            for value in self._pool:
                yield _with(base, path, value)
            if isinstance(there, dict):
                for name in there:
                    yield _with(base, path, {n: v for n, v in there.items() if n != name})
                for name in self._names:
                    if name not in there:
                        for value in self._rng.sample(self._pool, min(12, len(self._pool))):
                            yield _with(base, path, {**there, name: value})
            elif isinstance(there, list):
                for index in range(len(there)):
                    yield _with(base, path, there[:index] + there[index + 1 :])
                    yield _with(base, path, [*there, there[index]])
                for value in self._rng.sample(self._pool, min(20, len(self._pool))):
                    yield _with(base, path, [*there, value])
                for length in _lengths(self._sources):
                    if there and length <= 500:
                        yield _with(base, path, (there * (length + 1))[:length])

    def _changed(self, base: Any) -> Any:
        paths = list(_paths(base))
        path = self._rng.choice(paths)
        there, value = _at(base, path), self._rng.choice(self._pool)
        if isinstance(there, dict) and there and self._rng.random() < 0.4:
            gone = self._rng.choice(sorted(there))
            return _with(base, path, {n: v for n, v in there.items() if n != gone})
        if isinstance(there, dict) and self._rng.random() < 0.6:
            return _with(base, path, {**there, self._rng.choice(self._names): value})
        if isinstance(there, list) and self._rng.random() < 0.7:
            return _with(base, path, [*there, value])
        return _with(base, path, value)

    def _smaller(self, found: Any) -> Any:
        left = _SHRINKS_MAX
        while left > 0:
            for candidate in _reductions(found):
                left -= 1
                if self._is_witness(candidate):
                    found = candidate
                    break
                if left <= 0:
                    break
            else:
                break
        return found


def _reductions(value: Any) -> Iterator[Any]:
    for path in sorted(_paths(value), key=len):
        there = _at(value, path)
        if isinstance(there, dict):
            names = list(there)
            for half in (names[::2], names[1::2]) if len(names) > 3 else ():
                yield _with(value, path, {n: there[n] for n in half})
            for name in names:
                yield _with(value, path, {n: v for n, v in there.items() if n != name})
        elif isinstance(there, list):
            for index in range(len(there)):
                yield _with(value, path, there[:index] + there[index + 1 :])
        elif isinstance(there, str) and len(there) > 1:
            yield _with(value, path, there[: len(there) // 2])
            yield _with(value, path, there[:-1])


def _paths(value: Any) -> Iterator[tuple[str | int, ...]]:
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        path, node = stack.pop()
        yield path
        if isinstance(node, dict):
            stack.extend(((*path, name), one) for name, one in node.items())
        elif isinstance(node, list):
            stack.extend(((*path, index), one) for index, one in enumerate(node[:20]))


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy along the path; what is beside it is shared and never changed."""
    if not path:
        return new
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _with(value[path[0]], path[1:], new)
    return copied


def _values(body: Json) -> Iterator[Any]:
    """Values near what the keywords name."""
    if "const" in body:
        yield body["const"]
    yield from body.get("enum", ())
    for keyword in _NUMBERS:
        if keyword in body:
            number = exact(body[keyword])
            for other in (number, number + 1, number - 1, number + exact("0.5"), number * 3):
                yield number_of(other)
    for keyword in ("minLength", "maxLength"):
        if keyword in body:
            for length in (int(body[keyword]) + one for one in (-1, 0, 1)):
                if 0 <= length <= 10_000:
                    yield "a" * length
                    yield "1" * length
    for keyword in ("minItems", "maxItems"):
        if keyword in body:
            for length in (int(body[keyword]) + one for one in (-1, 0, 1)):
                if 0 <= length <= 200:
                    yield [0] * length
                    yield list(range(length))
                    yield ["a"] * length
    yield from FORMATS.get(body.get("format", ""), ())


def _lengths(sources: list[Document]) -> set[int]:
    found = {2}
    for source in sources[:2]:
        for body in bodies(source.root):
            for keyword in _COUNTS:
                if keyword in body:
                    found |= {max(0, int(body[keyword]) + one) for one in (-1, 0, 1)}
    return found


def _names(sources: list[Document]) -> list[str]:
    found = {"zz", "x-1", "Name_9"}
    for source in sources[:2]:
        for body in bodies(source.root):
            for keyword in ("minLength", "maxLength"):
                if keyword in body and body[keyword] <= 100:
                    found.update(("n" * int(body[keyword]), "n" * (int(body[keyword]) + 1)))
            found.update(body.get("properties", ()), body.get("required", ()))
            for names in body.get("dependentRequired", {}).values():
                found.update(names)
            found.update(body.get("dependentRequired", ()))
    return sorted(found)[:60]
