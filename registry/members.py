"""Members: registered agencies and organisations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.fields import Fields
from registry.nouns import Noun, State
from signing.identifiers import MemberId, parse_member_id


@dataclass(frozen=True, slots=True)
class Member:
    """An agency or organisation; suspended, none of its systems takes part."""

    NOUN: ClassVar[Noun] = Noun.MEMBER
    STATES: ClassVar[tuple[State, ...]] = (State.ACTIVE, State.SUSPENDED)
    FIXED: ClassVar[tuple[str, ...]] = ("id",)
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"state": "active"}

    id: MemberId
    name: str
    state: State

    @property
    def key(self) -> str:
        """``sx/GOV/1001``."""
        return self.id

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Member":
        """Read a whole object. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        member = cls(
            id=fields.parsed("id", parse_member_id),
            name=fields.text("name"),
            state=State(fields.choice("state", *cls.STATES)),
        )
        fields.done()
        return member

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        return {"id": self.id, "name": self.name, "state": self.state.value}
