"""The peer: a plain proxy, as somebody would write it who needs none of what the bus does.

    python -m benchmarks.proxy --port 9102 --provider http://127.0.0.1:9103

FastAPI with the raw request, aiohttp to the provider. Nothing is signed, checked or kept.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from fastapi import FastAPI, Request, Response

from benchmarks.provider import KEEPALIVE_S, serve


def make_app(provider: str) -> FastAPI:
    """The application; ``provider`` is the address every body is handed to."""
    sessions: list[aiohttp.ClientSession] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            sessions.append(session)
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/decisions")
    async def forward(request: Request) -> Response:
        body = await request.body()
        headers = {"content-type": request.headers.get("content-type", "application/json")}
        async with sessions[0].post(f"{provider}/decisions", data=body, headers=headers) as got:
            data = await got.read()
            return Response(data, status_code=got.status, media_type=got.content_type)

    return app


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A proxy that hands bodies on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--provider", required=True)
    args = parser.parse_args()
    serve(make_app(args.provider), args.port)


if __name__ == "__main__":
    main()
