"""Subjects: by which rules a new version of a schema must follow the others of its subject.

Owns the two settings, of a subject and of the bus, and which of them holds. What they mean is for
``schemas.compatibility``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.fields import Fields
from registry.nouns import Noun, State
from registry.schema_versions import SUBJECT
from schemas.compatibility.levels import DEFAULT_LEVEL, DEFAULT_POLICY, Level, Policy


@dataclass(frozen=True, slots=True)
class Rules:
    """The level and the policy that hold for one subject."""

    level: Level = DEFAULT_LEVEL
    policy: Policy = DEFAULT_POLICY

    def to_object(self) -> dict[str, str]:
        """As the API shows them."""
        return {"level": self.level.value, "policy": self.policy.value}


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is set for one subject; what is absent is as the bus has it."""

    NOUN: ClassVar[Noun] = Noun.SUBJECT
    FIXED: ClassVar[tuple[str, ...]] = ("subject",)

    subject: str
    level: Level | None = None
    policy: Policy | None = None

    @property
    def key(self) -> str:
        """The subject."""
        return self.subject

    @property
    def state(self) -> State:
        """Settings are replaced, never withdrawn."""
        return State.ACTIVE

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Subject":
        """Read a whole object. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        subject = cls(
            subject=fields.matching("subject", SUBJECT, "a name like person-status.request"),
            level=level_of(fields, "level"),
            policy=policy_of(fields, "policy"),
        )
        fields.done()
        return subject

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        whole = {"subject": self.subject}
        if self.level is not None:
            whole["level"] = self.level.value
        if self.policy is not None:
            whole["policy"] = self.policy.value
        return whole


def level_of(fields: Fields, name: str) -> Level | None:
    """A level, if the member is there. Raises ChangeInvalid."""
    return Level(fields.choice(name, *Level)) if fields.has(name) else None


def policy_of(fields: Fields, name: str) -> Policy | None:
    """A policy, if the member is there. Raises ChangeInvalid."""
    return Policy(fields.choice(name, *Policy)) if fields.has(name) else None
