"""Who calls: a stranger, people of each role, systems. Each with what it would put in front."""

import secrets
import tomllib
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from sealway.connection import SystemClock
from sealway.credentials import PersonCredentials, SystemCredentials, identity_of
from sealway.profile import profile_from
from signing.encoding import b64url_encode, sha256
from tests.faults.site import Site

Authorize = Callable[[str, str], str | None]
"""From method and URL to the Authorization header, if there is one."""


@dataclass(frozen=True)
class Caller:
    """One role, and its header for a call."""

    name: str
    authorize: Authorize

    def headers(self, method: str, url: str) -> dict[str, str]:
        """The headers it adds to a call of this method and URL (no query)."""
        value = self.authorize(method, url)
        return {} if value is None else {"Authorization": value}


def stranger() -> Caller:
    """Somebody without a token."""
    return Caller("stranger", lambda method, url: None)


def person(name: str, token: str) -> Caller:
    """A person with a token."""
    return Caller(name, PersonCredentials(token).authorization)


def founder(site: Site) -> Caller:
    """The person of the bus's first token."""
    return person("founder", (site.bus / "founder.token").read_text("ascii").strip())


def people(site: Site, http: httpx.Client) -> list[Caller]:
    """An operator, an auditor, and the integrators of two members, added by the founder."""
    roles = [("operator", None), ("auditor", None)]
    roles += [("integrator", "sx/GOV/1001"), ("integrator", "sx/GOV/2002")]
    first, found = founder(site), []
    for role, member in roles:
        token = b64url_encode(secrets.token_bytes(32))
        members = {"name": role, "role": role, "token_hash": b64url_encode(sha256(token.encode()))}
        members |= {} if member is None else {"member": member}
        headers = first.headers("POST", f"{site.url}/v1/persons")
        http.post("/v1/persons", json=members, headers=headers).raise_for_status()
        found.append(person(role if member is None else f"{role} of {member}", token))
    return found


def system(site: Site, profile: str) -> Caller:
    """The system of a profile, with a token of its own for each call."""
    path = site.bus / "profiles" / f"{profile}.toml"
    identity = identity_of(profile_from(profile, tomllib.loads(path.read_text()), path.parent))
    return Caller(profile, SystemCredentials(identity, SystemClock()).authorization)
