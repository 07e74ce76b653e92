"""Who calls: a system by the token it signed for this very call, or the founder by the token.

Owns the way from ``Authorization`` to a `Caller`; everything below ``/v1`` asks it first (deny by
default). Refuses to own what a caller may see: each resource says that. A system's standing is
not asked here: a suspended one may read what is its own.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from exchange.api.asgi import Headers, Scope, raw_path
from exchange.api.context import Api
from exchange.api.errors import RoleMissing, TokenMissing, TokenRefused
from signing.encoding import format_time
from signing.envelope import check_in_force
from signing.errors import SealwayError, TokenInvalid
from signing.identifiers import SystemId
from signing.keys import KnownCertificate
from signing.tokens import Call, VerifiedToken, verify_token

_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody known: a system with the certificate it signed under, or the founder."""

    system: SystemId | None = None
    certificate: KnownCertificate | None = None

    @property
    def is_founder(self) -> bool:
        """Whether this is the founder: operator, and integrator of every member."""
        return self.system is None

    def must_be_system(self) -> SystemId:
        """The calling system. Raises RoleMissing for the founder."""
        if self.system is None:
            raise RoleMissing("This call is for a system, with a token that it signed itself.")
        return self.system

    def must_be_founder(self) -> None:
        """Raises RoleMissing for a system."""
        if self.system is not None:
            raise RoleMissing("This call needs a person's token; a system may not make it.")


FOUNDER: Final = Caller()


async def admit(api: Api, headers: Headers, scope: Scope) -> Caller:
    """Who makes this call; before the answer is no, learn what other processes registered.

    Raises as `authenticate`, and StorageUnavailable.
    """
    try:
        return authenticate(api, headers, scope)
    except SealwayError:
        if not await api.directory.refresh():
            raise
        return authenticate(api, headers, scope)


def authenticate(api: Api, headers: Headers, scope: Scope) -> Caller:
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
    if "." in token:
        verified = _verified(api, token, scope, now_ms)
        check_in_force(verified.certificate, now_ms)
        return Caller(verified.certificate.system, verified.certificate)
    if api.founder is None or not api.founder.admits(token, now_ms):
        raise TokenRefused(
            "The token is not known, or its time is over; the bus's clock says "
            f"{format_time(now_ms)}."
        )
    return FOUNDER


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
