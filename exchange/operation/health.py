"""The listener of a process without an API: `/livez` and `/readyz`, as a gateway answers them.

Owns two answers. Refuses to know what ready means: it asks.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from exchange.api.asgi import AsgiApp, Receive, Scope, Send, send
from exchange.api.problems import MEDIA_TYPE, PROBLEMS, problem_bytes
from exchange.api.replies import JSON_TYPE, RETRY_AFTER_S, Reply
from exchange.operation.listening import listening

WhyNotReady = Callable[[], str | None]
Standing = Callable[[], dict[str, str]]


def _nothing_more() -> dict[str, str]:
    return {}


@asynccontextmanager
async def listen(
    host: str,
    port: int,
    why_not_ready: WhyNotReady,
    base_url: str = "",
    standing: Standing = _nothing_more,
) -> AsyncIterator[int]:
    """Answer on this address for as long as the block runs; gives the port.

    `why_not_ready` is called for each `/readyz`: a sentence, or None when all is well. `base_url`
    is where the pages about problems are. `standing` is what a ready process adds.

    Raises:
        PortTaken: the address can't be listened on.
    """
    app = health_app(why_not_ready, base_url, standing)
    async with listening(app, host, port, "health_port") as taken:
        yield taken


def health_app(
    why_not_ready: WhyNotReady, base_url: str = "", standing: Standing = _nothing_more
) -> AsgiApp:
    """The two answers as an ASGI application; whatever else is asked is not found."""

    async def app(scope: Scope, receive: Receive, to: Send) -> None:
        if scope["type"] == "http":
            await send(to, *_reply(scope, why_not_ready, base_url, standing))

    return app


def _reply(scope: Scope, why_not_ready: WhyNotReady, base_url: str, standing: Standing) -> Reply:
    path, method = scope["path"], scope["method"]
    if path not in ("/livez", "/readyz"):
        return _problem("not-found", "There is nothing at this address.", base_url, path)
    if method not in ("GET", "HEAD"):
        return _problem("method-not-allowed", "Only GET is answered here.", base_url, path)
    if path == "/livez":
        return _ok({"state": "alive"})
    reason = why_not_ready()
    if reason is not None:
        return _problem("not-ready", reason, base_url, path)
    return _ok({"state": "ready", **standing()})


def _ok(document: dict[str, Any]) -> Reply:
    return 200, [JSON_TYPE], orjson.dumps(document)


def _problem(code: str, detail: str, base_url: str, path: str) -> Reply:
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if code in RETRY_AFTER_S:
        headers.append((b"retry-after", RETRY_AFTER_S[code]))
    body = problem_bytes(code, detail, base_url=base_url, instance=path)
    return PROBLEMS[code].status, headers, body
