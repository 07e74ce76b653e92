"""A long log in a stopped bus's folder, made past its doors from exchanges that went through them.

    python benchmarks/filling.py FOLDER --entries 100000

Owns the rows of further exchanges: each is a real one of the same folder over again, with the same
ciphertexts, ids and digests of its own, and leaves that name them. The tree over those leaves is
true: tiles, frontier and root are grown by the ledger, which then shows that the log extends what
was signed, moves the mark and signs. Heads are written by the bus itself when it starts.

What it can't make is contents that open: a ciphertext is bound to the id that it was sealed for. A
filled folder is for measuring, and for an audit of the tree; an audit with epoch keys fails there.
"""

import argparse
import asyncio
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from itertools import cycle
from pathlib import Path
from typing import Final

from benchmarks.filling_rows import Rows, group_counts, real_exchanges
from exchange.ledger.marks import Marks
from exchange.ledger.shards import open_log
from exchange.ledger.stored_log import StoredLog
from exchange.ledger.tree import Tree, grow
from exchange.operation.key_files import load_log_signer
from exchange.operation.settings import FILE_NAME, Settings, load_settings
from exchange.storage.sqlite.connection import FILE_NAME as DATABASE
from exchange.storage.sqlite.store import SqliteStore

LOG: Final = 1
BATCH: Final = 4_096  # entries that are written at once
CACHE_KIB: Final = 256 * 1024
FREE_BYTES_MIN: Final = 15 * 1024**3
"""What filling leaves on the disk for others."""

INSERTS: Final = {
    "message": "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "exchange": "INSERT INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "delivery": "INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "log_group": "INSERT INTO log_group VALUES (?, ?, ?, ?)",
    "log_tile": "INSERT INTO log_tile VALUES (?, ?, ?, ?)",
}


def fill(folder: Path, entries: int) -> int:
    """Add so many entries to the log of a stopped bus, or as many as the disk has room for.

    An exchange is two entries, so an odd one is left out. Answers how many were added. A fill that
    is broken off leaves a damaged database: nothing is synced before the end.

    Raises:
        RuntimeError: there is no exchange to go by, or the ledger doesn't take the log for its own.
    """
    settings = load_settings(folder / FILE_NAME, {})
    path = settings.data / DATABASE
    tree = asyncio.run(_read(settings))
    entries = _fitting(path, tree.size, entries) // 2 * 2
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        _write(connection, tree, entries)
    _sync(path)
    asyncio.run(_sign(settings))
    return entries


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(settings.data)
    await store.open(settings.bus, settings.instance)
    try:
        yield store
    finally:
        await store.close()


async def _read(settings: Settings) -> Tree:
    """The log as it stands."""
    async with _opened(settings) as store:
        log = StoredLog(store.reads, LOG)
        return await log.tree(await log.head())


def _fitting(database: Path, held: int, entries: int) -> int:
    """So many of ``entries`` as fit, by what those that are there take."""
    each = database.stat().st_size / max(1, held)
    room = shutil.disk_usage(database.parent).free - FREE_BYTES_MIN
    return max(0, min(entries, int(room / each)))


def _write(connection: sqlite3.Connection, tree: Tree, entries: int) -> None:
    counts = cycle(group_counts(connection, LOG))
    exchanges = cycle(real_exchanges(connection, LOG))
    for batch in _batches(entries):
        connection.execute("BEGIN")
        at_ms, left = now_ms(), batch // 2
        rows = Rows(LOG, tree.size, at_ms)
        while left:
            count = min(left, next(counts))
            rows.add([next(exchanges) for _ in range(count)])
            left -= count
        tree = _grow(connection, tree, rows, at_ms)
        connection.execute("COMMIT")


def _batches(entries: int) -> Iterator[int]:
    for first in range(0, entries, BATCH):
        yield min(BATCH, entries - first)


def _grow(connection: sqlite3.Connection, tree: Tree, rows: Rows, at_ms: int) -> Tree:
    growth = grow(tree, rows.hashes)
    rows.tables["log_tile"] += [(LOG, *tile) for tile in growth.tiles]
    for table, made in rows.tables.items():
        connection.executemany(INSERTS[table], made)
    grown = growth.tree
    connection.execute(
        "UPDATE log_shard SET size = ?1, root = ?, frontier = ?, last_ts = ?, relayed_to = ?1"
        " WHERE shard = ?",
        (grown.size, grown.root, b"".join(grown.frontier), at_ms, LOG),
    )
    return grown


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)


async def _sign(settings: Settings) -> None:
    """Have the ledger show that the log extends its mark, move the mark, sign, keep the note."""
    with closing(Marks(settings.state / "marks")) as marks:
        async with _opened(settings) as store:
            head = await StoredLog(store.reads, LOG).head()
            signer = load_log_signer(settings.keys, settings.bus, str(LOG))
            writer = await open_log(store, store.reads, head, signer, marks, now_ms)
            if writer.failed is not None:
                raise RuntimeError(
                    f"The ledger doesn't go on from what was filled: {writer.failed}"
                )
            await writer.close()


def main() -> int:
    """Fill a folder with little claim on processor and disk; say how long an entry took."""
    parser = argparse.ArgumentParser(description="Make the log of a stopped bus long")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=int, required=True)
    args = parser.parse_args()
    os.nice(10)
    began_s = time.monotonic()
    added = fill(args.folder, args.entries)
    took_s = time.monotonic() - began_s
    print(
        f"  {added:,} entries past the doors in {took_s:.0f} s, {took_s / max(1, added) * 1e6:.0f}"
        " µs each; their tree is true, their contents can't be opened",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
