"""Bringing a cosignature to the bus: for a witness that polls, since nobody can come and fetch it.

Owns the call and what its answers mean. The next round brings the next one, so nothing is queued:
a bus that is away for a moment misses nothing that it will still want.
"""

import json
from dataclasses import replace
from enum import Enum
from typing import Final

import httpx

from sealway.witness.polling import Outcome, Round

TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 8_192
_HEADERS: Final = {
    "user-agent": "sealway-witness",
    "accept-encoding": "identity",
    "content-type": "text/plain; charset=utf-8",
}


class Delivery(Enum):
    """What became of bringing a cosignature."""

    TAKEN = "taken"
    NOT_COLLECTED = "not-collected"
    """The bus lists no witnesses, or takes none for that log; ours is kept in its own folder."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


def deliver(one: Round, url: str, transport: httpx.BaseTransport | None = None) -> Round:
    """Bring what a round cosigned to the log's prefix; the round with what became of that."""
    if one.outcome is not Outcome.COSIGNED or one.cosigned is None:
        return one
    delivery, text = _bring(f"{url.rstrip('/')}/cosignatures", one.cosigned.note, transport)
    return replace(one, delivery=delivery.value, text=text)


def _bring(address: str, note: str, transport: httpx.BaseTransport | None) -> tuple[Delivery, str]:
    client = httpx.Client(
        transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S
    )
    try:
        with (
            client,
            client.stream("POST", address, headers=_HEADERS, content=note.encode()) as reply,
        ):
            status, body = reply.status_code, _start(reply)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Delivery.UNREACHABLE, f"The bus can't be reached ({type(error).__name__})."
    if status in (200, 204):
        return Delivery.TAKEN, ""
    why = _detail(body)
    if status in (404, 405):
        return Delivery.NOT_COLLECTED, "The bus collects no cosignatures of this log; kept here."
    if status == 429 or status >= 500:
        return Delivery.UNREACHABLE, f"The bus didn't take it now ({status}). {why}".strip()
    return Delivery.REFUSED, f"The bus refused the cosignature ({status}). {why}".strip()


def _start(reply: httpx.Response) -> bytes:
    """As much of an answer as a problem document has."""
    body = bytearray()
    for piece in reply.iter_raw():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            return b""
    return bytes(body)


def _detail(body: bytes) -> str:
    """The sentence of a problem document, or nothing."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return detail[:500] if isinstance(detail, str) else ""
