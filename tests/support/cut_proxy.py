"""A PostgreSQL behind a socket that can be cut, just before a request or just before its reply."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Cut = Literal["request", "reply"]


class CutProxy:
    """Passes bytes on until told to cut; while `down`, refuses everybody."""

    def __init__(self, dsn: str) -> None:
        self._dsn = urlsplit(dsn)
        self._cut: tuple[Cut, Callable[[bytes], bool]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.down = False
        self.down_after_cut = False
        self.cuts = 0

    def cut_next(self, what: Cut, when: Callable[[bytes], bool] = lambda chunk: True) -> None:
        """Cut the connection at the next request that fits."""
        self._cut = (what, when)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        if self.down:
            writer.close()
            return
        up_reader, up_writer = await self._connect()
        lost = asyncio.Event()
        back = asyncio.create_task(self._back(up_reader, writer, lost))
        self._tasks.add(back)
        with contextlib.suppress(OSError):
            await self._forth(reader, up_writer, lost)
        await asyncio.sleep(0 if not lost.is_set() else 0.05)  # the server ends what it was told
        for one in (writer, up_writer):
            one.close()
        back.cancel()

    async def _forth(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while chunk := await reader.read(1 << 20):
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
            while chunk := await reader.read(1 << 20):
                if not lost.is_set():
                    writer.write(chunk)
        writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        hosts = parse_qs(self._dsn.query).get("host")
        port = self._dsn.port or 5432
        if hosts and hosts[0].startswith("/"):
            return await asyncio.open_unix_connection(f"{hosts[0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._dsn.hostname or "localhost", port)

    async def end(self) -> None:
        """Cancel what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def cut_proxy(dsn: str) -> AsyncIterator[tuple[CutProxy, str]]:
    """A proxy to this database, and its own address."""
    proxy, parts = CutProxy(dsn), urlsplit(dsn)
    with tempfile.TemporaryDirectory(prefix="cut-") as folder:
        server = await asyncio.start_unix_server(proxy.serve, Path(folder) / ".s.PGSQL.5432")
        who = parts.netloc.rpartition("@")[0]
        try:
            yield proxy, f"postgresql://{who}@{parts.path}?host={folder}"
        finally:
            server.close()
            await proxy.end()
