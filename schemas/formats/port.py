"""What a schema format must offer; one implementation a module beside this one.

Owns the Protocols and what passes through them. A format is immutable and holds no state of its
own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Source:
    """A registered schema as another one refers to it: its text and what it refers to in turn."""

    fingerprint: str
    format: str
    text: str
    references: "References" = field(default_factory=lambda: NO_REFERENCES)


References = Mapping[str, Source]
"""The schemas that a text refers to, by the name that it uses for each."""

NO_REFERENCES: References = MappingProxyType({})


class Check(Protocol):
    """A compiled schema. Immutable; safe to share between threads."""

    def check(self, data: bytes, media_type: str) -> Any:
        """The payload as values, if it can be read and satisfies the schema.

        ``media_type`` must be one of the format's.

        Raises:
            PayloadInvalid: the errors, at most 100, with no value of the payload in them.
        """
        ...


class Format(Protocol):
    """One way of writing schemas."""

    name: ClassVar[str]

    media_types: ClassVar[tuple[str, ...]]
    """Of payloads that its schemas describe: the first is the usual one, the last is text."""

    def admit(self, text: str, references: References = NO_REFERENCES) -> str:
        """Refuse a text that breaks a rule of this format; otherwise its fingerprint.

        Raises:
            SchemaInvalid: with the rule's reason and the place.
            ExtraMissing: this install lacks the library that judges the format.
        """
        ...

    def compile(self, text: str, references: References = NO_REFERENCES) -> Check:
        """The validator of an admitted text.

        Raises:
            SchemaInvalid: the text was never admitted.
            ExtraMissing: this install lacks the library that checks payloads of the format.
        """
        ...
