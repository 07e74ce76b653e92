"""Systems: a member's information systems; they hold keys, send and receive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.fields import Fields
from registry.nouns import Noun, State
from signing.identifiers import MemberId, SystemId, member_of, parse_system_id

VERSION_MAX = 1  # the highest manifest version there is
MAILBOX_MAX_HIGHEST = 100_000  # more than anyone collects; it bounds what one count reads


@dataclass(frozen=True, slots=True)
class System:
    """A registered information system.

    ``v_max`` is the highest manifest version it reads; ``answers`` says how it gets the answers
    to what it asks: it always may ``fetch`` them, with ``mailbox`` they come there as well.
    """

    NOUN: ClassVar[Noun] = Noun.SYSTEM
    STATES: ClassVar[tuple[State, ...]] = (State.ACTIVE, State.SUSPENDED, State.WITHDRAWN)
    FIXED: ClassVar[tuple[str, ...]] = ("id",)
    DEFAULTS: ClassVar[Mapping[str, Any]] = {
        "state": "active",
        "v_max": 1,
        "answers": "fetch",
    }

    id: SystemId
    name: str
    state: State
    v_max: int
    answers: str
    mailbox_max: int | None = None
    """Messages that may wait for it: requests for each service, and answers in all.

    None: as many as the bus says.
    """

    @property
    def key(self) -> str:
        """``sx/GOV/1001/benefits``."""
        return self.id

    @property
    def member(self) -> MemberId:
        """The member whose system it is."""
        return member_of(self.id)

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "System":
        """Read a whole object. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        system = cls(
            id=fields.parsed("id", parse_system_id),
            name=fields.text("name"),
            state=State(fields.choice("state", *cls.STATES)),
            v_max=fields.integer("v_max", 1, VERSION_MAX),
            answers=fields.choice("answers", "fetch", "mailbox"),
            mailbox_max=(
                fields.integer("mailbox_max", 1, MAILBOX_MAX_HIGHEST)
                if fields.has("mailbox_max")
                else None
            ),
        )
        fields.done()
        return system

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        whole = {
            "id": self.id,
            "name": self.name,
            "state": self.state.value,
            "v_max": self.v_max,
            "answers": self.answers,
        }
        return whole if self.mailbox_max is None else {**whole, "mailbox_max": self.mailbox_max}
