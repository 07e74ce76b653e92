"""Certificates of systems, and the bus's own record keys.

Invariant: what an object says of a certificate is what its bytes say; so an auditor who reads
only records knows whose key a thumbprint names. A thumbprint belongs to one system for ever.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from registry.errors import ChangeInvalid
from registry.fields import Fields
from registry.nouns import Noun, State
from signing.certificates import ParsedCertificate, parse_certificate
from signing.encoding import b64url_decode, b64url_encode, format_time
from signing.errors import SigningError
from signing.identifiers import SystemId, parse_system_id
from signing.keys import KnownCertificate, Thumbprint

_DER_TEXT = re.compile(r"[A-Za-z0-9_-]{1,21848}", re.ASCII)  # 16 KiB of DER in base64url
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def read_der(text: object) -> ParsedCertificate:
    """The certificate in base64url DER. Raises ChangeInvalid."""
    if type(text) is not str or not _DER_TEXT.fullmatch(text):
        raise ChangeInvalid("The certificate's 'certificate' must be its DER bytes in base64url.")
    try:
        return parse_certificate(b64url_decode(text))
    except SigningError as error:
        raise ChangeInvalid(f"The certificate's 'certificate': {error.detail}") from error


def derived_members(parsed: ParsedCertificate) -> dict[str, Any]:
    """The members of a certificate's object that its bytes decide."""
    return {
        "x5t": parsed.x5t,
        "alg": parsed.alg,
        "not_before": format_time(parsed.not_before_ms),
        "not_after": format_time(parsed.not_after_ms),
    }


@dataclass(frozen=True, slots=True)
class Certificate:
    """A system's certificate; ``custody`` says who holds its key: the member, or the bus."""

    NOUN: ClassVar[Noun] = Noun.CERTIFICATE
    STATES: ClassVar[tuple[State, ...]] = (State.ACTIVE, State.REVOKED)
    FIXED: ClassVar[tuple[str, ...]] = ("x5t", "system", "certificate", "custody")
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"state": "active", "custody": "member"}

    system: SystemId
    custody: str
    state: State
    parsed: ParsedCertificate = field(repr=False)
    known: KnownCertificate = field(repr=False, compare=False)
    invalid_from_ms: int | None = None
    """Of a revoked one: since when its owner says that its key was not safe. What it signed from
    then on, and was accepted before it was revoked, is disputed; none of it becomes false."""

    @property
    def key(self) -> str:
        """The thumbprint."""
        return self.parsed.x5t

    @property
    def x5t(self) -> Thumbprint:
        """The thumbprint."""
        return self.parsed.x5t

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "Certificate":
        """Read a whole object; every derived member must be what the bytes say.

        Raises:
            ChangeInvalid: an ill-formed object, or one that contradicts its certificate.
        """
        fields = Fields(cls.NOUN, members)
        fields.matching("x5t", _THUMBPRINT, "a thumbprint of 43 characters")
        parsed = read_der(fields.take("certificate"))
        for name, value in derived_members(parsed).items():
            if members.get(name) != value:
                raise ChangeInvalid(f"The certificate's '{name}' is not what its bytes say.")
        for name in ("alg", "not_before", "not_after"):
            fields.take(name)
        system = fields.parsed("system", parse_system_id)
        custody = fields.choice("custody", "member", "bus")
        state = State(fields.choice("state", *cls.STATES))
        since_ms = fields.time_ms("invalid_from") if fields.has("invalid_from") else None
        fields.done()
        if since_ms is not None and state is not State.REVOKED:
            raise ChangeInvalid("Only a revoked certificate has 'invalid_from'.")
        return cls(system, custody, state, parsed, _known(parsed, system, state), since_ms)

    def to_object(self) -> dict[str, Any]:
        """The object as records and the API show it."""
        derived, since_ms = derived_members(self.parsed), self.invalid_from_ms
        return {
            "x5t": derived["x5t"],
            "system": self.system,
            "certificate": b64url_encode(self.parsed.der),
            "alg": derived["alg"],
            "not_before": derived["not_before"],
            "not_after": derived["not_after"],
            "custody": self.custody,
            "state": self.state.value,
            **({} if since_ms is None else {"invalid_from": format_time(since_ms)}),
        }


def _known(parsed: ParsedCertificate, system: SystemId, state: State) -> KnownCertificate:
    return KnownCertificate(
        x5t=parsed.x5t,
        system=system,
        verifier=parsed.verifier,
        not_before_ms=parsed.not_before_ms,
        not_after_ms=parsed.not_after_ms,
        revoked=state is State.REVOKED,
    )


@dataclass(frozen=True, slots=True)
class BusKey:
    """A key that the bus signs records with; its place under log 0's key is what makes it valid."""

    NOUN: ClassVar[Noun] = Noun.BUS_KEY

    parsed: ParsedCertificate = field(repr=False)

    @property
    def key(self) -> str:
        """The thumbprint."""
        return self.parsed.x5t

    @property
    def known(self) -> KnownCertificate:
        """The key as records are verified with it; it is no system's, so its system is empty."""
        return _known(self.parsed, SystemId(""), State.ACTIVE)

    @property
    def state(self) -> State:
        """A record key stays one: old records must verify for ever."""
        return State.ACTIVE

    @classmethod
    def from_object(cls, members: Mapping[str, Any]) -> "BusKey":
        """Read ``{certificate}``. Raises ChangeInvalid."""
        fields = Fields(cls.NOUN, members)
        parsed = read_der(fields.take("certificate"))
        fields.done()
        return cls(parsed)

    def to_object(self) -> dict[str, Any]:
        """The object as its record shows it."""
        return {"certificate": b64url_encode(self.parsed.der)}
