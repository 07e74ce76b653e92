"""Whom a change of a schema touches: the services that speak it, and who has a grant for these.

Pure look-ups over one directory, for people's questions and never for a message: each reads all
services and grants.
"""

from dataclasses import dataclass
from typing import Any

from registry.contents import Contents
from registry.nouns import State
from registry.schema_versions import SchemaVersion


@dataclass(frozen=True, slots=True)
class TouchedService:
    """A service that isn't withdrawn, which of its two schemas is meant, and the version of it."""

    key: str
    role: str
    fingerprint: str
    version: int
    state: State

    def to_object(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "service": self.key,
            "role": self.role,
            "fingerprint": self.fingerprint,
            "version": self.version,
            "state": self.state.value,
        }


@dataclass(frozen=True, slots=True)
class TouchedConsumer:
    """A system with an active grant for such a service."""

    consumer: str
    service: str
    grant: str

    def to_object(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"consumer": self.consumer, "service": self.service, "grant": self.grant}


@dataclass(frozen=True, slots=True)
class Touched:
    """Services, their consumers, and schemas that refer to the one in question."""

    services: tuple[TouchedService, ...] = ()
    consumers: tuple[TouchedConsumer, ...] = ()
    schemas: tuple[SchemaVersion, ...] = ()

    def to_object(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "services": [one.to_object() for one in self.services],
            "consumers": [one.to_object() for one in self.consumers],
            "schemas": [
                {"subject": one.subject, "version": one.version, "fingerprint": one.fingerprint}
                for one in self.schemas
            ],
        }


def touched(contents: Contents, subject: str, fingerprint: str | None = None) -> Touched:
    """Whom a change of a subject's versions touches, or of the one version of ``fingerprint``."""
    versions: dict[str, SchemaVersion] = {
        one.fingerprint: one
        for one in contents.versions(subject)
        if fingerprint in (None, one.fingerprint)
    }
    services = tuple(
        TouchedService(service.key, role, bound, versions[bound].version, service.state)
        for key in sorted(contents.services)
        for service in [contents.services[key]]
        if service.state is not State.WITHDRAWN
        for role, bound in (
            ("request", service.request_schema),
            ("response", service.response_schema),
        )
        if bound in versions
    )
    keys = {one.key for one in services}
    consumers = tuple(
        TouchedConsumer(one.consumer, f"{one.system}/{one.service}", one.id)
        for place in sorted(contents.active_grants)
        for one in contents.active_grants[place]
        if f"{one.system}/{one.service}" in keys
    )
    return Touched(services, consumers, _referring(contents, versions))


def _referring(contents: Contents, versions: dict[str, SchemaVersion]) -> tuple[SchemaVersion, ...]:
    return tuple(
        one
        for one in sorted(contents.schemas.values(), key=lambda each: each.id)
        if one.state not in (State.WITHDRAWN, State.RETIRED)
        and one.fingerprint not in versions
        and any(reference.fingerprint in versions for reference in one.references)
    )
