"""A server that says exactly what a test tells it to, on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
import uvloop

Reply = bytes | None | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Gives the replies in turn, the last one for ever; None closes the connection.

    Connections stay open after a reply unless the reply closes them.
    """

    replies: list[Reply]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.requests.append(await _read_request(reader))
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply is None:
                    break
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                    if b"connection: close" in reply.lower() or b"HTTP/1.0" in reply:
                        break
                else:
                    await reply(writer)
        writer.close()

    def hang_up(self) -> None:
        """Close every connection that is open now."""
        for writer in self.writers:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return head + await reader.readexactly(int(value))
    return head


MakeServer = Callable[..., Awaitable[ScriptedServer]]


@pytest.fixture
async def scripted() -> AsyncIterator[MakeServer]:
    running: list[tuple[asyncio.Server, ScriptedServer]] = []

    async def make(*replies: Reply) -> ScriptedServer:
        script = ScriptedServer(list(replies))
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        script.port = server.sockets[0].getsockname()[1]
        running.append((server, script))
        return script

    yield make
    for server, script in running:
        server.close()
        script.hang_up()
        await server.wait_closed()
    await asyncio.sleep(0)


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


@pytest.fixture(name="ok")
def ok_fixture() -> Callable[..., bytes]:
    return ok


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The transport is tried on both loops that it runs on; all else on the plain one."""
    plain = {"asyncio": asyncio.new_event_loop}
    if item.path.name == "test_plain_http.py":
        return {**plain, "uvloop": uvloop.new_event_loop}
    return plain
