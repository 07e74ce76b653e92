"""The server's own limits, over real sockets: headers that are too many, too long, too slow."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from uvicorn.server import ServerState

from exchange.api.asgi import Receive, Scope, Send, send
from exchange.api.protocol import limited_protocol

LIMIT = 1_000
GET = b"GET /there HTTP/1.1\r\nhost: x\r\n"


async def _app(scope: Scope, receive: Receive, to: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send(to, 200, [], b"here")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    protocol = limited_protocol("http://bus.test", LIMIT, 0.3)
    config = uvicorn.Config(_app, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def _connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _talk(port: int, *pieces: bytes, pause_s: float = 0.02) -> bytes:
    """Everything the server says until it closes or a request is answered and we close."""
    async with _connected(port) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        with suppress(OSError):
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 5)


def _code(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in head
    document = json.loads(body)
    assert document["type"] == "http://bus.test/problems/header-too-large"
    return str(document["code"])


async def test_a_request_of_http_1_1_names_its_host(port: int) -> None:
    nameless = await _talk(port, b"POST /there HTTP/1.1\r\ncontent-length: 1\r\n\r\nx")
    assert nameless.startswith(b"HTTP/1.1 400 ")
    assert b"names its host" in nameless
    assert b"here" not in nameless
    assert (await _talk(port, b"GET /there HTTP/1.0\r\n\r\n")).endswith(b"here")


async def test_headers_within_the_limit_are_served_in_one_piece_or_many(port: int) -> None:
    field = b"a: " + b"x" * 900 + b"\r\n\r\n"
    assert (await _talk(port, GET + field)).endswith(b"here")
    assert (await _talk(port, GET, field[:450], field[450:])).endswith(b"here")


@pytest.mark.parametrize(
    "pieces",
    [
        (GET + b"a: " + b"x" * LIMIT + b"\r\n\r\n",),
        (GET + b"a: b\r\n" * 300 + b"\r\n",),
        (GET, b"a: " + b"x" * 600, b"x" * 600),
        (b"GET /" + b"x" * LIMIT + b" HTTP/1.1\r\n\r\n",),
        (GET + b"content-length: 5\r\na: " + b"x" * LIMIT + b"\r\n\r\n", b"hello"),
    ],
)
async def test_headers_over_the_limit_are_a_problem_and_the_end(
    port: int, pieces: tuple[bytes, ...]
) -> None:
    assert _code(await _talk(port, *pieces)) == "header-too-large"


async def test_a_body_does_not_count_as_headers(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n"
    assert (await _talk(port, head, b"x" * 10_000, b"x" * 10_000)).endswith(b"here")


async def test_each_request_of_a_connection_has_the_whole_limit(port: int) -> None:
    request = GET + b"a: " + b"x" * 600 + b"\r\n\r\n"
    answer = await _talk(port, request, request, request)
    assert answer.count(b"here") == 3


async def test_trailers_count_as_headers(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
    answer = await _talk(port, head, b"0\r\n" + b"a: b\r\n" * 300 + b"\r\n")
    assert b"here" not in answer


async def test_headers_that_never_end_are_closed_without_a_word(port: int) -> None:
    async with _connected(port) as (reader, writer):
        writer.write(GET)
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    async with _connected(port) as (reader, _):
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_slow_next_request_is_closed_too(port: int) -> None:
    async with _connected(port) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.5)  # idle, which the server's keep-alive judges
        writer.write(GET)
        assert await asyncio.wait_for(reader.read(), 5) == b""
