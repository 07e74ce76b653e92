"""``GET /v1/messages/{id}/refusals``: what was refused under a message id, each with its proof.

For who signed what was refused, by its certificate; without the envelope for operators, auditors
and the integrators of its member; to anybody else it is what doesn't exist. A recipient is not
told: what was refused never reached it.
"""

from typing import Any, Final

from fastapi import APIRouter, Response

from exchange.acceptance.stored import OpenedRefusal
from exchange.api.context import Api
from exchange.api.errors import NotFound
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, respond
from exchange.ledger.names import origin_of
from exchange.storage.rows import StoredRefusal
from signing.encoding import format_time
from signing.errors import MessageIdInvalid
from signing.identifiers import message_id_bytes, parse_message_id

REFUSALS_MAX: Final = 100  # more of one id is one program in a loop
_READ_MAX: Final = 10 * REFUSALS_MAX  # an id belongs to nobody: others may have used it too
_NOT_THERE: Final = "There is no such message for you."

router = APIRouter(tags=["messages"])


@router.get("/v1/messages/{id}/refusals", summary="What was refused under this id, with proofs")
async def refusals(id: str, api: BusOf, caller: CallerOf) -> Response:
    """The last first, at most a hundred: code, time, place, the envelope, and its receipt.

    A refusal beyond ten a second of one code is counted in the log and has no place of its own.
    """
    try:
        key = message_id_bytes(parse_message_id(id))
    except MessageIdInvalid as error:
        raise NotFound(_NOT_THERE) from error
    found: list[dict[str, Any]] = []
    for stored in await api.reads.refusals(key, _READ_MAX):
        if len(found) == REFUSALS_MAX:
            break
        refused = await api.opened.refusal(stored)
        if caller.may_see(refused.sender):
            found.append(await _line(api, stored, refused, caller.system is not None))
    if not found:
        raise NotFound(_NOT_THERE)
    return respond(json_reply({"id": id, "refusals": found}))


async def _line(
    api: Api, stored: StoredRefusal, refused: OpenedRefusal, with_envelope: bool
) -> dict[str, Any]:
    place = refused.place
    line = {
        "code": stored.code,
        "at": format_time(place.at_ms),
        "log": origin_of(api.bus, place.shard),
        "index": place.index,
        "kept_until": format_time(stored.until_ms),
        "receipt": await api.receipts.receipt(place),
    }
    if with_envelope:
        line["envelope"] = refused.envelope.decode("ascii")
    return line
