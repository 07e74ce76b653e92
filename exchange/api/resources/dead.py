"""``/v1/dead``: deliveries that were given up and wait for a person, who may have them
tried again, or drop them. Metadata only."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from exchange.api.attempts import last_attempt_step
from exchange.api.auth import Caller
from exchange.api.bodies import Body, read_model
from exchange.api.context import Api
from exchange.api.errors import NotFound
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, described, respond
from exchange.api.resources.listing import After, page_reply
from exchange.api.states import message_id_of, state_document
from exchange.storage.rows import DeliveryState, StoredDelivery
from signing.encoding import format_time
from signing.identifiers import message_id_bytes, parse_message_id

READ_MAX: Final = 10_000  # more dead letters than that are one trouble, not ten thousand
PAGE_MAX: Final = 100  # each item reads its last attempt

router = APIRouter(tags=["dead letters"])
Page = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of one page at most.")]


class RedriveBody(Body):
    """``may_repeat``: somebody has made sure that the first attempt had no effect."""

    may_repeat: bool = False


@router.get("/v1/dead", summary="List dead letters")
async def list_all(
    api: BusOf, caller: CallerOf, limit: Page = PAGE_MAX, after: After = None
) -> Response:
    """Operator and auditor see all, others those addressed to their systems; by age."""
    found = [one for one in await api.reads.dead(READ_MAX) if _may_see(caller, one)]
    keyed = sorted(((message_id_of(one.id), one) for one in found), key=lambda pair: pair[0])
    rest = [pair for pair in keyed if after is None or pair[0] > after]
    shown = [(id_, await _item(api, one)) for id_, one in rest[: limit + 1]]
    return respond(page_reply("/v1/dead", shown, limit, None))


@router.get("/v1/dead/{id}", summary="Show a dead letter")
async def show(id: str, api: BusOf, caller: CallerOf) -> Response:
    """What it is, why it was given up, and what was tried."""
    one = await _found(api, caller, id)
    message = await api.reads.message(one.id)
    assert message is not None, "a delivery without its message"
    document = await state_document(api, message)
    item = await _item(api, one)
    return respond(json_reply({**item, "timeline": document["timeline"]}))


@router.post(
    "/v1/dead/{id}/redrive",
    summary="Have a dead letter tried again",
    openapi_extra=described(RedriveBody),
)
async def redrive(
    id: str, request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf
) -> Response:
    """Now, and as often as a new one; recorded with who decided."""
    api.check_writable()
    body = await read_model(api, headers, request.receive, RedriveBody)
    one = await _found(api, caller, id)
    state = await api.dead_letters.redrive(one, caller.actor, may_repeat=body.may_repeat)
    return respond(json_reply({"id": message_id_of(one.id), "delivery": state.value}))


@router.post("/v1/dead/{id}/drop", summary="Hand a dead letter to nobody any more")
async def drop(id: str, api: BusOf, caller: CallerOf) -> Response:
    """Its exchange stays open until its time is over, or its consumer cancels it."""
    api.check_writable()
    one = await _found(api, caller, id)
    await api.dead_letters.drop(one, caller.actor)
    state = DeliveryState.WITHDRAWN.value
    return respond(json_reply({"id": message_id_of(one.id), "delivery": state}))


async def _found(api: Api, caller: Caller, id: str) -> StoredDelivery:
    """The dead letter of this id. Raises NotFound, in the same words always."""
    for one in await api.reads.deliveries(message_id_bytes(parse_message_id(id))):
        if one.state is DeliveryState.DEAD and _may_see(caller, one):
            return one
    raise NotFound("There is no dead letter of this id for you.")


def _may_see(caller: Caller, delivery: StoredDelivery) -> bool:
    return caller.may_see(delivery.recipient)


async def _item(api: Api, delivery: StoredDelivery) -> dict[str, Any]:
    attempt = last_attempt_step(await api.reads.steps(delivery.id))
    item: dict[str, Any] = {
        "id": message_id_of(delivery.id),
        "recipient": delivery.recipient,
        "service": delivery.service,
        "cause": delivery.cause,
        "attempt": delivery.attempt,
        "accepted_at": format_time(delivery.accepted_at_ms),
    }
    if attempt is not None:
        item["at"] = format_time(attempt.at_ms)
    return item
