"""The provider's service: plain HTTP, quick, knowing nothing of Sealway.

    python -m benchmarks.provider --port 9103

Both the bus's ``rest`` adapter and the plain proxy call it, so that neither is measured against a
slower or quicker partner. Raw ASGI: what it does for an answer is the least that HTTP allows.
"""

import argparse
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any, Final

import uvicorn

from benchmarks.bodies import answer_body

ANSWERS: Final = 64
KEEPALIVE_S: Final = 75

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


def make_app() -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """The ASGI application: reads the request's body, answers with one of 64 decisions."""
    bodies = cycle([answer_body(number) for number in range(ANSWERS)])

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        body = next(bodies)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def serve(app: Any, port: int) -> None:
    """Serve an application as the bus serves its own: uvloop, httptools, no access log."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="auto",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEPALIVE_S,
    )


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A plain service that decides claims")
    parser.add_argument("--port", type=int, required=True)
    serve(make_app(), parser.parse_args().port)


if __name__ == "__main__":
    main()
