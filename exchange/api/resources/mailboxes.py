"""``/v1/mailbox``: what waits for the calling system; its leases made longer, or given up."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from exchange.api.bodies import Body, read_model
from exchange.api.context import Api
from exchange.api.errors import RequestInvalid
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, described, respond
from exchange.delivery.mailbox import LeaseLost
from exchange.storage.boxes import MailboxDepth
from registry.access import check_standing
from signing.encoding import format_time
from signing.errors import IdentifierInvalid
from signing.identifiers import Code, parse_code

router = APIRouter(tags=["mailbox"])
Leases = Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1)]


class ExtendBody(Body):
    """Leases to make longer; ``lease_s`` counts from now."""

    leases: Leases
    lease_s: Annotated[int, Field(ge=1)] | None = None


class ReleaseBody(Body):
    """Leases to give up; ``reason`` is a code that the timeline shows."""

    leases: Leases
    reason: str | None = None


@router.get("/v1/mailbox", summary="What waits in your mailbox")
async def show(api: BusOf, caller: CallerOf) -> Response:
    """Counts and the oldest age, never content."""
    system = caller.must_be_system()
    now_ms = api.clock()
    depths = await api.reads.mailbox_depths(system)
    return respond(json_reply({"services": [_line(depth, now_ms) for depth in depths]}))


@router.post(
    "/v1/mailbox/extend", summary="Make leases longer", openapi_extra=described(ExtendBody)
)
async def extend(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """Each lease runs ``lease_s`` from now, never shorter than it does; repeating is harmless."""
    system = caller.must_be_system()
    api.check_writable()
    check_standing(api.directory.current, system)
    body = await read_model(api, headers, request.receive, ExtendBody)
    _check_count(api, body.leases)
    lease_s = min(body.lease_s or api.limits.lease_s, api.limits.lease_s_max)
    until = await api.mailbox.extend(system, body.leases, lease_s)
    results = [
        _lost(lease) if at_ms is None else {"lease": lease, "lease_until": format_time(at_ms)}
        for lease, at_ms in zip(body.leases, until, strict=True)
    ]
    return respond(json_reply({"results": results}))


@router.post("/v1/mailbox/release", summary="Give leases up", openapi_extra=described(ReleaseBody))
async def release(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """What is released is free for the next lease at once; repeating is harmless."""
    system = caller.must_be_system()
    api.check_writable()
    body = await read_model(api, headers, request.receive, ReleaseBody)
    _check_count(api, body.leases)
    released = await api.mailbox.release(system, body.leases, _reason(body))
    results = [
        {"lease": lease, "state": "ready"} if is_free else _lost(lease)
        for lease, is_free in zip(body.leases, released, strict=True)
    ]
    return respond(json_reply({"results": results}))


def _check_count(api: Api, leases: Sequence[str]) -> None:
    if len(leases) > api.limits.deliveries_max:
        most = f"at most {api.limits.deliveries_max}"
        raise RequestInvalid(f"Name {most} leases in a call.", [("/leases", most)])


def _reason(body: ReleaseBody) -> Code | None:
    if body.reason is None:
        return None
    try:
        return parse_code(body.reason)
    except IdentifierInvalid as error:
        raise RequestInvalid(error.detail, [("/reason", error.detail)]) from error


def _lost(lease: str) -> dict[str, Any]:
    """A lost lease is a result, not an error: the others of the batch stand."""
    return {"lease": lease, "code": LeaseLost.code}


def _line(depth: MailboxDepth, now_ms: int) -> dict[str, object]:
    oldest_s = None if depth.oldest_at_ms is None else max(0, now_ms - depth.oldest_at_ms) // 1000
    line = {
        "service": depth.service,
        "kind": depth.kind,
        "waiting": depth.waiting,
        "leased": depth.leased,
        "oldest_age_s": oldest_s,
        "dead": depth.dead,
    }
    return {name: value for name, value in line.items() if value is not None}
