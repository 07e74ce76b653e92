"""Regular expressions of XSD whose matching is cheap, whatever the text.

The XML library backtracks, so a pattern such as ``(a+)+`` can cost exponential time. A pattern is
let through when it has few ways to match any one text: the ways of what stands side by side
multiply, those of alternatives add up, and what repeats without bound must itself match in one way
and hold no other repetition; at most one such repetition along a pattern. Stricter than needed
(``[a-z]+(-[a-z]+)*`` is refused), never laxer. Syntax beyond that is for the library to refuse.
"""

import re
from dataclasses import dataclass

from schemas import limits

_COUNT = re.compile(r"\{([0-9]{1,9})(?:(,)([0-9]{1,9})?)?\}")


class PatternRefused(Exception):
    """A pattern that may be slow, or is malformed; never leaves this package."""


@dataclass(frozen=True, slots=True)
class _Cost:
    ways: int
    unbounded: bool
    may_be_empty: bool


_ONE_CHARACTER = _Cost(1, False, False)
_NOTHING = _Cost(1, False, True)


def check_pattern(pattern: str) -> None:
    """Raises PatternRefused."""
    reader = _Reader(pattern)
    reader.alternatives(0)
    if reader.at < len(pattern):
        raise PatternRefused


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def _peek(self) -> str:
        return self._text[self.at : self.at + 1]

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise PatternRefused
        self.at += 1
        return found

    def alternatives(self, depth: int) -> _Cost:
        if depth > limits.IN_PLACE_DEPTH_MAX:
            raise PatternRefused
        found = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            found.append(self._sequence(depth))
        return _bounded(
            sum(one.ways for one in found),
            any(one.unbounded for one in found),
            any(one.may_be_empty for one in found),
        )

    def _sequence(self, depth: int) -> _Cost:
        total = _NOTHING
        while self._peek() not in ("", "|", ")"):
            one = self._repeated(self._atom(depth))
            if total.unbounded and one.unbounded:
                raise PatternRefused
            total = _bounded(
                total.ways * one.ways,
                total.unbounded or one.unbounded,
                total.may_be_empty and one.may_be_empty,
            )
        return total

    def _atom(self, depth: int) -> _Cost:
        first = self._next()
        if first == "(":
            inner = self.alternatives(depth + 1)
            if self._next() != ")":
                raise PatternRefused
            return inner
        if first == "[":
            self._class()
        elif first == "\\":
            self._escape()
        return _ONE_CHARACTER

    def _escape(self) -> None:
        if self._next() in "pP":
            if self._next() != "{":
                raise PatternRefused
            while self._next() != "}":
                pass

    def _class(self) -> None:
        open_ = 1
        while open_:
            one = self._next()
            if one == "\\":
                self._next()
            elif one == "[":
                open_ += 1
            elif one == "]":
                open_ -= 1

    def _repeated(self, inner: _Cost) -> _Cost:
        least, most = self._quantifier()
        if (least, most) == (1, 1):
            return inner
        if most is None:
            if inner.ways > 1 or inner.unbounded or inner.may_be_empty:
                raise PatternRefused
            return _Cost(1, True, least == 0)
        if inner.unbounded or (inner.may_be_empty and most > 1):
            raise PatternRefused
        if max(least, most) > limits.XSD_OCCURS_MAX:
            raise PatternRefused
        ways = 0
        for times in range(least, most + 1):
            ways += inner.ways**times
            if ways > limits.XSD_PATTERN_WAYS_MAX:
                raise PatternRefused
        return _bounded(max(1, ways), False, least == 0 or inner.may_be_empty)

    def _quantifier(self) -> tuple[int, int | None]:
        one = self._peek()
        if one and one in "?*+":
            self.at += 1
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[one]
        if one != "{":
            return 1, 1
        found = _COUNT.match(self._text, self.at)
        if found is None:
            raise PatternRefused
        self.at = found.end()
        least, comma, most = int(found[1]), found[2], found[3]
        if comma and most is None:
            if least > limits.XSD_OCCURS_MAX:
                raise PatternRefused
            return least, None
        return least, int(most) if most is not None else least


def _bounded(ways: int, unbounded: bool, may_be_empty: bool) -> _Cost:
    if ways > limits.XSD_PATTERN_WAYS_MAX:
        raise PatternRefused
    return _Cost(ways, unbounded, may_be_empty)
