"""A sandbox's own door to the directory: whoever comes is let in, and has what it asks for.

Owns what a member may do for itself there: join, offer a service, have a grant. Refuses to exist on
any other bus: wiring makes one only for settings with the table `[sandbox]`. What is done here is
recorded like every change, in the role `sandbox`, so that nobody takes it for an operator's.

Invariant: nothing here needs a person, and nothing made here has any meaning on another bus: its
identifiers begin with `sandbox/`, its manifests and logs name a bus called `sandbox`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from exchange.acceptance.changes import Actor, DirectoryLog, Recorded
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.errors import RateExceeded
from exchange.ledger.log_writer import Clock
from registry.changes import Change
from registry.directory import Directory
from registry.errors import ChangeInvalid, Conflict
from registry.nouns import Noun
from schemas.catalogue import admit
from schemas.errors import SchemaError
from signing.encoding import b64url_encode
from signing.identifiers import (
    Fingerprint,
    MemberId,
    SystemId,
    member_of,
    parse_service_code,
    parse_system_id,
)

INSTANCE: Final = "sandbox"
ROLE: Final = "sandbox"
EXAMPLES: Final = "examples"
"""The adapter that answers for a service without a provider."""
LEGAL_BASIS: Final = "sandbox: no real data"
VALID_FROM: Final = "2020-01-01T00:00:00.000Z"  # the same each time, so that asking twice is once
MINUTE_MS: Final = 60_000
EXAMPLES_MAX: Final = 100  # of one schema; the first is the answer

Mint = Callable[[SystemId], bytes]
"""Makes a key that the sandbox holds for a system, if there is none; its certificate in DER."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A new member and its system."""

    member: MemberId
    system: SystemId
    recorded: Recorded


class Sandbox:
    """What strangers and members may do by themselves."""

    def __init__(
        self,
        log: DirectoryLog,
        directory: DirectoryInForce,
        mint: Mint,
        clock: Clock,
        *,
        members_max: int,
        joins_per_minute_max: int,
    ) -> None:
        self._log = log
        self._directory = directory
        self._mint = mint
        self._clock = clock
        self._members_max = members_max
        self._joins_max = joins_per_minute_max
        self._minute = 0
        self._joins = 0
        self._turn = asyncio.Lock()

    async def join(self, system: str, name: str, certificate: str) -> Joined:
        """Register a member, one system of it, and that system's certificate (DER in base64url).

        Joining again with the same members changes nothing.

        Raises:
            RateExceeded: too many in this minute, or the sandbox is full.
            IdentifierInvalid, RegistryError: something about them can't be, or is another's.
        """
        self._count()
        parsed = parse_system_id(system)
        async with self._turn:  # who asks for a name that is free has it before the next one looks
            return await self._joined(parsed, name, certificate)

    async def _joined(self, parsed: SystemId, name: str, certificate: str) -> Joined:
        member = member_of(parsed)
        there = self._directory.current
        if there.get(Noun.MEMBER, member) is not None and there.system(parsed) is None:
            # The member's first system vouches for it; another would be a stranger's word.
            raise Conflict(f"Member '{member}' is somebody's already. Choose another code.")
        changes = [
            Change(Noun.MEMBER, {"id": member, "name": name}),
            Change(Noun.SYSTEM, {"id": parsed, "name": name}),
        ]
        if there.system(parsed) is not None:
            changes = []  # a second certificate for a system is not a stranger's to add
            _must_have(there, parsed, certificate)
        changes.append(Change(Noun.CERTIFICATE, {"system": parsed, "certificate": certificate}))
        recorded = await self._log.change(changes, Actor("stranger", ROLE))
        return Joined(member, parsed, recorded)

    async def offer(
        self,
        system: SystemId,
        code: str,
        title: str,
        request: Mapping[str, Any],
        response: Mapping[str, Any],
        answers: Literal["examples", "mailbox"],
    ) -> Recorded:
        """Register a service of `system` with its two schemas, or change it.

        `examples`: the sandbox answers with the first of the response schema's `examples`, under
        a key that it holds for the system; `mailbox`: the system answers itself.

        Raises:
            RegistryError, IdentifierInvalid: not a schema, an example that its schema refuses.
        """
        service = parse_service_code(code)
        changes = []
        delivery: dict[str, Any] = {"kind": "mailbox"}
        if answers == "examples":
            delivery = {"kind": "adapter", "name": EXAMPLES}
            der = self._mint(system)
            members = {"system": system, "certificate": b64url_encode(der), "custody": "bus"}
            changes.append(Change(Noun.CERTIFICATE, members))
        named: dict[str, Fingerprint] = {}
        new: dict[Fingerprint, Change] = {}
        for side, schema in (("request", request), ("response", response)):
            members, fingerprint = _schema(f"{system}/{service}.{side}", schema)
            named[f"{side}_schema"] = fingerprint
            if self._directory.current.schema(fingerprint) is None:
                new.setdefault(fingerprint, Change(Noun.SCHEMA, members))
        changes.extend(new.values())
        whole = {"system": system, "code": service, "title": title, "delivery": delivery, **named}
        changes.append(Change(Noun.SERVICE, whole))
        return await self._log.change(changes, Actor(f"system:{system}", ROLE))

    async def grant(self, consumer: SystemId, system: str, service: str) -> Recorded:
        """Give `consumer` a grant for a service, for whatever purpose, at once.

        Raises:
            RegistryError, IdentifierInvalid: there is no such service.
        """
        members = {
            "consumer": consumer,
            "system": parse_system_id(system),
            "service": parse_service_code(service),
            "purposes": [],
            "legal_basis": LEGAL_BASIS,
            "valid_from": VALID_FROM,
        }
        change = Change(Noun.GRANT, members)
        return await self._log.change([change], Actor(f"system:{consumer}", ROLE))

    def _count(self) -> None:
        minute = self._clock() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._joins = minute, 0
        self._joins += 1
        if self._joins > self._joins_max:
            most = f"More than {self._joins_max} members a minute want to join"
            raise RateExceeded(f"{most}; try again in a minute.")
        if len(self._directory.current.objects(Noun.MEMBER)) >= self._members_max:
            raise RateExceeded("This sandbox is full; ask its operator for an empty one.")


def _must_have(directory: Directory, system: SystemId, certificate: str) -> None:
    """Return when the system has this certificate: then it only asks again."""
    for one in directory.objects(Noun.CERTIFICATE):
        members = one.to_object()
        if (members["system"], members["certificate"]) == (system, certificate):
            return
    raise Conflict(f"System '{system}' is somebody's already. Choose another name.")


def _schema(subject: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], Fingerprint]:
    """The members of a schema, whose own example is run when it is registered; its fingerprint.

    Somebody may have registered the very same: then a service refers to that one.
    """
    text = json.dumps(schema, ensure_ascii=False)
    try:
        fingerprint = admit("json-schema", text).fingerprint
    except SchemaError as error:
        raise ChangeInvalid(f"Schema '{subject}': {error.detail}") from error
    members: dict[str, Any] = {"subject": subject, "text": text}
    given = schema.get("examples")
    if given is None:
        return members, fingerprint
    if not isinstance(given, list) or len(given) > EXAMPLES_MAX:
        raise ChangeInvalid(f"A schema's 'examples' is a list of at most {EXAMPLES_MAX}.")
    shown = [json.dumps(one, ensure_ascii=False) for one in given[:1]]
    return {**members, "examples": shown}, fingerprint
