"""What members of a sandbox do for themselves: join, offer a service, have a grant.

On any other bus these addresses are not there. Joining is open to strangers and limited in its
rate; the rest is called by a system, with a token that it signs itself.
"""

import secrets
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from exchange.acceptance.changes import Recorded
from exchange.acceptance.sandbox import Joined, Sandbox
from exchange.api.bodies import Body, read_model
from exchange.api.context import Api
from exchange.api.errors import NotFound, RequestInvalid
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, described, respond
from exchange.api.resources.persons import DAY_MS, DAYS_MAX, hash_of
from exchange.api.roles import Role
from exchange.storage.people import StoredPerson
from registry.errors import Conflict
from signing.errors import IdentifierInvalid

router = APIRouter(tags=["sandbox"])

JOIN_PATH: Final = "/v1/sandbox/members"


class JoinBody(Body):
    """A member's first system, `sandbox/CLASS/CODE/SYSTEM`, and its certificate: DER, base64url.

    ``token_hash``: the SHA-256 of its integrator's token, as for `POST /v1/persons`.
    """

    system: str = Field(max_length=255)
    name: str = Field(min_length=1, max_length=200)
    certificate: str = Field(max_length=22_000)
    token_hash: str | None = Field(default=None, max_length=43)


class OfferBody(Body):
    """A service of the calling system; `answers` says who does: the sandbox, or its mailbox."""

    code: str = Field(max_length=64)
    title: str = Field(min_length=1, max_length=200)
    request: dict[str, Any]
    response: dict[str, Any]
    answers: Literal["examples", "mailbox"] = "examples"


class GrantBody(Body):
    """A service that the calling system wants to use."""

    system: str = Field(max_length=255)
    service: str = Field(max_length=64)


@router.post(JOIN_PATH, summary="Join this sandbox", openapi_extra=described(JoinBody))
async def join(request: Request, api: BusOf, headers: HeadersOf) -> Response:
    """Makes a member, its system and the system's certificate; without any token."""
    sandbox = _sandbox(api)
    body = await read_model(api, headers, request.receive, JoinBody)
    token = None if body.token_hash is None else hash_of(body.token_hash)
    try:
        joined = await sandbox.join(body.system, body.name, body.certificate)
    except IdentifierInvalid as error:
        raise RequestInvalid(error.detail, [("/system", error.detail)]) from error
    if token is not None:
        await _add_integrator(api, joined, body.name, token)
    logs = await api.tell_logs()
    members = {
        "member": joined.member,
        "system": joined.system,
        "bus": api.bus,
        "instance": api.instance,
        "url": api.public_url,
        "log_key": next((log.key for log in logs if log.n == 0), None),
        **_told(joined.recorded),
    }
    return respond(json_reply(members, status=201))


@router.post("/v1/sandbox/services", summary="Offer a service", openapi_extra=described(OfferBody))
async def offer(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """Registers a service of the calling system with both its schemas."""
    sandbox, system = _sandbox(api), caller.must_be_system()
    body = await read_model(api, headers, request.receive, OfferBody)
    try:
        recorded = await sandbox.offer(
            system, body.code, body.title, body.request, body.response, body.answers
        )
    except IdentifierInvalid as error:
        raise RequestInvalid(error.detail, [("/code", error.detail)]) from error
    found = {"service": f"{system}/{body.code}", "answers": body.answers, **_told(recorded)}
    return respond(json_reply(found))


@router.post("/v1/sandbox/grants", summary="Have a grant", openapi_extra=described(GrantBody))
async def grant(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """Gives the calling system a grant for a service, at once and for any purpose."""
    sandbox, system = _sandbox(api), caller.must_be_system()
    body = await read_model(api, headers, request.receive, GrantBody)
    try:
        recorded = await sandbox.grant(system, body.system, body.service)
    except IdentifierInvalid as error:
        raise RequestInvalid(error.detail, [("/system", error.detail)]) from error
    found = {"consumer": system, "service": f"{body.system}/{body.service}", **_told(recorded)}
    return respond(json_reply(found))


async def _add_integrator(api: Api, joined: Joined, name: str, token_hash: bytes) -> None:
    """Give the member that joined an integrator; joining again gives none: the first one stays."""
    if not joined.recorded.facts:
        return
    now_ms = api.clock()
    person = StoredPerson(
        id=f"p{secrets.token_hex(8)}",
        name=name,
        role=Role.INTEGRATOR,
        member=joined.member,
        token_hash=token_hash,
        added_by="stranger",
        added_at_ms=now_ms,
        expires_at_ms=now_ms + DAYS_MAX * DAY_MS,
    )
    if not await api.people.add_person(person):
        raise Conflict("This token is somebody's already. Make another.")


def _sandbox(api: Api) -> Sandbox:
    if api.sandbox is None:
        raise NotFound
    api.check_writable()
    return api.sandbox


def _told(recorded: Recorded) -> dict[str, Any]:
    changed = {"changed": len(recorded.facts), "unchanged": recorded.unchanged}
    return {**changed, "version": recorded.version}
