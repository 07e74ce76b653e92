"""What a comparison answers, as values that travel between processes as JSON.

Owns no judgement. Invariant: NO has a witness, YES has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schemas.compatibility.levels import Direction, Level, Policy, Reading


class Answer(StrEnum):
    """The three answers; only a YES admits a version without a person's decision."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """What a change does to the instances that a schema takes."""

    NARROWER = "narrower"
    WIDER = "wider"
    DIFFERENT = "different"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Change:
    """One place that differs: JSON Pointer, keyword, effect, one sentence."""

    pointer: str
    keyword: str
    effect: Effect
    sentence: str

    def to_object(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pointer": self.pointer,
            "keyword": self.keyword,
            "effect": self.effect.value,
            "sentence": self.sentence,
        }

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Change":
        """The inverse of ``to_object``."""
        return cls(
            members["pointer"], members["keyword"], Effect(members["effect"]), members["sentence"]
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """An instance that the writer's version takes and the reader's refuses, and where."""

    instance: Any
    pointer: str
    sentence: str

    def to_object(self) -> dict[str, Any]:
        """As JSON."""
        return {"instance": self.instance, "pointer": self.pointer, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer for one reading; ``reason`` says in a sentence how it came about."""

    answer: Answer
    reason: str
    witness: Refused | None = None

    def __post_init__(self) -> None:
        assert (self.answer is Answer.NO) == (self.witness is not None)

    def to_object(self) -> dict[str, Any]:
        """As JSON."""
        members: dict[str, Any] = {"answer": self.answer.value, "reason": self.reason}
        if self.witness is not None:
            members["witness"] = self.witness.to_object()
        return members

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Judged":
        """The inverse of ``to_object``."""
        found = members.get("witness")
        witness = None if found is None else Refused(**found)
        return cls(Answer(members["answer"]), members["reason"], witness)


@dataclass(frozen=True, slots=True)
class Finding:
    """One reading with its answer and what changed between the two versions."""

    reading: Reading
    judged: Judged
    changes: tuple[Change, ...]

    def to_object(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "direction": self.reading.direction.value,
            "version": self.reading.version,
            **self.judged.to_object(),
            "changes": [change.to_object() for change in self.changes],
        }

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Finding":
        """The inverse of ``to_object``."""
        reading = Reading(Direction(members["direction"]), members["version"])
        changes = tuple(Change.from_object(one) for one in members["changes"])
        return cls(reading, Judged.from_object(members), changes)


@dataclass(frozen=True, slots=True)
class Report:
    """The answer for a level: no if one reading is a no, unknown if one is, otherwise yes."""

    level: Level
    policy: Policy
    findings: tuple[Finding, ...]

    @property
    def answer(self) -> Answer:
        """The worst of the findings."""
        answers = {finding.judged.answer for finding in self.findings}
        for worst in (Answer.NO, Answer.UNKNOWN):
            if worst in answers:
                return worst
        return Answer.YES

    def to_object(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "answer": self.answer.value,
            "level": self.level.value,
            "policy": self.policy.value,
            "findings": [finding.to_object() for finding in self.findings],
        }

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Report":
        """The inverse of ``to_object``."""
        return cls(
            Level(members["level"]),
            Policy(members["policy"]),
            tuple(Finding.from_object(one) for one in members["findings"]),
        )
