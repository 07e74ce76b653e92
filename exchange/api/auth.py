"""Who calls: a system by the token it signed for this very call, or a person by theirs.

Owns the way from ``Authorization`` to a `Caller`; everything below ``/v1`` asks it first (deny by
default). Which calls a role may make is the table in `exchange.api.roles`; what of a resource a
caller sees, each resource says. A system's standing is not asked here: a suspended one may read
what is its own. A person's token is looked up at each call, so that its end counts at once in
every process.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from exchange.acceptance.changes import Actor
from exchange.api.asgi import Headers, Scope, raw_path
from exchange.api.context import Api
from exchange.api.errors import RoleMissing, TokenMissing, TokenRefused
from exchange.api.roles import Role, Rule
from signing.encoding import format_time, sha256
from signing.envelope import check_in_force
from signing.errors import SealwayError, TokenInvalid
from signing.identifiers import MemberId, SystemId, member_of
from signing.keys import KnownCertificate
from signing.tokens import Call, VerifiedToken, verify_token

_SCHEME: Final = "bearer"
_PERSONS_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
FOUNDER_ID: Final = "founder"
CALLER: Final = "sealway.caller"
"""Where a call's scope holds who makes it, once that is known."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody known: a system with the certificate it signed under, or a person with a role."""

    role: Role
    system: SystemId | None = None
    certificate: KnownCertificate | None = None
    person: str | None = None
    """The id of a person; records name it."""
    member: MemberId | None = None
    """Whose integrator the person is."""

    @property
    def actor(self) -> Actor:
        """Who acts, as records name them."""
        if self.system is not None:
            return Actor(f"system:{self.system}", self.role.value)
        return Actor(f"person:{self.person}", self.role.value)

    @property
    def waits_as(self) -> str:
        """Under which name waiting calls are counted."""
        return self.system or f"person:{self.person}"

    @property
    def sees_all(self) -> bool:
        """Whether every member's objects are shown, as far as the call shows them at all."""
        return self.role in (Role.OPERATOR, Role.FOUNDER, Role.AUDITOR)

    def owns(self, system: str | None) -> bool:
        """Whether a system is the caller itself, or one of the integrator's own member."""
        if system is None:
            return False
        if self.system is not None:
            return system == self.system
        return self.member is not None and member_of(SystemId(system)) == self.member

    def may_see(self, *systems: str | None) -> bool:
        """Whether something that concerns these systems is shown: all to some, own to others."""
        return self.sees_all or any(self.owns(one) for one in systems)

    def must_be_system(self) -> SystemId:
        """The calling system. Raises RoleMissing for a person."""
        if self.system is None:
            raise RoleMissing("This call is for a system, with a token that it signed itself.")
        return self.system


def check_role(caller: Caller, rule: Rule) -> None:
    """Raises RoleMissing when the rule of a call does not name the caller's role."""
    if not rule.is_public and not rule.allows(caller.role):
        raise RoleMissing(
            f"The role '{caller.role}' may not make this call; it is for {rule.says}."
        )


async def admit(api: Api, headers: Headers, scope: Scope) -> Caller:
    """Who makes this call; before the answer is no, learn what other processes registered.

    Raises as `authenticate`, and StorageUnavailable.
    """
    try:
        caller = await authenticate(api, headers, scope)
    except SealwayError:
        if not await api.directory.refresh():
            raise
        caller = await authenticate(api, headers, scope)
    scope[CALLER] = caller
    return caller


def note_denial(api: Api, scope: Scope, error: Exception) -> None:
    """Count a no that somebody known was told for the role; nothing for any other error."""
    caller = scope.get(CALLER)
    if isinstance(error, RoleMissing) and isinstance(caller, Caller):
        method, path = str(scope["method"]), raw_path(scope)
        api.denials.note(caller.role, caller.actor.name, method, path, api.clock())


async def authenticate(api: Api, headers: Headers, scope: Scope) -> Caller:
    """Who makes this call.

    Raises:
        TokenMissing: no bearer token.
        TokenRefused, TokenInvalid: one that is nobody's, or for another call or time.
        CertificateExpired, CertificateRevoked: told only to who proved the key.
    """
    scheme, _, token = (headers.text(b"authorization") or "").partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not token:
        raise TokenMissing
    now_ms = api.clock()
    if "." not in token:
        return await _person(api, token, now_ms)
    verified = _verified(api, token, scope, now_ms)
    check_in_force(verified.certificate, now_ms)
    return Caller(Role.SYSTEM, verified.certificate.system, verified.certificate)


async def _person(api: Api, token: str, now_ms: int) -> Caller:
    if _counts_as_founder(api, token, now_ms):
        return Caller(Role.FOUNDER, person=FOUNDER_ID)
    if _PERSONS_TOKEN.fullmatch(token):
        token_hash = sha256(token.encode())
        found = await api.people.person_of(token_hash)
        if (
            found is not None
            and hmac.compare_digest(found.token_hash, token_hash)
            and found.revoked_at_ms is None
            and now_ms < found.expires_at_ms
        ):
            member = None if found.member is None else MemberId(found.member)
            return Caller(Role(found.role), person=found.id, member=member)
    raise TokenRefused(
        "The token is not known, was revoked, or its time is over; the bus's clock says "
        f"{format_time(now_ms)}."
    )


def _counts_as_founder(api: Api, token: str, now_ms: int) -> bool:
    """Whether this is the founder's token, and the policy in force everywhere lets it count."""
    policy = api.directory.current.policy
    if api.founder is None or (policy is not None and not policy.founder):
        return False
    return api.founder.admits(token, now_ms)


def _verified(api: Api, token: str, scope: Scope, now_ms: int) -> VerifiedToken:
    method, path = str(scope["method"]), raw_path(scope)
    base = api.public_url.rstrip("/")
    resolver = api.directory.current
    try:
        return verify_token(token, Call(api.bus, method, base + path), resolver, now_ms // 1000)
    except TokenInvalid:
        plain = unquote(path)
        if plain == path:
            raise
        # A client may sign the path as it is written or as it is escaped: one resource, one call.
        return verify_token(token, Call(api.bus, method, base + plain), resolver, now_ms // 1000)
