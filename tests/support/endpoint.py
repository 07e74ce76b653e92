"""A push endpoint for a running bus: a socket that says what a test scripts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from signing.message import FRAME_TYPE


@dataclass
class Posted:
    """What came in."""

    headers: Mapping[str, str]
    body: bytes


Said = bytes | None
"""The bytes of a whole HTTP reply, or None: nothing is said and the line stays open."""


def reply(status: int, body: bytes = b"", kind: str = FRAME_TYPE, *lines: str) -> bytes:
    """A whole HTTP reply."""
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


@dataclass
class Endpoint:
    """Remembers what was posted, says what the script says."""

    script: Callable[[Posted], Awaitable[Said]]
    posted: list[Posted] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.posted.append(Posted(headers, body))
                said = await self.script(self.posted[-1])
                if said is None:
                    await asyncio.Event().wait()
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def nothing(posted: Posted) -> Said:
    """202: the answer comes later."""
    return reply(202)


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """An endpoint that listens."""
    made = Endpoint(nothing)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
