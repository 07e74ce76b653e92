"""Reads the members of a directory object, strictly.

Refuses unknown members, other JSON types, control characters, and whatever is beyond a limit;
each refusal is a sentence with the noun and the member in it. ``done`` must be called last.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from registry.errors import ChangeInvalid
from registry.nouns import Noun
from signing.encoding import parse_time
from signing.errors import EncodingInvalid, IdentifierInvalid

_T = TypeVar("_T")

TEXT_CHARS_MAX: Final = 400  # a name, a title or a legal basis is one line on a page
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Fields:
    """The members of one object, each taken once."""

    __slots__ = ("_left", "_noun")

    def __init__(self, noun: Noun, members: Mapping[str, Any]) -> None:
        self._noun = noun
        self._left = dict(members)

    def invalid(self, name: str, expected: str) -> ChangeInvalid:
        """The error for a member that is not what it should be."""
        return ChangeInvalid(f"The {self._noun}'s '{name}' must be {expected}.")

    def has(self, name: str) -> bool:
        """Whether a member is there and not yet taken."""
        return name in self._left

    def take(self, name: str) -> Any:
        """The member's value, whatever it is. Raises ChangeInvalid when it is missing."""
        if name not in self._left:
            raise ChangeInvalid(f"The {self._noun} lacks '{name}'.")
        return self._left.pop(name)

    def text(self, name: str, chars_max: int = TEXT_CHARS_MAX) -> str:
        """One line of 1 to ``chars_max`` characters, no space at its ends."""
        value = self.take(name)
        if type(value) is not str or not 0 < len(value) <= chars_max:
            raise self.invalid(name, f"a text of 1 to {chars_max} characters")
        if _CONTROL.search(value) or value != value.strip():
            raise self.invalid(name, "one line without spaces at its ends")
        return value

    def parsed(self, name: str, parse: Callable[[str], _T]) -> _T:
        """An identifier, read by the parser that owns its grammar."""
        value = self.take(name)
        try:
            return parse(value if type(value) is str else "")
        except IdentifierInvalid as error:
            raise ChangeInvalid(f"The {self._noun}'s '{name}': {error.detail}") from error

    def matching(self, name: str, pattern: re.Pattern[str], like: str) -> str:
        """A text of the given grammar."""
        value = self.take(name)
        if type(value) is not str or not pattern.fullmatch(value):
            raise self.invalid(name, like)
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        """An integer from ``least`` to ``most``."""
        value = self.take(name)
        if type(value) is not int or not least <= value <= most:
            raise self.invalid(name, f"an integer from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """true or false."""
        value = self.take(name)
        if type(value) is not bool:
            raise self.invalid(name, "true or false")
        return value

    def choice(self, name: str, *offered: str) -> str:
        """One of the texts offered."""
        value = self.take(name)
        if type(value) is not str or value not in offered:
            raise self.invalid(name, " or ".join(f"'{one}'" for one in offered))
        return value

    def time_ms(self, name: str) -> int:
        """A time in the one spelling, as ms since 1970."""
        value = self.take(name)
        try:
            return parse_time(value if type(value) is str else "")
        except EncodingInvalid as error:
            raise self.invalid(name, "a time like 2026-11-22T06:40:00.123Z") from error

    def done(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            raise ChangeInvalid(f"A {self._noun} has no field '{min(map(str, self._left))[:64]}'.")
