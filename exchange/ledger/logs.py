"""Every log of the bus, as this process can prove from it.

The log it holds, the directory log, and views of what other processes write: opened when asked
for, a bounded number of them, followed when they are behind the leaf asked about.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from exchange.ledger.errors import LogUnavailable
from exchange.ledger.held import LogHeld
from exchange.ledger.log_writer import LogWriter

VIEWS_MAX: Final = 64  # each keeps up to 10 MB of nodes

OpenView = Callable[[int], Awaitable[LogWriter | None]]
"""Opens a log that isn't held here as it stands in the database; None: there is no such log."""


async def no_view(shard: int) -> LogWriter | None:
    """For a bus whose logs are all held by its one process."""
    return None


class Logs:
    """Finds the log that proves a leaf."""

    def __init__(self, directory: LogWriter, held: LogHeld, open_view: OpenView = no_view) -> None:
        self.directory = directory
        self.held = held
        self._open_view = open_view
        self._views: dict[int, LogWriter] = {}
        self._turn = asyncio.Lock()

    async def covering(self, shard: int, index: int) -> LogWriter:
        """A log whose `signed` covers a committed leaf; signs it when nobody has yet.

        Raises:
            LogUnavailable, OutcomeUnknown: no checkpoint that covers it can be signed here.
            StorageUnavailable: the log can't be read.
        """
        writer = self._own(shard) or await self._view(shard)
        if not _covers(writer, index):
            await _cover(writer, index)
        return writer

    async def checkpoint(self, shard: int) -> str | None:
        """A log's last signed checkpoint, as a note; None while nothing of it is signed.

        Raises:
            LogUnavailable: there is no such log.
            StorageUnavailable: it can't be read.
        """
        writer = self._own(shard)
        if writer is None:
            writer = await self._view(shard)
            await writer.follow()
        return writer.signed.note if writer.signed is not None else None

    async def signed_to(self, shard: int, size: int) -> LogWriter:
        """A log whose last signed checkpoint covers ``size`` leaves. Nothing is signed for it.

        Raises:
            LogUnavailable: there is no such log, or it isn't signed that far.
            LogBehind, StorageUnavailable: it can't be read.
        """
        writer = self._own(shard) or await self._view(shard)
        if not _covers(writer, size - 1) and shard != self._held_number():
            await writer.follow()  # others write there too; nobody but us writes what is held
        if not _covers(writer, size - 1):
            raise LogUnavailable("The log isn't signed that far; ask again in a moment.")
        return writer

    def relayed(self, shard: int, end: int) -> None:
        """Entries of a log before ``end`` are with the bus."""
        self.held.relayed(shard, end)

    def _own(self, shard: int) -> LogWriter | None:
        if shard == self.directory.head.shard:
            return self.directory
        return self.held.writer if shard == self._held_number() else None

    def _held_number(self) -> int | None:
        try:
            return self.held.writer.head.shard
        except LogUnavailable:
            return None

    async def _view(self, shard: int) -> LogWriter:
        async with self._turn:
            view = self._views.pop(shard, None)
            if view is not None and view.failed is not None:
                await view.stop()
                view = None
            view = view or await self._open_view(shard)
            if view is None:
                raise LogUnavailable("The receipt's log isn't held here; ask again in a moment.")
            self._views[shard] = view  # the latest last
            if len(self._views) > VIEWS_MAX:
                await self._views.pop(next(iter(self._views))).stop()
            return view

    async def close(self) -> None:
        """Stop the views; what is held is stopped by whoever holds it."""
        views, self._views = self._views, {}
        for view in views.values():
            await view.stop()


def _covers(writer: LogWriter, index: int) -> bool:
    return writer.signed is not None and writer.signed.size > index


async def _cover(writer: LogWriter, index: int) -> None:
    """Have a leaf signed: by the note that its holder stored, else by our own."""
    if index >= writer.head.size:
        await writer.follow(index + 1)
    if _covers(writer, index):
        return
    if index >= writer.head.size:
        raise LogUnavailable("The log doesn't hold this leaf; ask again in a moment.")
    await writer.seal(index + 1)
