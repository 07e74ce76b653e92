"""Services: a kind of exchange that a system offers, with its schemas, limits and delivery."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.fields import Fields
from registry.nouns import Noun, State
from signing.identifiers import (
    Fingerprint,
    ServiceCode,
    SystemId,
    parse_fingerprint,
    parse_service_code,
    parse_system_id,
)

DEADLINE_S_DEFAULT = 86_400  # a day, as SMEV
DEADLINE_S_MAX = 30 * 86_400  # beyond it nobody remembers having asked
TIMEOUT_S_DEFAULT = 60  # X-Road's
TIMEOUT_S_MAX = 3_600  # a call that takes an hour should answer by mailbox
CONCURRENCY_DEFAULT = 16  # calls at a time: what a small department's system stands
CONCURRENCY_MAX = 1_024

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a request reaches the system; ``name`` leads to settings that stay with the deliverer."""

    kind: str
    name: str | None = None

    @classmethod
    def from_object(cls, value: Any, where: str) -> "Delivery":
        """Read ``{kind, name?}``: a mailbox has no name, push and adapter have one.

        Raises:
            ChangeInvalid: anything else.
        """
        fields = Fields(Noun.SERVICE, value if isinstance(value, dict) else {})
        if not isinstance(value, dict):
            raise fields.invalid(where, "an object with 'kind' and, but for a mailbox, 'name'")
        kind = fields.choice("kind", "mailbox", "push", "adapter")
        name = None
        if kind != "mailbox":
            name = fields.matching("name", _NAME, "the name of an adapter, like civil-sql")
        fields.done()
        return cls(kind, name)

    def to_object(self) -> dict[str, Any]:
        """``{kind, name?}``."""
        return {"kind": self.kind} if self.name is None else {"kind": self.kind, "name": self.name}


@dataclass(frozen=True, slots=True)
class Service:
    """One service of one system. Schemas may move to later versions; the code never does."""

    NOUN: ClassVar[Noun] = Noun.SERVICE
    STATES: ClassVar[tuple[State, ...]] = (State.ACTIVE, State.SUSPENDED, State.WITHDRAWN)
    FIXED: ClassVar[tuple[str, ...]] = ("system", "code")
    DEFAULTS: ClassVar[Mapping[str, Any]] = {
        "state": "active",
        "deadline_s": DEADLINE_S_DEFAULT,
        "timeout_s": TIMEOUT_S_DEFAULT,
        "repeat": "safe",
        "delivery": {"kind": "mailbox"},
        "concurrency": CONCURRENCY_DEFAULT,
        "listed": True,
    }

    system: SystemId
    code: ServiceCode
    title: str
    request_schema: Fingerprint
    response_schema: Fingerprint
    deadline_s: int
    timeout_s: int
    repeat: str
    delivery: Delivery
    concurrency: int
    listed: bool
    state: State
    test_delivery: Delivery | None = None
    """Where messages with the test flag go; absent: this service takes none."""

    @property
    def key(self) -> str:
        """``sx/GOV/2002/civil-registry/person-status``."""
        return f"{self.system}/{self.code}"

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Service":
        """Read a whole object. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        service = cls(
            system=fields.parsed("system", parse_system_id),
            code=fields.parsed("code", parse_service_code),
            title=fields.text("title"),
            request_schema=fields.parsed("request_schema", parse_fingerprint),
            response_schema=fields.parsed("response_schema", parse_fingerprint),
            deadline_s=fields.integer("deadline_s", 1, DEADLINE_S_MAX),
            timeout_s=fields.integer("timeout_s", 1, TIMEOUT_S_MAX),
            repeat=fields.choice("repeat", "safe", "keyed", "never"),
            delivery=Delivery.from_object(fields.take("delivery"), "delivery"),
            concurrency=fields.integer("concurrency", 1, CONCURRENCY_MAX),
            listed=fields.flag("listed"),
            state=State(fields.choice("state", *cls.STATES)),
            test_delivery=(
                Delivery.from_object(fields.take("test_delivery"), "test_delivery")
                if fields.has("test_delivery")
                else None
            ),
        )
        fields.done()
        return service

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        whole = {
            "system": self.system,
            "code": self.code,
            "title": self.title,
            "request_schema": self.request_schema,
            "response_schema": self.response_schema,
            "deadline_s": self.deadline_s,
            "timeout_s": self.timeout_s,
            "repeat": self.repeat,
            "delivery": self.delivery.to_object(),
            "concurrency": self.concurrency,
            "listed": self.listed,
            "state": self.state.value,
        }
        if self.test_delivery is not None:
            whole["test_delivery"] = self.test_delivery.to_object()
        return whole
