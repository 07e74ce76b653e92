"""One call of a Confluent client: its address, query and body, and what its caller sees.

Queries hold Python's ``True`` as well as ``true``; parameters that nobody here knows are ignored,
as are unknown members of bodies. Invariant: only what this caller may see is ever looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from exchange.api.asgi import Headers, Receive, read_body
from exchange.api.auth import Caller
from exchange.api.bodies import parse_body
from exchange.api.confluent.errors import (
    INVALID_SUBJECT,
    INVALID_VERSION,
    NO_SUBJECT,
    NO_VERSION,
    SUBJECT_DELETED,
    Told,
)
from exchange.api.context import Api
from exchange.api.errors import BodyTypeUnsupported, RequestInvalid
from exchange.api.resources.schemas import COLLECTION
from registry.directory import Directory
from registry.nouns import State
from registry.schema_versions import SUBJECT, SchemaVersion

_DELETED: Final = frozenset({State.RETIRED, State.WITHDRAWN})
_BODY_TYPES: Final = frozenset(
    {
        "application/vnd.schemaregistry.v1+json",
        "application/vnd.schemaregistry+json",
        "application/json",
        "application/octet-stream",
    }
)
_LATEST: Final = frozenset({"latest", "-1"})


def is_deleted(schema: SchemaVersion) -> bool:
    """Whether it is what Confluent calls soft-deleted: there by its id, and not in lists."""
    return schema.state in _DELETED


@dataclass(frozen=True, slots=True)
class Asked:
    """A call: who makes it, the parts of its address, its query."""

    api: Api
    caller: Caller
    headers: Headers
    receive: Receive
    parts: tuple[str, ...]
    query: dict[str, str]

    @property
    def directory(self) -> Directory:
        """The directory in force."""
        return self.api.directory.current

    def flag(self, name: str) -> bool:
        """A truth of the query; absent and anything else is false."""
        return self.query.get(name, "").lower() == "true"

    def page(self, items: Sequence[Any]) -> list[Any]:
        """``offset`` and ``limit`` of the query; no limit, or a negative one, is all.

        Raises:
            RequestInvalid: not integers.
        """
        try:
            offset, limit = int(self.query.get("offset", "0")), int(self.query.get("limit", "-1"))
        except ValueError as error:
            raise RequestInvalid("'offset' and 'limit' must be integers.") from error
        rest = items[max(offset, 0) :]
        return list(rest if limit < 0 else rest[:limit])

    async def body(self) -> dict[str, Any]:
        """The body as an object.

        Raises:
            BodyTypeUnsupported, RequestInvalid: not JSON, or not an object.
            BodyTooLarge, ClientTooSlow, ClientGone: as `read_body`.
        """
        if self.headers.media_type() not in _BODY_TYPES:
            raise BodyTypeUnsupported(
                "The body must come as application/vnd.schemaregistry.v1+json."
            )
        limits = self.api.limits
        data = await read_body(self.receive, self.headers, limits.body_bytes_max, limits.body_s_max)
        value = parse_body(data, limits.body_bytes_max)
        if not isinstance(value, dict):
            raise RequestInvalid("The body must be a JSON object.")
        return value

    # --- what the caller sees ---------------------------------------------------------------------

    def seen(self) -> list[SchemaVersion]:
        """Every schema that this caller may see, by subject and version."""
        found = COLLECTION.shown(self.directory, self.caller)
        schemas = [one for one in found if isinstance(one, SchemaVersion)]
        return sorted(schemas, key=lambda one: (one.subject, one.version))

    def sees(self, subject: str) -> bool:
        """Whether there is anything of a subject for this caller; to who sees all, always."""
        return self.caller.sees_all or any(one.subject == subject for one in self.seen())

    def listed(self, schemas: Sequence[SchemaVersion]) -> list[SchemaVersion]:
        """Those that a list shows, by ``deleted`` and ``deleted_only``, which goes first."""
        if self.flag("deleted_only"):
            return [one for one in schemas if is_deleted(one)]
        if self.flag("deleted"):
            return list(schemas)
        return [one for one in schemas if not is_deleted(one)]

    def subject(self) -> str:
        """The address's subject. Raises Told: no name of one."""
        subject = self.parts[0]
        if not SUBJECT.fullmatch(subject):
            raise Told(
                INVALID_SUBJECT,
                "A subject here begins with a letter or digit and has up to 255 of "
                "A-Z a-z 0-9 and ' ( ) + , . = ? _ : / -",
            )
        return subject

    def versions(self, *, with_deleted: bool = False) -> list[SchemaVersion]:
        """The versions of the address's subject, oldest first.

        Raises:
            Told: there are none for this caller.
        """
        subject = self.subject()
        every = [one for one in self.seen() if one.subject == subject]
        if not every:
            raise Told(NO_SUBJECT, f"Subject '{subject}' not found.")
        if with_deleted:
            return every
        found = [one for one in every if not is_deleted(one)]
        if not found:
            raise Told(SUBJECT_DELETED, f"Subject '{subject}' was soft deleted.")
        return found

    def version(self, *, with_deleted: bool = False) -> SchemaVersion:
        """The version that the address names; the latest is the newest that is in force.

        Raises:
            Told: no such subject or version for this caller.
        """
        name = self.parts[1]
        versions = self.versions(with_deleted=with_deleted)
        if name in _LATEST:
            found = [one for one in versions if one.is_in_force]
            if not found:
                raise Told(
                    NO_VERSION, f"No version of subject '{self.parts[0]}' is in force: drafts only."
                )
            return found[-1]
        if not (name.isascii() and name.isdigit() and 0 < len(name) <= 10 and int(name) > 0):
            raise Told(
                INVALID_VERSION,
                f"The specified version '{name[:20]}' is not a valid version id. Allowed values "
                'are between [1, 2^31-1] and the string "latest".',
            )
        for one in versions:
            if one.version == int(name):
                return one
        raise Told(NO_VERSION, f"Version {name} not found.")
