"""The policy of one bus: its name, its instance, the algorithms it accepts, its limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.fields import Fields
from registry.nouns import Noun, State
from registry.subjects import level_of, policy_of
from schemas.compatibility.levels import Level
from schemas.compatibility.levels import Policy as SchemaPolicy
from signing.identifiers import parse_instance
from signing.keys import ALGORITHMS

POLICY_KEY = "bus"
_BUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)
_LIMIT = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_LIMITS_MAX = 100
_INTEGER_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Policy:
    """What everyone on this bus can rely on; limits are integers with their unit in the name."""

    NOUN: ClassVar[Noun] = Noun.POLICY
    FIXED: ClassVar[tuple[str, ...]] = ("bus", "instance")
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"algorithms": list(ALGORITHMS), "limits": {}}

    bus: str
    instance: str
    algorithms: tuple[str, ...]
    limits: Mapping[str, int]
    founder: bool = True
    """Whether the token that `init` made counts. Shown only when it does not."""
    schema_level: Level | None = None
    schema_policy: SchemaPolicy | None = None
    """How versions of a schema must follow each other, where a subject has no rules of its own."""

    @property
    def key(self) -> str:
        """There is one policy."""
        return POLICY_KEY

    @property
    def state(self) -> State:
        """A policy is replaced, never withdrawn."""
        return State.ACTIVE

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Policy":
        """Read a whole object. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        policy = cls(
            bus=fields.matching("bus", _BUS, "a name like sx.example"),
            instance=fields.parsed("instance", parse_instance),
            algorithms=_algorithms(fields),
            limits=_limits(fields),
            founder=fields.flag("founder") if fields.has("founder") else True,
            schema_level=level_of(fields, "schema_level"),
            schema_policy=policy_of(fields, "schema_policy"),
        )
        fields.done()
        return policy

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        whole: dict[str, Any] = {
            "bus": self.bus,
            "instance": self.instance,
            "algorithms": list(self.algorithms),
            "limits": dict(self.limits),
        }
        if not self.founder:
            whole["founder"] = False
        if self.schema_level is not None:
            whole["schema_level"] = self.schema_level.value
        if self.schema_policy is not None:
            whole["schema_policy"] = self.schema_policy.value
        return whole


def _algorithms(fields: Fields) -> tuple[str, ...]:
    value = fields.take("algorithms")
    wrong = fields.invalid("algorithms", f"a list of {' or '.join(ALGORITHMS)}, each once")
    if type(value) is not list or not value or not all(type(one) is str for one in value):
        raise wrong
    if not set(value) <= set(ALGORITHMS) or len(set(value)) != len(value):
        raise wrong
    return tuple(value)


def _limits(fields: Fields) -> dict[str, int]:
    value = fields.take("limits")
    wrong = fields.invalid("limits", "an object of names and integers")
    if type(value) is not dict or len(value) > _LIMITS_MAX:
        raise wrong
    for name, number in value.items():
        if not _LIMIT.fullmatch(name) or type(number) is not int:
            raise wrong
        if not 0 <= number <= _INTEGER_MAX:
            raise wrong
    return dict(value)
