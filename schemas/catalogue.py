"""The door of this package: admit a schema's text, and check payloads against admitted ones.

Owns the list of formats and the cache of compiled validators. Invariant: a fingerprint names one
schema for ever, so a compiled validator never goes stale and the cache needs no invalidation.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from schemas import limits
from schemas.errors import SchemaUnknown
from schemas.formats.avro import Avro
from schemas.formats.json_schema import JsonSchema
from schemas.formats.port import NO_REFERENCES, Check, Format, References
from schemas.formats.xsd import Xsd
from schemas.writers import for_writers
from signing.identifiers import Fingerprint

FORMATS: dict[str, Format] = {one.name: one for one in (JsonSchema(), Avro(), Xsd())}
DEFAULT_FORMAT = JsonSchema.name


@dataclass(frozen=True, slots=True)
class Admitted:
    """A schema's text that every rule let through; the text is kept as submitted."""

    format: str
    text: str
    fingerprint: Fingerprint


def admit(format: str, text: str, references: References = NO_REFERENCES) -> Admitted:
    """Refuse what may not be a schema here.

    Two texts that differ only in white space or the order of members have one fingerprint.

    Raises:
        SchemaUnknown: a format that is not offered, or not without an extra.
        SchemaInvalid: the first rule that the text breaks, with its place and what to do.
    """
    return Admitted(format, text, Fingerprint(_format(format).admit(text, references)))


class Validator:
    """Checks payloads against one schema. Immutable; safe to share."""

    __slots__ = ("_check", "media_types")

    def __init__(self, check: Check, media_types: tuple[str, ...] = JsonSchema.media_types) -> None:
        self._check = check.check
        self.media_types = media_types

    def check(self, data: bytes, media_type: str | None = None) -> Any:
        """The payload as values, if it can be read strictly and satisfies the schema.

        ``media_type``: one of ``media_types``; without it, the first. Limits: 10 MiB, 64 levels.

        Raises:
            PayloadInvalid: the errors, at most 100, without any value.
        """
        assert media_type is None or media_type in self.media_types
        return self._check(data, media_type or self.media_types[0])


def compile_schema(
    format: str, text: str, references: References = NO_REFERENCES, *, declared_only: bool = False
) -> Validator:
    """The validator of an admitted text; with ``declared_only`` that of its writers under EVOLVE.

    Formats whose payloads can hold nothing undeclared have one validator for both.

    Raises:
        SchemaUnknown, SchemaInvalid.
    """
    kind = _format(format)
    check = kind.compile(text, references)
    if declared_only and format == JsonSchema.name:
        check = for_writers(check, text, references)
    return Validator(check, kind.media_types)


class Validators:
    """Compiled validators by fingerprint; the least recently used goes first.

    Belongs to one event loop: not for several threads at once.
    """

    def __init__(self, capacity: int = limits.VALIDATORS_CACHED) -> None:
        assert capacity > 0
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, bool], Validator] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self,
        fingerprint: str,
        text: str,
        format: str = DEFAULT_FORMAT,
        references: References = NO_REFERENCES,
        *,
        declared_only: bool = False,
    ) -> Validator:
        """The validator of an admitted schema, compiled at most once while it is kept.

        ``text`` and ``references`` must be those registered under ``fingerprint``; they are read
        only when the validator is not kept.

        Raises:
            SchemaUnknown: a format that is not offered.
            SchemaInvalid: a text that was never admitted.
        """
        key = (fingerprint, declared_only)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        validator = compile_schema(format, text, references, declared_only=declared_only)
        self._kept[key] = validator
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return validator


def media_types_of(format: str) -> tuple[str, ...]:
    """The media types of payloads under a schema of this format. Raises SchemaUnknown."""
    return _format(format).media_types


def _format(name: str) -> Format:
    found = FORMATS.get(name)
    if found is None:
        offered = ", ".join(sorted(FORMATS))
        raise SchemaUnknown(f"This schema format is not offered. Use one of: {offered}.")
    return found
