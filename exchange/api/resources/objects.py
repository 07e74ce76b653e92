"""The registry's nouns over HTTP: list, show, add, change. What differs is in each noun's module.

Owns the four calls: a system reads what its noun's rule shows it, an integrator what the member's
systems are shown, operator and auditor all. Who may change what is for `exchange.api.mandate`.
Refuses to own a rule about objects: the registry has those. A change goes through log 0 like any
other, with the caller as its actor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from exchange.acceptance.changes import Recorded
from exchange.api.auth import Caller
from exchange.api.bodies import read_json
from exchange.api.context import Api
from exchange.api.errors import NotFound, PreconditionRequired, RequestInvalid
from exchange.api.mandate import Mandate
from exchange.api.possession import prove
from exchange.api.replies import HeaderLine, Reply, json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, respond
from exchange.api.resources.listing import (
    PAGE_MAX,
    After,
    Limit,
    expected_tag,
    page_reply,
    tagged,
)
from registry.changes import Change
from registry.completion import complete
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from registry.schema_versions import SchemaVersion
from signing.identifiers import SystemId
from signing.records import object_hash

Visible = Callable[[Directory, SystemId], Sequence[DirectoryObject]]
"""What a registered system sees of one noun, in order of keys."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One noun's place in the API."""

    noun: Noun
    path: str
    visible: Visible

    def shown(self, directory: Directory, caller: Caller) -> Sequence[DirectoryObject]:
        """What this caller may see, in order of keys."""
        if caller.sees_all:
            return directory.objects(self.noun)
        if caller.system is not None:
            return self.visible(directory, caller.system)
        return self._of_member(directory, caller)

    def _of_member(self, directory: Directory, caller: Caller) -> Sequence[DirectoryObject]:
        """What any system of the integrator's member sees, or would, and schemas under its name."""
        systems = [one.key for one in directory.objects(Noun.SYSTEM) if caller.owns(one.key)]
        found = {
            one.key: one
            for system in (f"{caller.member}/-", *systems)
            for one in self.visible(directory, SystemId(system))
        }
        if self.noun is Noun.SCHEMA:
            for one in directory.objects(Noun.SCHEMA):
                if isinstance(one, SchemaVersion) and one.subject.startswith(f"{caller.member}/"):
                    found[one.key] = one
        return [found[key] for key in sorted(found)]

    def fetch(self, directory: Directory, caller: Caller, key: str) -> DirectoryObject:
        """One object that this caller may see. Raises NotFound, also for what is not theirs."""
        found = directory.get(self.noun, key)
        if found is None:
            raise NotFound(f"There is no {self.noun} of this key for you.")
        if not caller.sees_all and all(one.key != key for one in self.shown(directory, caller)):
            raise NotFound(f"There is no {self.noun} of this key for you.")
        return found

    def at(self, key: str) -> str:
        """The address of one object; slashes stay path segments."""
        return f"{self.path}/{quote(key, safe=_SAFE)}"


_SAFE = "/'()+,.=-:"
SIGNED_CHANGE: Final = "signed_change"
"""Beside an object's members: the owner's own statement of the change, recorded with it."""


def routes(collection: Collection) -> APIRouter:
    """The calls of one noun."""
    router = APIRouter(tags=[f"{collection.noun}s"])
    add_routes(router, collection)
    return router


def add_routes(router: APIRouter, collection: Collection, *, with_show: bool = True) -> None:
    """Add the calls of one noun, without its ``show`` when there is another."""

    async def list_all(
        api: BusOf, caller: CallerOf, limit: Limit = PAGE_MAX, after: After = None
    ) -> Response:
        directory = api.directory.current
        keyed = [(one.key, one.to_object()) for one in collection.shown(directory, caller)]
        return respond(page_reply(collection.path, keyed, limit, after, version=directory.version))

    async def show(key: str, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
        found = collection.fetch(api.directory.current, caller, key)
        return respond(tagged(json_reply(found.to_object()), headers, object_tag(found)))

    async def add(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
        members = await read_members(api, headers, request)
        proof, signed = take_proof(collection.noun, members), take_signed(members)
        expected, noun = expected_tag(headers), collection.noun
        change = Change(noun, members, None, expected, new=expected is None, signed=signed)
        return respond(await put_in_force(api, caller, collection, change, proof))

    async def put(
        key: str, request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf
    ) -> Response:
        members = await read_members(api, headers, request)
        proof, signed = take_proof(collection.noun, members), take_signed(members)
        expected, noun = expected_tag(headers), collection.noun
        change = Change(noun, members, key, expected, new=expected is None, signed=signed)
        Mandate(caller).check_asked(api.directory.current, change)
        if expected is None and api.directory.current.get(collection.noun, key) is not None:
            raise PreconditionRequired("Send the ETag of the object that you saw in If-Match.")
        return respond(await put_in_force(api, caller, collection, change, proof))

    noun, one = collection.noun, f"{collection.path}/{{key:path}}"
    router.add_api_route(collection.path, list_all, methods=["GET"], summary=f"List {noun}s")
    router.add_api_route(
        collection.path, add, methods=["POST"], summary=f"Add a {noun}", openapi_extra=BODY
    )
    if with_show:
        router.add_api_route(one, show, methods=["GET"], summary=f"Show a {noun}")
    router.add_api_route(one, put, methods=["PUT"], summary=f"Change a {noun}", openapi_extra=BODY)


BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def object_tag(one: DirectoryObject) -> str:
    """An object's entity tag: the hash that records name it by."""
    return f'"{object_hash(one.to_object())}"'


async def read_members(api: Api, headers: HeadersOf, request: Request) -> dict[str, Any]:
    """The body of a change: the members of an object. Raises as `read_json`, RequestInvalid."""
    value = await read_json(api, headers, request.receive)
    if not isinstance(value, dict):
        raise RequestInvalid("The body must be a JSON object: the object's members.")
    return value


def take_proof(noun: Noun, members: dict[str, Any]) -> str | None:
    """Take what isn't the object's out of a certificate's body. Raises RequestInvalid."""
    if noun is not Noun.CERTIFICATE or "proof" not in members:
        return None
    proof = members.pop("proof")
    if type(proof) is not str:
        raise RequestInvalid("'proof' must be a text.", [("/proof", "must be a text")])
    return proof


def take_signed(members: dict[str, Any]) -> str | None:
    """Take a member's own statement out of the body. Raises RequestInvalid."""
    signed = members.pop(SIGNED_CHANGE, None)
    if signed is not None and type(signed) is not str:
        text = f"'{SIGNED_CHANGE}' must be a text."
        raise RequestInvalid(text, [(f"/{SIGNED_CHANGE}", "must be a text")])
    return signed


async def put_in_force(
    api: Api, caller: Caller, collection: Collection, change: Change, proof: str | None = None
) -> Reply:
    """Make one change: 201 for what is new, 200 for what changed or was so already.

    Raises:
        RoleMissing, PossessionUnproven: not this caller's to make, or not so.
        RegistryError: refused. LedgerError: log 0 can't be written; nothing changed.
    """
    before = api.directory.current
    recorded = await change_as(api, caller, [change], [proof])
    key = _key_of(api, before, change, recorded)
    found = api.directory.current.fetch(collection.noun, key)
    headers: list[HeaderLine] = [
        (b"location", collection.at(key).encode("ascii")),
        (b"etag", object_tag(found).encode("ascii")),
    ]
    is_new = bool(recorded.facts) and recorded.facts[0].fact.before is None
    return json_reply(found.to_object(), 201 if is_new else 200, headers)


async def change_as(
    api: Api, caller: Caller, changes: Sequence[Change], proofs: Sequence[str | None]
) -> Recorded:
    """Put a set of changes in force for a caller, all or none; ``proofs`` go with the changes.

    Raises:
        RoleMissing, SenderSuspended, PossessionUnproven: the caller may not make one of them.
        RegistryError: one is refused. LedgerError: log 0 can't be written.
    """
    for change in changes:
        Mandate(caller).check_asked(api.directory.current, change)
    proven = {
        prove(api, change.object or {}, proof)
        for change, proof in zip(changes, proofs, strict=True)
        if change.noun == Noun.CERTIFICATE
    }
    mandate = Mandate(caller, {x5t for x5t in proven if x5t is not None})
    return await api.directory_log.change(changes, caller.actor, mandate.check_fact)


def _key_of(api: Api, before: Directory, change: Change, recorded: Recorded) -> str:
    if recorded.facts:
        return recorded.facts[0].fact.key
    assert change.object is not None
    noun = Noun(change.noun)
    _, there = complete(before.contents(), noun, change.key, change.object, api.clock())
    assert there is not None, "a change that changes nothing is about something that is there"
    return there.key
