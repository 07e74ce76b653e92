"""Registered schemas: a fingerprint, its text, and its number within a subject.

Owns numbering only; what a text must be is for ``schemas``. An id is given once and never again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.fields import Fields
from registry.nouns import Noun, State
from signing.identifiers import Fingerprint, parse_fingerprint

ID_MAX = 2**31 - 1  # Confluent's serializers carry the id in four signed bytes
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9'()+,.=?_:/-]{0,254}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One version of one subject."""

    NOUN: ClassVar[Noun] = Noun.SCHEMA
    STATES: ClassVar[tuple[State, ...]] = (State.ACTIVE,)
    FIXED: ClassVar[tuple[str, ...]] = (
        "fingerprint", "id", "subject", "version", "format", "text",
    )  # fmt: skip
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"state": "active", "format": "json-schema"}

    fingerprint: Fingerprint
    id: int
    subject: str
    version: int
    format: str
    state: State
    text: str

    @property
    def key(self) -> str:
        """The fingerprint."""
        return self.fingerprint

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
            format=fields.choice("format", "json-schema"),
            state=State(fields.choice("state", *cls.STATES)),
            text=text,
        )
        fields.done()
        return schema

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        return {
            "fingerprint": self.fingerprint,
            "id": self.id,
            "subject": self.subject,
            "version": self.version,
            "format": self.format,
            "state": self.state.value,
            "text": self.text,
        }
