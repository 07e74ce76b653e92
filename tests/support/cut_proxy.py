"""A server behind a socket that can be cut: before a request, or between it and its reply.

Two fronts: a Unix socket before a PostgreSQL (`cut_proxy`), and a TCP port before whatever
(`CutProxy.listen`). Besides single cuts, everybody can be cut off, kept waiting or delayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Cut = Literal["request", "reply"]
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
CHUNK_BYTES = 1 << 20


def postgres_at(dsn: str) -> Connect:
    """Connects to a PostgreSQL, by its address."""
    parts = urlsplit(dsn)
    hosts, port = parse_qs(parts.query).get("host"), parts.port or 5432

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if hosts and hosts[0].startswith("/"):
            return await asyncio.open_unix_connection(f"{hosts[0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(parts.hostname or "localhost", port)

    return connect


def port_of(port: int) -> Connect:
    """Connects to a port of the loopback interface."""
    return lambda: asyncio.open_connection("127.0.0.1", port)


class CutProxy:
    """Passes bytes on until told to cut; while `down`, refuses everybody."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._cut: tuple[Cut, Callable[[bytes], bool]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self.down = False
        self.down_after_cut = False
        self.delay_s = 0.0
        """How much later each run of bytes arrives, both ways."""
        self.cuts = 0

    async def listen(self, port: int) -> None:
        """Take connections at a port of the loopback interface, until `end`."""
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", port)

    def cut_next(self, what: Cut, when: Callable[[bytes], bool] = lambda chunk: True) -> None:
        """Cut the connection at the next request that fits."""
        self._cut = (what, when)

    def cut_none(self) -> bool:
        """Take the order to cut back; whether it still stood."""
        stood, self._cut = self._cut is not None, None
        return stood

    def cut_all(self) -> int:
        """End every connection that is open now, at once; how many."""
        count = len(self._writers)
        for writer in self._writers:
            writer.transport.abort()
        return count

    def hold(self) -> None:
        """Pass nothing on any more, and say nothing about it: a cable that was pulled."""
        self._passing.clear()

    def pass_on(self) -> None:
        """Pass on what was held and what comes."""
        self._passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        if self.down:
            writer.close()
            return
        try:
            up_reader, up_writer = await self._connect()
        except OSError:
            writer.close()
            return
        mine = {writer, up_writer}
        self._writers |= mine
        lost = asyncio.Event()
        back = asyncio.create_task(self._back(up_reader, writer, lost))
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError):
            await self._forth(reader, up_writer, lost)
        await asyncio.sleep(0 if not lost.is_set() else 0.05)  # the server ends what it was told
        for one in mine:
            one.close()
        self._writers -= mine
        back.cancel()

    async def _forth(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._late()
            if self._cut is not None and self._cut[1](chunk):
                what, self._cut = self._cut[0], None
                self.cuts += 1
                self.down |= self.down_after_cut
                lost.set()
                if what == "reply":
                    writer.write(chunk)
                    await writer.drain()
                return
            writer.write(chunk)
            await writer.drain()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._late()
                if not lost.is_set():
                    writer.write(chunk)
        writer.close()

    async def _late(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._passing.wait()

    async def end(self) -> None:
        """Take no more connections, and end those that are open."""
        if self._server is not None:
            self._server.close()
        self.cut_all()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def cut_proxy(dsn: str) -> AsyncIterator[tuple[CutProxy, str]]:
    """A proxy to this database, and its own address."""
    proxy, parts = CutProxy(postgres_at(dsn)), urlsplit(dsn)
    with tempfile.TemporaryDirectory(prefix="cut-") as folder:
        server = await asyncio.start_unix_server(proxy.serve, Path(folder) / ".s.PGSQL.5432")
        who = parts.netloc.rpartition("@")[0]
        try:
            yield proxy, f"postgresql://{who}@{parts.path}?host={folder}"
        finally:
            server.close()
            await proxy.end()
