"""Texts that match a pattern or a format, made to be tried: the validator judges each of them.

Owns a small reading of regular expressions (literals, classes, groups, alternatives, repeats);
what it can't read it leaves out, so that a text may fail to match and is then not used.
"""

from collections.abc import Callable
from random import Random
from typing import Final

FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "date": ("2026-01-31", "1999-12-01"),
    "time": ("12:30:00Z", "23:59:59+02:00"),
    "date-time": ("2026-01-31T12:30:00Z", "1999-12-01T00:00:00.5+02:00"),
    "duration": ("P1D", "PT2H"),
    "email": ("a@example.org", "b.c@example.net"),
    "idn-email": ("a@example.org",),
    "hostname": ("example.org", "a"),
    "idn-hostname": ("example.org",),
    "ipv4": ("192.0.2.1", "10.0.0.255"),
    "ipv6": ("2001:db8::1", "::"),
    "uri": ("https://example.org/a", "urn:a:b"),
    "uri-reference": ("/a", "https://example.org/a"),
    "iri": ("https://example.org/ä",),
    "iri-reference": ("/ä",),
    "uri-template": ("/a/{b}",),
    "uuid": ("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0",),
    "json-pointer": ("/a/0", ""),
    "relative-json-pointer": ("1/a",),
    "regex": ("^a+$",),
}
PLAIN: Final = ("", "a", "zz", "0", "Aa 1", "2026-13-99", "ä")
_CLASSES: Final = {"d": "0123456789", "w": "abzAZ09_", "s": " ", "D": "a-", "W": "- ", "S": "a0"}
_REPEAT_MAX: Final = 50
_CHARS: Final = "abcxyzABC0123456789-_ ."


class _Unreadable(Exception):
    pass


def matching(pattern: str, rng: Random, length_min: int = 0) -> str | None:
    """A text that should match; None if the pattern can't be read."""
    anchored_end = pattern.endswith("$") and not pattern.endswith(r"\$")
    try:
        text = _Reader(pattern, rng, length_min).alternatives()
    except (_Unreadable, IndexError, ValueError, RecursionError):
        return None
    if len(text) < length_min and not anchored_end:
        text += "a" * min(length_min - len(text), 10_000)
    return text


class _Reader:
    def __init__(self, pattern: str, rng: Random, length_min: int) -> None:
        self._pattern, self._rng, self._at = pattern, rng, 0
        self._length_min = length_min

    def alternatives(self) -> str:
        found = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            found.append(self._sequence())
        return self._rng.choice(found)

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _next(self) -> str:
        character = self._pattern[self._at]
        self._at += 1
        return character

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._peek() not in ("", "|", ")"):
            make = self._atom()
            low, high = self._repeat()
            span = self._rng.choice((low, high, self._rng.randint(low, high)))
            parts.extend(make() for _ in range(span))
        return "".join(parts)

    def _atom(self) -> Callable[[], str]:
        character = self._next()
        if character in "^$":
            return lambda: ""
        if character == "(":
            return self._group()
        if character == "[":
            members = self._set()
            return lambda: self._rng.choice(members)
        if character == ".":
            return lambda: self._rng.choice("a0-")
        if character == "\\":
            members = self._escaped()
            return lambda: self._rng.choice(members) if members else ""
        return lambda: character

    def _group(self) -> Callable[[], str]:
        if self._peek() == "?":
            self._at += 1
            while self._next() not in (":", ">"):
                pass
        begin = self._at
        self.alternatives()  # only to find the end; what is made of it comes later
        end = self._at
        if self._next() != ")":
            raise _Unreadable
        inner = self._pattern[begin:end]
        return lambda: _Reader(inner, self._rng, 0).alternatives()

    def _escaped(self) -> str:
        character = self._next()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in "bBAzZ":
            return ""
        if character in "pP":
            name = ""
            if self._peek() == "{":
                while self._next() != "}":
                    pass
                name = self._pattern[: self._at].rpartition("{")[2]
            return "0" if name.startswith("N") else "Aa"
        return {"n": "\n", "t": "\t", "r": "\r"}.get(character, character)

    def _set(self) -> str:
        negated = self._peek() == "^"
        self._at += negated
        members = ""
        first = True
        while self._peek() != "]" or first:
            first = False
            character = self._next()
            if character == "[" and self._peek() == ":":
                raise _Unreadable
            found = self._escaped() if character == "\\" else character
            if self._peek() == "-" and self._pattern[self._at + 1] != "]" and len(found) == 1:
                self._at += 1
                last = self._next()
                last = self._escaped() if last == "\\" else last
                low, high = ord(found), ord(last[0])
                members += "".join(map(chr, range(low, min(high, low + 100) + 1)))
            else:
                members += found
        self._at += 1
        if negated:
            members = "".join(one for one in _CHARS if one not in members)
        if not members:
            raise _Unreadable
        return members

    def _repeat(self) -> tuple[int, int]:
        more = max(3, min(self._length_min, 2_000))
        character = self._peek()
        bounds = {"*": (0, more), "+": (1, more), "?": (0, 1)}.get(character)
        if bounds is not None:
            self._at += 1
        elif character == "{":
            self._at += 1
            text = ""
            while self._peek() != "}":
                text += self._next()
            self._at += 1
            low, comma, high = text.partition(",")
            bounds = (int(low or 0), int(high) if high else int(low or 0) + (3 if comma else 0))
        else:
            return 1, 1
        if self._peek() in ("?", "+"):
            self._at += 1
        return min(bounds[0], 2_000), min(bounds[1], max(bounds[0], _REPEAT_MAX, more), 2_000)
