"""The little HTTP that the local endpoint needs, on plain ASGI.

Owns reading a body within its limits and sending a reply whole. Refuses to know any address.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final, TypeAlias

from signing.errors import SealwayError

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Lines: TypeAlias = Sequence[tuple[str, str]]

WAIT_TEXT_MAX: Final = 6  # digits of `Prefer: wait`


class BodyTooLarge(SealwayError):
    """More bytes than one question may have."""

    code = "body-too-large"


class ClientTooSlow(SealwayError):
    """The body did not arrive in time."""

    code = "client-too-slow"


class ClientGone(Exception):
    """The caller hung up; nobody is there to be told anything."""


def header(scope: Scope, name: str) -> str | None:
    """A header's value, the only one; None when there is none, or several that differ."""
    found = {value for key, value in scope["headers"] if key == name.encode("ascii")}
    return found.pop().decode("latin-1") if len(found) == 1 else None


def has_header(scope: Scope, name: str) -> bool:
    """Whether there is such a header, once or more often."""
    return any(key == name.encode("ascii") for key, _ in scope["headers"])


def wait_wanted(scope: Scope) -> float | None:
    """The seconds in `Prefer: wait=N`, or 0 for `respond-async`; None when it says nothing."""
    for piece in (header(scope, "prefer") or "").split(","):
        name, _, value = piece.strip().partition("=")
        if name == "respond-async":
            return 0.0
        if name == "wait" and value.isascii() and value.isdigit() and len(value) <= WAIT_TEXT_MAX:
            return float(value)
    return None


async def read_body(receive: Receive, bytes_max: int, within_s: float) -> bytes:
    """A request's whole body.

    Raises:
        BodyTooLarge, ClientTooSlow: beyond a limit. ClientGone: it broke off.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > bytes_max:
                    raise BodyTooLarge(f"A question has at most {bytes_max} bytes.")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise ClientTooSlow(f"The body did not arrive within {within_s:g} s.") from None


async def reply(send: Send, status: int, media_type: str, body: bytes, lines: Lines = ()) -> None:
    """Send a whole reply; nothing in it is for a browser to run, or a proxy to keep."""
    always = [
        ("content-type", media_type),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
    ]
    encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in (*always, *lines)]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
