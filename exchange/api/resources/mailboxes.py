"""``GET /v1/mailbox``: what waits for the calling system, service by service."""

from fastapi import APIRouter, Response

from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, respond
from exchange.storage.rows import MailboxDepth

router = APIRouter(tags=["mailbox"])


@router.get("/v1/mailbox", summary="What waits in your mailbox")
async def show(api: BusOf, caller: CallerOf) -> Response:
    """Counts and the oldest age, never content."""
    system = caller.must_be_system()
    now_ms = api.clock()
    depths = await api.reads.mailbox_depths(system)
    return respond(json_reply({"services": [_line(depth, now_ms) for depth in depths]}))


def _line(depth: MailboxDepth, now_ms: int) -> dict[str, object]:
    oldest_s = None if depth.oldest_at_ms is None else max(0, now_ms - depth.oldest_at_ms) // 1000
    line = {
        "service": depth.service,
        "waiting": depth.waiting,
        "leased": depth.leased,
        "oldest_age_s": oldest_s,
        "dead": depth.dead,
    }
    return {name: value for name, value in line.items() if value is not None}
