"""``/v1/asks``: grants that consumers ask for, and what became of them.

A consumer's integrator asks; the provider's gives, or refuses with a reason; the consumer's may
withdraw. Owns the way from ``asked`` to an end. Invariant: each end is a swap on the ask's row, and
who gives takes the row before the grant is made; so one that was withdrawn is never given. Whether
the grant stands, the directory says alone.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import Field

from exchange.api.auth import Caller
from exchange.api.bodies import LINE, Body, read_model
from exchange.api.context import Api
from exchange.api.errors import NotFound, RateExceeded, RequestInvalid, RoleMissing
from exchange.api.mandate import Mandate
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, described, respond
from exchange.api.resources.listing import PAGE_MAX, After, Limit, page_reply
from exchange.api.resources.objects import change_as
from exchange.api.roles import Role
from exchange.ledger.log_writer import OutcomeUnknown
from exchange.storage.people import StoredAsk
from registry.access import is_visible
from registry.changes import Change
from registry.errors import Conflict
from registry.grants import PURPOSES_MAX, Grant
from registry.nouns import Noun, State
from signing.encoding import format_time
from signing.errors import IdentifierInvalid, SealwayError
from signing.identifiers import member_of, parse_service_code, parse_system_id

OPEN_MAX: Final = 100  # of one member: more than a provider's integrator reads
REASON_CHARS_MAX: Final = 400
GIVING_MS_MAX: Final = 60_000  # longer than a change takes: whoever began to give has died
GIVEN: Final = "given"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
_NOT_THERE: Final = "There is no ask of this id for you."
_NO_SERVICE: Final = "There is no service of this key for you."

router = APIRouter(tags=["asks"])
_ID: Final = re.compile(r"a[0-9a-f]{16}", re.ASCII)
T = TypeVar("T")
Purpose = Annotated[str, Field(max_length=64)]


class AskBody(Body):
    """What a consumer's integrator asks for."""

    consumer: Annotated[str, Field(max_length=255)]
    system: Annotated[str, Field(max_length=255)]
    service: Annotated[str, Field(max_length=64)]
    legal_basis: Annotated[str, Field(min_length=1, max_length=400, pattern=LINE)]
    purposes: Annotated[tuple[Purpose, ...], Field(max_length=PURPOSES_MAX, strict=False)] = ()
    valid_to: Annotated[str, Field(max_length=24)] | None = None
    test: bool = False


class ReasonBody(Body):
    """Why; the other side reads it."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_CHARS_MAX, pattern=LINE)]


@router.get("/v1/asks", summary="List grants that were asked for")
async def list_all(
    api: BusOf, caller: CallerOf, limit: Limit = PAGE_MAX, after: After = None
) -> Response:
    """An integrator sees those by and of the own member's systems; operator and auditor all."""
    member = None if caller.sees_all else caller.member
    found = await api.people.asks(member, after or "", limit + 1)
    return respond(
        page_reply("/v1/asks", [(one.id, _shown(api, one)) for one in found], limit, None)
    )


@router.get("/v1/asks/{id}", summary="Show what was asked for, and how it stands")
async def show(id: str, api: BusOf, caller: CallerOf) -> Response:
    """``asked``, ``given``, ``refused`` or ``withdrawn``."""
    return respond(json_reply(_shown(api, await _seen(api, caller, id))))


@router.post("/v1/asks", summary="Ask for a grant", openapi_extra=described(AskBody))
async def ask(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """For a system of the own member, of a service that it sees."""
    Mandate(caller).check_standing(api.directory.current)
    body = await read_model(api, headers, request.receive, AskBody)
    consumer = _named("consumer", parse_system_id, body.consumer)
    system = _named("system", parse_system_id, body.system)
    code = _named("service", parse_service_code, body.service)
    _check_consumer(caller, consumer)
    directory = api.directory.current
    service = directory.service(system, code)
    if service is None or not is_visible(directory, consumer, service):
        raise NotFound(_NO_SERVICE)
    _check_grant(body)
    member = member_of(consumer)
    members = body.model_dump(mode="json", include={"legal_basis", "purposes", "valid_to", "test"})
    wanted = {name: value for name, value in members.items() if value is not None}
    kept = StoredAsk(
        *(f"a{secrets.token_hex(8)}", consumer, system, code, json.dumps(wanted)),
        *(caller.actor.name, api.clock()),
    )
    if not await api.people.add_ask(kept, member, OPEN_MAX):
        raise RateExceeded(f"{OPEN_MAX} asks of this member are open; wait for answers.")
    location = (b"location", f"/v1/asks/{kept.id}".encode("ascii"))
    return respond(json_reply(_shown(api, kept), 201, [location]))


@router.post("/v1/asks/{id}/give", summary="Give the grant that was asked for")
async def give(id: str, api: BusOf, caller: CallerOf) -> Response:
    """As it was asked for; a change of the registry like any other. Repeating is harmless."""
    found = await _seen(api, caller, id)
    _check_provider(caller, found)
    Mandate(caller).check_standing(api.directory.current)
    if _grant(api, found) is None:
        await _give(api, caller, found)
    return respond(json_reply(_shown(api, found)))


@router.post("/v1/asks/{id}/refuse", summary="Refuse it", openapi_extra=described(ReasonBody))
async def refuse(
    id: str, request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf
) -> Response:
    """With a reason that the consumer's integrator reads."""
    body = await read_model(api, headers, request.receive, ReasonBody)
    found = await _seen(api, caller, id)
    _check_provider(caller, found)
    return respond(json_reply(await _end(api, caller, found, REFUSED, body.reason)))


@router.post("/v1/asks/{id}/withdraw", summary="Ask no longer")
async def withdraw(id: str, api: BusOf, caller: CallerOf) -> Response:
    """By the consumer's integrator, while it is open; a grant that was given is the provider's."""
    found = await _seen(api, caller, id)
    _check_consumer(caller, found.consumer)
    return respond(json_reply(await _end(api, caller, found, WITHDRAWN, None)))


async def _give(api: Api, caller: Caller, found: StoredAsk) -> None:
    """Take the ask's row, then make the grant; a grant that is refused leaves the ask open."""
    if found.ended not in (None, GIVEN):
        raise Conflict(f"This ask was {found.ended}. The consumer may ask again.")
    taken = await _swapped(api, caller, found, GIVEN, None)
    grant = {
        "id": found.id,
        "consumer": found.consumer,
        "system": found.system,
        "service": found.service,
        **json.loads(found.members),
    }
    try:
        await change_as(api, caller, [Change(Noun.GRANT, grant, found.id, new=True)], [None])
    except SealwayError as error:
        if _grant(api, found) is not None:
            return  # another call gave it meanwhile
        if error.code != OutcomeUnknown.code:  # else it may stand, and the row stays taken
            opened = replace(taken, ended=None, ended_by=None, ended_at_ms=None)
            await api.people.swap_ask(taken, opened)
        raise


async def _end(
    api: Api, caller: Caller, found: StoredAsk, ended: str, reason: str | None
) -> dict[str, Any]:
    Mandate(caller).check_standing(api.directory.current)
    if _grant(api, found) is not None:
        raise Conflict("The grant was given; its provider's integrator withdraws the grant.")
    if found.ended == ended:
        return _shown(api, found)
    if found.ended == GIVEN:
        if api.clock() - (found.ended_at_ms or 0) < GIVING_MS_MAX:
            raise Conflict("It is being given just now; look again in a minute.")
    elif found.ended is not None:
        raise Conflict(f"This ask was {found.ended} already.")
    return _shown(api, await _swapped(api, caller, found, ended, reason))


async def _swapped(
    api: Api, caller: Caller, found: StoredAsk, ended: str, reason: str | None
) -> StoredAsk:
    """The ask with this end. Raises Conflict: somebody was quicker with another."""
    by, at_ms = caller.actor.name, api.clock()
    after = replace(found, ended=ended, ended_by=by, ended_at_ms=at_ms, reason=reason)
    now = await api.people.swap_ask(found, after)
    assert now is not None, "it was there a moment ago, and asks are never deleted"
    if now.ended != ended:
        raise Conflict(f"This ask was {now.ended or 'opened again'} meanwhile; look again.")
    return now


async def _seen(api: Api, caller: Caller, id_: str) -> StoredAsk:
    found = await api.people.ask(id_) if _ID.fullmatch(id_) else None
    if found is None or not caller.may_see(found.consumer, found.system):
        raise NotFound(_NOT_THERE)
    return found


def _named(member: str, parse: Callable[[str], T], text: str) -> T:
    """An identifier out of the body. Raises RequestInvalid, with its place."""
    try:
        return parse(text)
    except IdentifierInvalid as error:
        raise RequestInvalid(error.detail, [(f"/{member}", error.detail)]) from error


def _check_consumer(caller: Caller, consumer: str) -> None:
    if caller.role is not Role.FOUNDER and not caller.owns(consumer):
        raise RoleMissing("The consumer is not your member's; its own integrator asks for it.")


def _check_provider(caller: Caller, found: StoredAsk) -> None:
    if caller.role is not Role.FOUNDER and not caller.owns(found.system):
        raise RoleMissing("The service is not your member's; its own integrator gives or refuses.")


def _check_grant(body: AskBody) -> None:
    """What would be refused as a grant is refused as an ask. Raises ChangeInvalid."""
    members = body.model_dump(mode="json", exclude_none=True)
    Grant.from_object(
        {"id": "a", "state": "active", "valid_from": "1970-01-01T00:00:00.000Z", **members}
    )


def _grant(api: Api, found: StoredAsk) -> Grant | None:
    """The grant that this ask led to: of its id, and for what it asked."""
    grant = api.directory.current.get(Noun.GRANT, found.id)
    if not isinstance(grant, Grant):
        return None
    asked = (found.consumer, found.system, found.service)
    return grant if (grant.consumer, grant.system, grant.service) == asked else None


def _shown(api: Api, found: StoredAsk) -> dict[str, Any]:
    grant = _grant(api, found)
    state = found.ended if found.ended in (REFUSED, WITHDRAWN) else "asked"
    if grant is not None:
        state = "given" if grant.state is State.ACTIVE else WITHDRAWN
    shown: dict[str, Any] = {
        "id": found.id,
        "consumer": found.consumer,
        "system": found.system,
        "service": found.service,
        **json.loads(found.members),
        "state": state,
        "asked_by": found.asked_by,
        "asked_at": format_time(found.asked_at_ms),
    }
    if found.ended != GIVEN and found.ended_at_ms is not None:
        shown |= {"ended_by": found.ended_by, "ended_at": format_time(found.ended_at_ms)}
    if found.reason is not None:
        shown["reason"] = found.reason
    return shown
