"""A small time-stamp authority (RFC 3161): its root, its answers, and the mistakes it can make."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.serialization import Encoding

from exchange.witnessing.time_stamping import REJECTED, issue, new_credentials, parse_request

DAY_MS = 86_400_000


@dataclass
class Authority:
    """One authority; what is set here it does to each answer."""

    accuracy_ms: int | None = 500
    late_ms: int = 0
    """How far its clock is ahead."""
    nonce: int | None = None
    """Answers this one instead of what it was asked with."""
    status: str = "granted"
    is_away: bool = False
    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        self._credentials = new_credentials("An authority", now_ms - DAY_MS, now_ms + 10 * DAY_MS)
        self.root = self._credentials.root

    @property
    def root_pem(self) -> bytes:
        """The root, as an operator and an auditor are given it."""
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, query: bytes) -> bytes:
        """The response to a request."""
        self.asked.append(query)
        if self.status != "granted":
            return REJECTED
        asked = parse_request(query)
        if self.nonce is not None:
            asked = replace(asked, nonce=self.nonce)
        at_ms = time.time_ns() // 1_000_000 + self.late_ms
        return issue(asked, self._credentials, at_ms, accuracy_ms=self.accuracy_ms)


@asynccontextmanager
async def served(authority: Authority) -> AsyncIterator[str]:
    """The authority over HTTP, in this loop; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            query = await reader.readexactly(length)
            reply = b"" if authority.is_away else authority.answer(query)
            status = b"503 Away" if authority.is_away else b"200 OK"
            writer.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/timestamp-reply\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(reply), reply)
            )
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tsa"
    finally:
        server.close()
        await server.wait_closed()
