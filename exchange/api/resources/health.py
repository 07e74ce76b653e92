"""``/livez``, ``/readyz`` and ``/.well-known/sealway``: for whoever runs or first meets the bus.

Public, and never a root of trust: a key shown here is to be compared with what was told by hand.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from fastapi import APIRouter, Response

from exchange.acceptance.checks.kind import OFFERED_KINDS, OFFERED_PARTS_MAX
from exchange.api.context import Api, LogTold
from exchange.api.errors import NotReady
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, respond
from signing.encoding import format_time
from signing.message import DELIVERY_TYPE, FRAME_TYPE

router = APIRouter(tags=["about"])


def _version() -> str:
    try:
        return version("sealway")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"


VERSION: Final = _version()


@router.get("/livez", summary="Whether the process answers")
async def livez() -> Response:
    """Always, while it does."""
    return respond(json_reply({"state": "alive"}))


@router.get("/readyz", summary="Whether messages are accepted now")
async def readyz(api: BusOf) -> Response:
    """200, or the problem ``not-ready`` with the reason; ``bus: away`` while sweeps deliver."""
    reason = api.why_not_ready()
    if reason is not None:
        raise NotReady(reason)
    return respond(json_reply({"state": "ready", **api.standing()}))


@router.get("/.well-known/sealway", summary="Which bus this is, and what it offers")
async def about(api: BusOf) -> Response:
    """Names, logs, kinds, forms, limits, the server's time."""
    return respond(json_reply(about_document(api, await api.tell_logs())))


def about_document(api: Api, logs: Sequence[LogTold]) -> dict[str, Any]:
    """What the bus says of itself. A log's ``url`` is its prefix (C2SP tlog-tiles)."""
    limits = api.limits
    url = api.public_url.rstrip("/")
    return {
        "bus": api.bus,
        "instance": api.instance,
        "version": VERSION,
        "time": format_time(api.clock()),
        "logs": [
            {
                "n": log.n,
                "origin": log.origin,
                "url": f"{url}{log.origin.removeprefix(api.bus)}",
                **({"key": log.key} if log.key else {}),
            }
            for log in logs
        ],
        "directory_version": api.directory.version,
        "kinds": list(OFFERED_KINDS),
        "forms": [FRAME_TYPE, DELIVERY_TYPE, "short"],
        "limits": {
            "body_bytes_max": limits.body_bytes_max,
            "envelope_bytes_max": limits.envelope_bytes_max,
            "part_bytes_max": limits.part_bytes_max,
            "parts_max": OFFERED_PARTS_MAX,
            "wait_s_max": limits.wait_s_max,
            "mailbox_wait_s_max": limits.mailbox_wait_s_max,
            "deliveries_max": limits.deliveries_max,
            "lease_s_max": limits.lease_s_max,
            "long_polls_per_system": limits.long_polls_per_system,
            "changes_max": limits.changes_max,
        },
        "docs": f"{url}/docs",
    }
