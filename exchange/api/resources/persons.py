"""``/v1/persons``: who has a token, and which role it gives.

Owns adding, listing and ending. The bus never sees a token before it is used: whoever adds a
person makes 256 random bits, keeps them for that person and sends their SHA-256. The id, which
records name for ever, is no name.
"""

import secrets
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import Field

from exchange.api.bodies import LINE, Body, read_model
from exchange.api.context import Api
from exchange.api.errors import NotFound, RequestInvalid
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, described, respond
from exchange.api.resources.listing import PAGE_MAX, After, Limit, page_reply
from exchange.api.roles import PERSONS, Role
from exchange.storage.people import StoredPerson
from registry.errors import Conflict
from registry.nouns import Noun
from signing.encoding import b64url_decode, format_time
from signing.errors import EncodingInvalid

DAYS_MAX: Final = 90  # product.md: a token that nobody renews is one that nobody misses
NAME_CHARS_MAX: Final = 200
DAY_MS: Final = 86_400_000
_NOBODY: Final = "There is no person of this id."

log = structlog.get_logger()

router = APIRouter(tags=["persons"])


class PersonBody(Body):
    """A person to add; ``member`` with an integrator, and with nobody else."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=LINE)]
    role: Annotated[str, Field(max_length=20)]
    token_hash: Annotated[str, Field(max_length=43)]
    member: Annotated[str, Field(max_length=255)] | None = None
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = DAYS_MAX


@router.get("/v1/persons", summary="List people")
async def list_all(api: BusOf, limit: Limit = PAGE_MAX, after: After = None) -> Response:
    """In order of ids; whoever was revoked stays listed, since records name them."""
    found = await api.people.persons(after or "", limit + 1)
    keyed = [(one.id, _shown(api, one)) for one in found]
    return respond(page_reply("/v1/persons", keyed, limit, None))


@router.get("/v1/persons/{id}", summary="Show a person")
async def show(id: str, api: BusOf) -> Response:
    """Name, role, and until when the token counts."""
    found = await api.people.person(id)
    if found is None:
        raise NotFound(_NOBODY)
    return respond(json_reply(_shown(api, found)))


@router.post("/v1/persons", summary="Add a person", openapi_extra=described(PersonBody))
async def add(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """``token_hash`` is the SHA-256, in base64url, of the token's 43 characters."""
    body = await read_model(api, headers, request.receive, PersonBody)
    _check_role(api, body)
    now_ms = api.clock()
    person = StoredPerson(
        id=f"p{secrets.token_hex(8)}",
        name=body.name,
        role=body.role,
        member=body.member,
        token_hash=hash_of(body.token_hash),
        added_by=caller.actor.name,
        added_at_ms=now_ms,
        expires_at_ms=now_ms + body.days * DAY_MS,
    )
    if not await api.people.add_person(person):
        raise Conflict("This token is somebody's already. Make another.")
    log.info("person.added", actor=caller.actor.name, person=person.id, role=person.role)
    location = (b"location", f"/v1/persons/{person.id}".encode("ascii"))
    return respond(json_reply(_shown(api, person), 201, [location]))


@router.post("/v1/persons/{id}/revoke", summary="End a person's token")
async def revoke(id: str, api: BusOf, caller: CallerOf) -> Response:
    """For ever, in every process at once; repeating is harmless."""
    found = await api.people.revoke_person(id, api.clock())
    if found is None:
        raise NotFound(_NOBODY)
    log.info("person.revoked", actor=caller.actor.name, person=id)
    return respond(json_reply(_shown(api, found)))


def _check_role(api: Api, body: PersonBody) -> None:
    if body.role not in PERSONS:
        offered = ", ".join(PERSONS)
        raise RequestInvalid(f"The roles of people are {offered}.", [("/role", offered)])
    if (body.role == Role.INTEGRATOR) != (body.member is not None):
        text = "An integrator has one member; other roles have none."
        raise RequestInvalid(text, [("/member", text)])
    known = body.member is None or api.directory.current.get(Noun.MEMBER, body.member) is not None
    if not known:
        text = "This member is not registered. Add it first."
        raise RequestInvalid(text, [("/member", text)])


def hash_of(text: str) -> bytes:
    """The hash of a token, as a body tells it. Raises RequestInvalid."""
    try:
        return b64url_decode(text, 32)
    except EncodingInvalid as error:
        raise RequestInvalid(error.detail, [("/token_hash", error.detail)]) from error


def _shown(api: Api, person: StoredPerson) -> dict[str, Any]:
    now_ms = api.clock()
    state = "active" if now_ms < person.expires_at_ms else "expired"
    shown: dict[str, Any] = {
        "id": person.id,
        "name": person.name,
        "role": person.role,
        "member": person.member,
        "state": state if person.revoked_at_ms is None else "revoked",
        "added_by": person.added_by,
        "added_at": format_time(person.added_at_ms),
        "expires_at": format_time(person.expires_at_ms),
    }
    if person.revoked_at_ms is not None:
        shown["revoked_at"] = format_time(person.revoked_at_ms)
    return {name: value for name, value in shown.items() if value is not None}
