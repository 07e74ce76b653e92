"""``/v1/messages/{id}``: state, answer, receipt, delivery form, parts; for the parties.

Owns who may see what of a message. Its sender and its recipient: everything. An auditor too, and
each reading of content is a ``read`` leaf of log 0 before the first byte leaves. An operator, and
the integrators of the parties' members: who, when and what of. Anybody else: nothing, in the words
that are said of what doesn't exist.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from exchange.acceptance.accesses import ContentRead
from exchange.acceptance.stored import OpenedMessage
from exchange.api.answers import UNTRUSTED, delivery_reply, ended_response
from exchange.api.auth import Caller
from exchange.api.context import Api
from exchange.api.errors import AnswerNotYet, NotFound
from exchange.api.long_polls import wait_for_end
from exchange.api.preferences import accepts_delivery, wait_s
from exchange.api.replies import Reply, json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, TraceOf, respond
from exchange.api.resources.listing import tag_of, tagged
from exchange.api.states import message_id_of, state_document
from exchange.storage.rows import StoredMessage
from signing.anchored import ANCHORED_TYPE
from signing.errors import MessageIdInvalid
from signing.identifiers import MessageId, message_id_bytes, parse_message_id
from signing.message import RECEIPT_TYPE

PATH = "/v1/messages/{id}"
_NOT_THERE = "There is no such message for you."
router = APIRouter(tags=["messages"])

ReceiptState = Annotated[
    Literal["provisional", "anchored"],
    Query(description="`anchored`: under a checkpoint of log 0 that others vouched for"),
]


@router.get(PATH, summary="How a message stands")
async def show(
    id: str, request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf
) -> Response:
    """State and timeline, with an ETag; ``Prefer: wait=N`` waits for an open exchange to end."""
    message = await _seen(api, caller, id)
    asked_s = wait_s(headers)
    applied = []
    if asked_s is not None:
        granted_s = int(min(asked_s, api.limits.wait_s_max))
        applied.append((b"preference-applied", b"wait=%d" % granted_s))
        await wait_for_end(api, _id(id), caller.waits_as, granted_s, request.receive)
    reply = json_reply(await state_document(api, message), headers=applied)
    return respond(tagged(reply, headers, tag_of(reply[2])))


@router.get(PATH + "/answer", summary="The answer to a request")
async def answer(
    id: str, api: BusOf, caller: CallerOf, headers: HeadersOf, trace_id: TraceOf
) -> Response:
    """In the form asked for by ``Accept``; as often as wished, until retention."""
    await _seen(api, caller, id)
    exchange = await api.reads.exchange(message_id_bytes(_id(id)))
    if exchange is None:
        raise NotFound("This message is no request; nothing answers it.")
    if exchange.answer is not None:
        await _told(api, caller, await _opened(api, message_id_of(exchange.answer)))
    reply = await ended_response(
        api,
        exchange,
        request_id=_id(id),
        accept_delivery=accepts_delivery(headers),
        trace_id=trace_id,
    )
    if reply is None:
        raise AnswerNotYet
    return respond(reply)


@router.get(PATH + "/receipt", summary="A message's receipt")
async def receipt(
    id: str, api: BusOf, caller: CallerOf, state: ReceiptState = "provisional"
) -> Response:
    """The proof that the bus took it: a C2SP tlog-proof.

    ``state=anchored``: the one under a checkpoint of log 0 that others vouched for, as JSON.
    """
    place = await api.opened.place(await _seen(api, caller, id))
    if state == "anchored":
        if not api.witnessing.rules.needs_anything:
            raise NotFound("This bus asks nobody to vouch for its log: nothing is ever anchored.")
        lines = [(b"content-type", ANCHORED_TYPE.encode("ascii"))]
        return respond((200, lines, await api.anchored.receipt(place)))
    text = await api.receipts.receipt(place)
    return respond((200, [(b"content-type", RECEIPT_TYPE.encode("ascii"))], text.encode()))


@router.get(PATH + "/delivery", summary="A message with its receipt")
async def delivery(id: str, api: BusOf, caller: CallerOf) -> Response:
    """The delivery form, whatever ``Accept`` says."""
    await _seen(api, caller, id)
    message = await _opened(api, id)
    await _told(api, caller, message)
    return respond(await delivery_reply(api, message))


@router.get(PATH + "/parts/{name}", summary="The bytes of one part")
async def part(id: str, name: str, api: BusOf, caller: CallerOf) -> Response:
    """Exactly as they were sent; a browser saves them and runs nothing."""
    await _seen(api, caller, id)
    message = await _opened(api, id)
    reply = _part(message, name)
    await _told(api, caller, message, name)
    return respond(reply)


def _part(message: OpenedMessage, name: str) -> Reply:
    for spec, data in zip(message.manifest.parts, message.parts.data, strict=True):
        if spec.name == name:
            return 200, [(b"content-type", spec.type.encode("ascii")), *UNTRUSTED], data
    raise NotFound("The message has no part of this name.")


def _id(text: str) -> MessageId:
    try:
        return parse_message_id(text)
    except MessageIdInvalid as error:
        raise NotFound(_NOT_THERE) from error


async def _seen(api: Api, caller: Caller, text: str) -> StoredMessage:
    """A message whose metadata this caller may see. Raises NotFound, in the same words always."""
    message = await api.reads.message(message_id_bytes(_id(text)))
    if message is None:
        raise NotFound(_NOT_THERE)
    manifest = api.opened.envelope(message).manifest
    if not caller.may_see(manifest.sender, manifest.to):
        raise NotFound(_NOT_THERE)
    return message


async def _told(api: Api, caller: Caller, message: OpenedMessage, part: str | None = None) -> None:
    """Record that a person is about to be shown content; a system is a party and reads its own.

    Raises:
        SealwayError: log 0 can't be written; nothing may be shown.
    """
    if caller.person is not None:
        read = ContentRead(message.manifest, message.place.leaf_hash, part)
        await api.accesses.record_reads([read], caller.actor)


async def _opened(api: Api, text: str) -> OpenedMessage:
    message = await api.opened.message(message_id_bytes(_id(text)))
    assert message is not None, "it was found a moment ago, and messages are never deleted"
    return message
