"""Grants: a consumer system's right to use a service, with purpose, legal basis and validity."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from registry.errors import ChangeInvalid
from registry.fields import Fields
from registry.nouns import Noun, State
from signing.encoding import format_time
from signing.errors import IdentifierInvalid
from signing.identifiers import (
    Code,
    ServiceCode,
    SystemId,
    parse_code,
    parse_service_code,
    parse_system_id,
)

PURPOSES_MAX = 64  # a grant with more says nothing about purpose
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def default_grant_id(consumer: str, system: str, service: str) -> str:
    """The id of the one grant that most pairs need, so that applying a file twice is one grant."""
    digest = hashlib.sha256(f"{consumer}\n{system}\n{service}".encode("utf-8", "replace"))
    return f"g{digest.hexdigest()[:15]}"


@dataclass(frozen=True, slots=True)
class Grant:
    """A right; times in ms since 1970. ``valid_from_ms`` is inside, ``valid_to_ms`` outside.

    No purposes: none is asked for.
    """

    NOUN: ClassVar[Noun] = Noun.GRANT
    STATES: ClassVar[tuple[State, ...]] = (State.ACTIVE, State.WITHDRAWN)
    FIXED: ClassVar[tuple[str, ...]] = ("id", "consumer", "system", "service")
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"state": "active", "purposes": [], "test": False}

    id: str
    consumer: SystemId
    system: SystemId
    service: ServiceCode
    purposes: tuple[Code, ...]
    legal_basis: str
    valid_from_ms: int
    valid_to_ms: int | None
    test: bool
    state: State

    @property
    def key(self) -> str:
        """The grant's id."""
        return self.id

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Grant":
        """Read a whole object. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        grant = cls(
            consumer=fields.parsed("consumer", parse_system_id),
            system=fields.parsed("system", parse_system_id),
            service=fields.parsed("service", parse_service_code),
            purposes=_purposes(fields),
            legal_basis=fields.text("legal_basis"),
            valid_from_ms=fields.time_ms("valid_from"),
            valid_to_ms=fields.time_ms("valid_to") if fields.has("valid_to") else None,
            test=fields.flag("test"),
            state=State(fields.choice("state", *cls.STATES)),
            id=fields.matching("id", _ID, "1 to 64 letters, digits, '.', '_' and '-'"),
        )
        fields.done()
        if grant.valid_to_ms is not None and grant.valid_to_ms <= grant.valid_from_ms:
            raise ChangeInvalid("The grant's 'valid_to' must be later than its 'valid_from'.")
        return grant

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        whole: dict[str, Any] = {
            "id": self.id,
            "consumer": self.consumer,
            "system": self.system,
            "service": self.service,
            "purposes": list(self.purposes),
            "legal_basis": self.legal_basis,
            "valid_from": format_time(self.valid_from_ms),
        }
        if self.valid_to_ms is not None:
            whole["valid_to"] = format_time(self.valid_to_ms)
        whole["test"] = self.test
        whole["state"] = self.state.value
        return whole


def _purposes(fields: Fields) -> tuple[Code, ...]:
    value = fields.take("purposes")
    if type(value) is not list or len(value) > PURPOSES_MAX:
        raise fields.invalid("purposes", f"a list of at most {PURPOSES_MAX} codes")
    try:
        codes = tuple(parse_code(one if type(one) is str else "") for one in value)
    except IdentifierInvalid as error:
        raise fields.invalid("purposes", "codes of a-z, 0-9, '.' and '-'") from error
    if len(set(codes)) != len(codes):
        raise fields.invalid("purposes", "without repeats")
    return codes
