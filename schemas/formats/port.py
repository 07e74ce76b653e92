"""What a schema format must offer; one implementation a module beside this one.

Owns the Protocol only. A format is immutable and holds no state of its own.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from schemas.errors import PayloadError


class Check(Protocol):
    """A compiled schema. Immutable; safe to share between threads."""

    def is_valid(self, instance: Any) -> bool:
        """Whether a strictly parsed payload satisfies the schema; the hot path."""
        ...

    def iter_errors(self, instance: Any, *, first_only: bool) -> Iterator[PayloadError]:
        """Every error, or only the first, with no value of the payload in it."""
        ...


class Format(Protocol):
    """One way of writing schemas."""

    name: ClassVar[str]

    def admit(self, text: str) -> str:
        """Refuse a text that breaks a rule of this format; otherwise its fingerprint.

        Raises:
            SchemaInvalid: with the rule's reason and the place.
        """
        ...

    def compile(self, text: str) -> Check:
        """The validator of an admitted text.

        Raises:
            SchemaInvalid: the text was never admitted.
        """
        ...
