"""Plain ASGI, as far as we need it: headers, bodies with limits, replies.

Owns reading from and writing to a connection; it stands on the path of every message, so it
allocates little. Refuses to know any route. Invariant: no body is read beyond its limit or time.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final

from exchange.api.context import Api
from exchange.api.errors import BodyTooLarge, ClientTooSlow, RequestInvalid
from exchange.api.replies import HeaderLine, problem_reply
from signing.randomness import random_bytes

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

ONCE: Final = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"if-match",
        b"sealway-envelope",
        b"sealway-salt",
        b"traceparent",
    }
)
"""Fields that two readers might choose differently from when they occur twice."""

_ALWAYS: Final[tuple[HeaderLine, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NO_TRACE: Final = b"0" * 32


class ClientGone(Exception):
    """The client hung up: there is nobody to answer."""


class Headers:
    """A request's header fields by their lower-case names."""

    __slots__ = ("_fields",)

    def __init__(self, lines: Iterable[HeaderLine]) -> None:
        """Raises RequestInvalid for a sensitive field that occurs twice."""
        fields: dict[bytes, bytes] = {}
        for name, value in lines:
            if name in fields:
                if name in ONCE:
                    raise RequestInvalid(f"The header {name.decode('latin-1')} occurs twice.")
                value = fields[name] + b", " + value
            fields[name] = value
        self._fields = fields

    def get(self, name: bytes) -> bytes | None:
        """A field's bytes, or None; repeated ones joined by commas."""
        return self._fields.get(name)

    def text(self, name: bytes) -> str | None:
        """A field as text, byte for byte (latin-1), or None."""
        value = self._fields.get(name)
        return None if value is None else value.decode("latin-1")

    def media_type(self) -> str:
        """The content type in lower case, without parameters; empty when there is none."""
        value = self._fields.get(b"content-type", b"")
        return value.partition(b";")[0].strip().lower().decode("latin-1")


def trace_id_of(lines: Iterable[HeaderLine]) -> str:
    """The trace that the caller is in (W3C trace context), or a fresh one: 32 hex digits."""
    for name, value in lines:
        if name == b"traceparent":
            match = _TRACEPARENT.fullmatch(value)
            if match is not None and match[1] != _NO_TRACE:
                return match[1].decode("ascii")
    return random_bytes(16).hex()


def raw_path(scope: Scope) -> str:
    """The path as it was sent, without query."""
    raw = scope.get("raw_path")
    if isinstance(raw, bytes):
        return raw.partition(b"?")[0].decode("latin-1")
    return str(scope["path"])


async def read_body(receive: Receive, headers: Headers, limit_bytes: int, limit_s: float) -> bytes:
    """A request's whole body.

    Raises:
        BodyTooLarge: it says it is, or turns out to be, over ``limit_bytes``.
        ClientTooSlow: it is not complete after ``limit_s``.
        ClientGone: the client hung up.
    """
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit_bytes:
        raise _too_large(limit_bytes)
    try:
        async with asyncio.timeout(limit_s):
            first, more = await read_chunk(receive)
            if not more:
                if len(first) > limit_bytes:
                    raise _too_large(limit_bytes)
                return first
            return await _rest(receive, bytearray(first), limit_bytes)
    except TimeoutError as error:
        raise ClientTooSlow(f"The body was not complete after {limit_s:g} s.") from error


async def _rest(receive: Receive, body: bytearray, limit_bytes: int) -> bytes:
    more = True
    while more:
        chunk, more = await read_chunk(receive)
        body += chunk
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
    return bytes(body)


async def read_chunk(receive: Receive) -> tuple[bytes, bool]:
    """The next piece of a body, and whether there is more. Raises ClientGone."""
    event = await receive()
    if event["type"] == "http.disconnect":
        raise ClientGone
    return event.get("body", b""), event.get("more_body", False)


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body has more than {limit_bytes} bytes.")


async def client_gone(receive: Receive) -> None:
    """Return when the client hangs up; only after the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def send(to: Send, status: int, headers: Iterable[HeaderLine], body: bytes) -> None:
    """Send one whole reply. Adds length, ``nosniff`` and ``no-store``."""
    lines = [(b"content-length", b"%d" % len(body)), *_ALWAYS, *headers]
    await to({"type": "http.response.start", "status": status, "headers": lines})
    await to({"type": "http.response.body", "body": body})


async def send_problem(
    to: Send,
    api: Api,
    error: Exception | tuple[str, str],
    *,
    trace_id: str,
    instance: str | None = None,
    extra: Mapping[str, Any] | None = None,
    headers: Iterable[HeaderLine] = (),
) -> None:
    """Send the problem that an error leaves as; see `replies.problem_reply`."""
    reply = problem_reply(
        api, error, trace_id=trace_id, instance=instance, extra=extra, headers=headers
    )
    await send(to, *reply)
