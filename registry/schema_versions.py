"""Registered schemas: a fingerprint, its text, and its number within a subject.

Owns numbering only; what a text must be is for ``schemas``. An id is given once and never again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.errors import ChangeInvalid
from registry.fields import Fields
from registry.nouns import Noun, State
from registry.verdicts import Verdict
from schemas import limits
from schemas.catalogue import FORMATS
from signing.encoding import format_time
from signing.identifiers import Fingerprint, parse_fingerprint

ID_MAX = 2**31 - 1  # Confluent's serializers carry the id in four signed bytes
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9'()+,.=?_:/-]{0,254}", re.ASCII)


REFERENCE_NAME = re.compile(r"[!-\"$-~]{1,255}", re.ASCII)  # what stands before '#' in a $ref


@dataclass(frozen=True, slots=True)
class Reference:
    """What a schema calls another registered one, and which one that is, for ever."""

    name: str
    fingerprint: Fingerprint

    def to_object(self) -> dict[str, Any]:
        """``{name, fingerprint}``."""
        return {"name": self.name, "fingerprint": self.fingerprint}


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One version of one subject. Members that came later are left out of the object when there
    is nothing in them, so that objects from before they existed keep their bytes."""

    NOUN: ClassVar[Noun] = Noun.SCHEMA
    STATES: ClassVar[tuple[State, ...]] = (
        State.ACTIVE, State.DRAFT, State.DEPRECATED, State.RETIRED, State.WITHDRAWN,
    )  # fmt: skip
    FIXED: ClassVar[tuple[str, ...]] = (
        "fingerprint", "id", "subject", "version", "format", "text", "references",
    )  # fmt: skip
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"state": "active", "format": "json-schema"}

    fingerprint: Fingerprint
    id: int
    subject: str
    version: int
    format: str
    state: State
    text: str
    references: tuple[Reference, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    deprecated_at_ms: int | None = None
    sunset_ms: int | None = None
    """From when on it may be retired; told in ``Sunset``."""
    successor: Fingerprint | None = None
    verdict: Verdict | None = None
    """How it stood beside the versions that were there; absent: there was nothing to compare."""

    @property
    def key(self) -> str:
        """The fingerprint."""
        return self.fingerprint

    @property
    def is_in_force(self) -> bool:
        """Whether messages may be of this version: it is active or deprecated."""
        return self.state is State.ACTIVE or self.state is State.DEPRECATED

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "SchemaVersion":
        """Read a whole object; the text is not admitted again. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        text = fields.take("text")
        if type(text) is not str:
            raise fields.invalid("text", "the schema's text")
        schema = cls(
            fingerprint=fields.parsed("fingerprint", parse_fingerprint),
            id=fields.integer("id", 1, ID_MAX),
            subject=fields.matching("subject", SUBJECT, "a name like person-status.request"),
            version=fields.integer("version", 1, ID_MAX),
            format=fields.choice("format", *FORMATS),
            state=State(fields.choice("state", *cls.STATES)),
            text=text,
            references=_references(fields),
            examples=_texts(fields, "examples"),
            counter_examples=_texts(fields, "counter_examples"),
            deprecated_at_ms=_time(fields, "deprecated_at"),
            sunset_ms=_time(fields, "sunset"),
            successor=(
                fields.parsed("successor", parse_fingerprint) if fields.has("successor") else None
            ),
            verdict=(
                Verdict.from_object(fields.take("compatibility"))
                if fields.has("compatibility")
                else None
            ),
        )
        fields.done()
        if _size((*schema.examples, *schema.counter_examples)) > limits.EXAMPLES_BYTES_MAX:
            raise fields.invalid("examples", f"{limits.EXAMPLES_BYTES_MAX} bytes at most, all told")
        return schema

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        whole: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "id": self.id,
            "subject": self.subject,
            "version": self.version,
            "format": self.format,
            "state": self.state.value,
            "text": self.text,
        }
        if self.references:
            whole["references"] = [one.to_object() for one in self.references]
        if self.examples:
            whole["examples"] = list(self.examples)
        if self.counter_examples:
            whole["counter_examples"] = list(self.counter_examples)
        if self.deprecated_at_ms is not None:
            whole["deprecated_at"] = format_time(self.deprecated_at_ms)
        if self.sunset_ms is not None:
            whole["sunset"] = format_time(self.sunset_ms)
        if self.successor is not None:
            whole["successor"] = self.successor
        if self.verdict is not None:
            whole["compatibility"] = self.verdict.to_object()
        return whole


def _time(fields: Fields, name: str) -> int | None:
    return fields.time_ms(name) if fields.has(name) else None


def _references(fields: Fields) -> tuple[Reference, ...]:
    given = fields.take("references") if fields.has("references") else []
    expected = (
        f"a list of at most {limits.REFERENCES_MAX} objects with 'name' and either 'subject' and "
        "'version' or 'fingerprint'"
    )
    if type(given) is not list or len(given) > limits.REFERENCES_MAX:
        raise fields.invalid("references", expected)
    found: list[Reference] = []
    for one in given:
        if type(one) is not dict:
            raise fields.invalid("references", expected)
        inner = Fields(SchemaVersion.NOUN, one)
        found.append(
            Reference(
                inner.matching("name", REFERENCE_NAME, "what a $ref has before '#'"),
                inner.parsed("fingerprint", parse_fingerprint),
            )
        )
        inner.done()
    names = [one.name for one in found]
    if names != sorted(set(names)):
        raise ChangeInvalid("A schema's 'references' must each have a name of its own, in order.")
    return tuple(found)


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    given = fields.take(name) if fields.has(name) else []
    if (
        type(given) is not list
        or len(given) > limits.EXAMPLES_MAX
        or any(type(one) is not str for one in given)
        or _size(given) > limits.EXAMPLES_BYTES_MAX
    ):
        raise fields.invalid(
            name,
            f"a list of at most {limits.EXAMPLES_MAX} payloads, each as a text, "
            f"{limits.EXAMPLES_BYTES_MAX} bytes all examples together",
        )
    return tuple(given)


def _size(texts: Iterable[str]) -> int:
    return sum(len(one.encode("utf-8", "surrogatepass")) for one in texts)
