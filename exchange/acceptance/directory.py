"""The directory in force in this process: one reference, moved by whoever learns of a change.

Where one process has the database to itself, who commits a change moves it. Where several share
one, others commit too: `refresh` reads what they changed. A commit that finds another version
writes nothing, so a stale directory here can only ever say no too early; who is about to say no
looks once more.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Final, Protocol

from registry.directory import Directory

LOG_NOUN: Final = "log"
ObjectLine = tuple[str, str, int, str]
"""Noun, key, directory version of the last change, JSON."""


class DirectoryReads(Protocol):
    """Where changes of others are read."""

    async def objects(self, after: int = 0) -> list[ObjectLine]:
        """Every object that was changed after a version, by version."""


class DirectoryInForce:
    """Holds the newest directory known here; readers take ``current`` once a message."""

    __slots__ = ("_begun", "_done", "_reads", "_turn", "current")

    def __init__(self, directory: Directory, reads: DirectoryReads | None = None) -> None:
        """``reads``: where others' changes are found; None when there are no others."""
        self.current = directory
        self._reads = reads
        self._turn = asyncio.Lock()
        self._begun = 0
        self._done = 0

    @property
    def version(self) -> int:
        """The version of the directory in force."""
        return self.current.version

    async def refresh(self) -> bool:
        """Learn what others have changed; True when there was something.

        Many may ask at once: each is told by a reading that began after it asked, and one reading
        serves all who waited for it.

        Raises:
            StorageUnavailable: the database can't be asked.
        """
        if self._reads is None:
            return False
        before, asked_at = self.version, self._begun
        async with self._turn:
            if self._done <= asked_at:
                self._begun += 1
                await self._read(self._reads)
                self._done = self._begun
        return self.version > before

    async def _read(self, reads: DirectoryReads) -> None:
        before = self.current
        lines = await reads.objects(before.version)
        newer = [line for line in lines if line[0] != LOG_NOUN]
        version = max((line[2] for line in newer), default=0)
        if version > self.current.version:
            self.current = before.advanced(version, object_rows(newer))


def object_rows(lines: Iterable[ObjectLine]) -> list[tuple[str, str, dict[str, object]]]:
    """Objects as the directory takes them; a log's own record isn't part of it."""
    return [(noun, key, json.loads(text)) for noun, key, _, text in lines if noun != LOG_NOUN]
