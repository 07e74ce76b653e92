"""What a record keeps of a comparison: how a new version stood beside those that were there.

The whole report with its witnesses is told to whoever asks; the record keeps the answer, the rules
it was given under, the versions it was given about and, where it was unknown, who decided and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry.errors import ChangeInvalid
from registry.fields import Fields
from registry.nouns import Noun
from schemas.compatibility.levels import Level, Policy
from schemas.compatibility.verdicts import Answer

_VERSION_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word that an unknown will do; ``by`` as records name people."""

    by: str
    why: str

    @classmethod
    def of(cls, by: str, why: object) -> "Decision":
        """A decision with a reason of one line. Raises ChangeInvalid."""
        fields = Fields(Noun.SCHEMA, {"by": by, "decision": why})
        return cls(fields.text("by"), fields.text("decision"))

    def to_object(self) -> dict[str, str]:
        """``{by, why}``."""
        return {"by": self.by, "why": self.why}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one version; ``against`` are the numbers of the versions compared with."""

    answer: Answer
    level: Level
    policy: Policy
    against: tuple[int, ...]
    decision: Decision | None = None

    @classmethod
    def from_object(cls, value: object) -> "Verdict":
        """Read ``{answer, level, policy, against, decision?}``. Raises ChangeInvalid."""
        fields = Fields(Noun.SCHEMA, value if isinstance(value, Mapping) else {})
        answer = Answer(fields.choice("answer", "yes", "unknown"))
        verdict = cls(
            answer=answer,
            level=Level(fields.choice("level", *Level)),
            policy=Policy(fields.choice("policy", *Policy)),
            against=_numbers(fields),
            decision=_decision(fields) if fields.has("decision") else None,
        )
        fields.done()
        if (verdict.decision is None) is (answer is Answer.UNKNOWN):
            raise ChangeInvalid("A schema's 'compatibility' has a 'decision' if it is unknown.")
        return verdict

    def to_object(self) -> dict[str, Any]:
        """As the record and the API show it."""
        whole: dict[str, Any] = {
            "answer": self.answer.value,
            "level": self.level.value,
            "policy": self.policy.value,
            "against": list(self.against),
        }
        if self.decision is not None:
            whole["decision"] = self.decision.to_object()
        return whole


def _numbers(fields: Fields) -> tuple[int, ...]:
    value = fields.take("against")
    if type(value) is not list or not all(
        type(one) is int and 0 < one <= _VERSION_MAX for one in value
    ):
        raise fields.invalid("against", "a list of numbers of versions")
    return tuple(value)


def _decision(fields: Fields) -> Decision:
    value = fields.take("decision")
    inner = Fields(Noun.SCHEMA, value if isinstance(value, Mapping) else {})
    decision = Decision(inner.text("by"), inner.text("why"))
    inner.done()
    return decision
