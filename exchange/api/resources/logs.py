"""Logs, in public: each shard's record with its proof, and the last signed checkpoint."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from exchange.api.asgi import read_body
from exchange.api.errors import BodyTypeUnsupported, NotFound
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, HeadersOf, respond
from exchange.api.resources.proofs import proven_record
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.names import number_of, origin_of
from exchange.witnessing.collecting import NOTE_BYTES_MAX
from signing.log.note import note_text

router = APIRouter(tags=["logs"])

LogName = Annotated[str, Path(max_length=20, description="As in the origin: `0`, `7`, `0.1`.")]
CHECKPOINT_CACHE: Final = b"public, max-age=1"  # a new one comes at most every second

_NONE_COLLECTED: Final = "No witness is listed that could cosign such a log here."


@router.get("/v1/logs/{n}", summary="A shard's record and its receipt in log 0")
async def show(n: Annotated[int, Path(ge=0, lt=10**10)], api: BusOf) -> Response:
    """How a stranger who pinned log 0's key learns the key of a shard."""
    origin = origin_of(api.bus, n)
    return respond(
        json_reply({"n": n, "origin": origin, **await proven_record(api, "log", origin)})
    )


@router.get(
    "/log/{n}/checkpoint",
    summary="A log's last signed checkpoint (C2SP signed note)",
    response_class=Response,
)
async def checkpoint(n: LogName, api: BusOf) -> Response:
    """The signed note, as text; ``n`` may be a successor of log 0, like ``0.1``."""
    number = number_of(n)
    try:
        note = None if number is None else await api.logs.checkpoint(number)
    except LogUnavailable:
        note = None
    if number is None or note is None:
        raise NotFound("This bus holds no signed checkpoint of such a log.")
    if number <= 0:  # with the cosignatures that came so far
        anchor = await api.reads.last_anchor(number, cosigned=False, stamped=False)
        if anchor is not None and note_text(anchor.note) == note_text(note):
            note = anchor.note
    return _text(note)


@router.get(
    "/log/{n}/cosigned",
    summary="Log 0's last checkpoint that a quorum of witnesses cosigned (C2SP signed note)",
    response_class=Response,
)
async def cosigned(n: LogName, api: BusOf) -> Response:
    """The signed note with the cosignatures; a moment older than the checkpoint."""
    number = number_of(n)
    anchor = None
    if number is not None and number <= 0:
        anchor = await api.reads.last_anchor(number, cosigned=True, stamped=False)
    if anchor is None:
        raise NotFound("No quorum of witnesses has cosigned a checkpoint of such a log.")
    return _text(anchor.note)


@router.get(
    "/log/{n}/policy",
    summary="Which witnesses log 0 is shown to, and how many must cosign (C2SP tlog-policy)",
    response_class=Response,
)
async def policy(n: LogName, api: BusOf) -> Response:
    """To compare with what was told by hand: keys from here prove nothing."""
    if (number_of(n) or 0) > 0 or number_of(n) is None:
        raise NotFound("Witnesses are asked about log 0 alone.")
    keys = [log.key for log in await api.tell_logs() if log.n <= 0 and log.key is not None]
    return _text(api.witnessing.rules.policy_text(keys))


@router.get(
    "/log/{n}/cosignatures",
    summary="The checkpoint of log 0 that witnesses which poll cosign now (C2SP signed note)",
    response_class=Response,
)
async def to_cosign(n: LogName, api: BusOf) -> Response:
    """The same for all for a minute, so that they cosign one; with the cosignatures so far."""
    number = number_of(n)
    note = None
    if number is not None and number <= 0:
        note = await api.witnessing.collecting.shown(number)
    if note is None:
        raise NotFound(_NONE_COLLECTED)
    return _text(note)


@router.post(
    "/log/{n}/cosignatures",
    status_code=204,
    summary="Brings a witness's cosignature of log 0's checkpoint (C2SP signed note)",
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/plain": {"schema": {"type": "string", "maxLength": NOTE_BYTES_MAX}}},
        }
    },
)
async def bring(n: LogName, api: BusOf, headers: HeadersOf, request: Request) -> Response:
    """For witnesses that are listed; the cosignature itself says who brings it."""
    collecting = api.witnessing.collecting
    if not collecting.is_open or number_of(n) != api.directory_log.writer.head.shard:
        raise NotFound(_NONE_COLLECTED)
    if headers.media_type() != "text/plain":
        raise BodyTypeUnsupported("The body must come as text/plain.")
    limit_s = api.limits.body_s_max
    body = await read_body(request.receive, headers, NOTE_BYTES_MAX, limit_s)
    api.check_writable()
    await collecting.take(body)
    return respond((204, [], b""))


def _text(text: str) -> Response:
    lines = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", CHECKPOINT_CACHE)]
    return respond((200, lines, text.encode()))
