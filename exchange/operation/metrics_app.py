"""`/metrics`: the figures of this process as text, on a listener that nothing else shares.

Owns one answer. Invariant: it is made in one turn of the event loop, from memory; a scrape waits
for nobody and holds up nobody for longer than its few hundred lines take to write.
"""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from exchange.api.asgi import AsgiApp, Receive, Scope, Send, send
from exchange.api.problems import MEDIA_TYPE, PROBLEMS, problem_bytes
from exchange.api.replies import Reply

PATH = "/metrics"


def metrics_app(registry: CollectorRegistry, base_url: str = "") -> AsgiApp:
    """The answer as an ASGI application; whatever else is asked is not found.

    `base_url` is where the pages about problems are.
    """

    async def app(scope: Scope, receive: Receive, to: Send) -> None:
        if scope["type"] == "http":
            await send(to, *_reply(scope, registry, base_url))

    return app


def _reply(scope: Scope, registry: CollectorRegistry, base_url: str) -> Reply:
    if scope["path"] != PATH:
        return _problem("not-found", "There is nothing at this address.", base_url, scope)
    if scope["method"] not in ("GET", "HEAD"):
        return _problem("method-not-allowed", "Only GET is answered here.", base_url, scope)
    headers = [(b"content-type", CONTENT_TYPE_LATEST.encode("ascii"))]
    return 200, headers, generate_latest(registry)


def _problem(code: str, detail: str, base_url: str, scope: Scope) -> Reply:
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    body = problem_bytes(code, detail, base_url=base_url, instance=scope["path"])
    return PROBLEMS[code].status, headers, body
