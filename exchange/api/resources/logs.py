"""Logs, in public: each shard's record with its proof, and the last signed checkpoint."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from exchange.api.errors import NotFound
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, respond
from exchange.api.resources.proofs import proven_record
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.names import number_of, origin_of

router = APIRouter(tags=["logs"])

CHECKPOINT_CACHE: Final = b"public, max-age=1"  # a new one comes at most every second


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
async def checkpoint(n: Annotated[str, Path(max_length=20)], api: BusOf) -> Response:
    """The signed note, as text; ``n`` may be a successor of log 0, like ``0.1``."""
    number = number_of(n)
    try:
        note = None if number is None else await api.logs.checkpoint(number)
    except LogUnavailable:
        note = None
    if note is None:
        raise NotFound("This bus holds no signed checkpoint of such a log.")
    lines = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", CHECKPOINT_CACHE)]
    return respond((200, lines, note.encode()))
