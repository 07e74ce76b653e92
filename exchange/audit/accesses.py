"""What people read or took away, found in log 0 page by page; for auditors.

Each page reads a bounded piece of the log, and opens the records of the leaves that it shows. A
page may be empty and not the last one: the cursor says how far the log was looked through. Nothing
is recorded: what is shown is the log itself, no content.
"""

from collections.abc import Callable
from typing import Any, Final

from exchange.audit.reading import LogReader
from exchange.storage.port import Reads
from sealway.audit.layout import Sort
from sealway.verify.accesses import ACCESS_KINDS, AccessFilter, Place, line_of
from signing.log.leaf import Leaf, parse_leaf
from signing.records import decode_record

LEAVES_MAX: Final = 16_384  # of one page: eleven days of heads, some 20 ms
_KINDS: Final = tuple(b'"k":"' + kind.encode() + b'"' for kind in sorted(ACCESS_KINDS))


class Accessed:
    """Finds reads and exports in log 0 and what succeeded it."""

    def __init__(self, reader: LogReader, reads: Reads, newest: Callable[[], tuple[int, int]]):
        """``newest``: the directory log in force, and how many of its leaves are signed."""
        self._reader = reader
        self._reads = reads
        self._newest = newest

    async def page(
        self, asked: AccessFilter, start: Place, limit: int
    ) -> tuple[list[dict[str, Any]], Place | None]:
        """At most ``limit`` lines from a place on, and the place to go on at; None: no more.

        Raises:
            StorageUnavailable: the log can't be read now.
        """
        lines: list[dict[str, Any]] = []
        left, (newest, signed) = LEAVES_MAX, self._newest()
        for n in range(start[0], newest - 1, -1):
            end = signed if n == newest else await self._size(n)
            first = max(start[1] if n == start[0] else 0, await self._since(asked, n, end))
            stop = await self._until(asked, n, end)
            async for index, raw in self._reader.leaves(n, first, stop):
                if not left or len(lines) == limit:
                    return lines, (n, index)
                left -= 1
                if any(kind in raw for kind in _KINDS):
                    lines += await self._line(asked, n, index, parse_leaf(raw))
            if stop < end:
                break
        return lines, None

    async def _size(self, n: int) -> int:
        head = await self._reads.head(n)
        return 0 if head is None else head.size

    async def _since(self, asked: AccessFilter, n: int, end: int) -> int:
        return 0 if asked.since_ms is None else await self._first_at(n, end, asked.since_ms)

    async def _until(self, asked: AccessFilter, n: int, end: int) -> int:
        return end if asked.until_ms is None else await self._first_at(n, end, asked.until_ms + 1)

    async def _first_at(self, n: int, end: int, ts_ms: int) -> int:
        """The first leaf that is no older; times never run back in a log."""
        low, high = 0, end
        while low < high:
            middle = (low + high) // 2
            if (await self._reader.leaf(n, middle)).ts_ms < ts_ms:
                low = middle + 1
            else:
                high = middle
        return low

    async def _line(
        self, asked: AccessFilter, n: int, index: int, leaf: Leaf
    ) -> list[dict[str, Any]]:
        if not asked.takes_leaf(leaf):
            return []
        act = await self._reader.record(n, index, leaf)
        record = decode_record(act.data) if act.sort is Sort.RECORD else None
        line = line_of(leaf, record, n, index)
        return [line] if asked.takes_line(line) else []
