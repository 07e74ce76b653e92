"""A bus's database with a long traffic log, made quickly and streamed to its file.

What stands there is what a bus would have kept: each message is signed, sealed under its own key
and committed to by its leaf; tiles, frontier, checkpoint and heads are those of the leaves. It was
never accepted through a door, which is what makes it quick. Memory stays the same at any size.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from exchange.storage.migrations import migrate
from sealway.verify.tree import levels_of
from signing.encoding import b64_encode
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.merkle import append_leaf, frontier_root, leaf_hash
from signing.log.tiles import TILE_WIDTH, encode_entries
from tests.support.made_bus import MadeBus, MadeLog
from tests.support.recorded_bus import BUS

OPEN_AT_ONCE = 16  # requests that wait for their answers, as on a bus under load


class _Long(MadeLog):
    """A log whose leaves go to the file as tiles fill; `leaves` holds what isn't written yet."""

    written = 0
    tiles: list[list[bytes]]
    frontier: list[bytes]

    @property
    def size(self) -> int:
        return self.written + len(self.leaves)

    @property
    def root(self) -> bytes:
        return frontier_root(self.whole_frontier)

    @property
    def whole_frontier(self) -> list[bytes]:
        frontier = list(self.frontier)
        for offset, leaf in enumerate(self.leaves):
            append_leaf(frontier, self.written + offset, leaf_hash(leaf))
        return frontier

    @property
    def place(self) -> dict[str, Any]:
        return {"size": self.size, "root": b64_encode(self.root)}

    def sign(self) -> str:
        self.note_size = self.size
        self.note = sign_checkpoint(
            Checkpoint(self.signer.verifier.name, self.size, self.root), self.signer
        )
        return self.note


class LongBus(MadeBus):
    """One traffic log, 1, of as many entries as asked for; `fill` makes the file."""

    def __init__(self) -> None:
        super().__init__(1)
        made = self.logs[1]
        self.long = _Long(1, made.signer, leaves_max=TILE_WIDTH)
        self.long.tiles, self.long.frontier = [[]], []
        self.logs[1] = self.long

    def fill(self, folder: Path, entries: int) -> Path:
        """A data folder whose log 1 holds so many entries: requests and their answers."""
        folder.mkdir(parents=True)
        asyncio.run(migrate(folder, BUS, "sx", self.now_ms))
        with closing(sqlite3.connect(folder / "sealway.db")) as connection, connection:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("DELETE FROM directory")
            for _ in self._exchanges(entries):
                if len(self.long.leaves) == TILE_WIDTH:
                    self._flush(connection)
            self.heads()
            head = self._head(self.long)
            self._flush(connection)
            for name, rows in self.tables().items():
                _insert(connection, name, [head if _is(row, name) else row for row in rows])
        return folder

    def write_epoch(self, folder: Path) -> Path:
        """The file of the epoch key, for the command line."""
        path = folder / "epoch-1"
        path.write_bytes(self.epochs.keys[1])
        return path

    def _exchanges(self, entries: int) -> Iterator[bytes]:
        waiting: list[Any] = []
        for number in range(entries):
            left = entries - number
            if waiting and (len(waiting) >= min(OPEN_AT_ONCE, left)):
                yield self.answer(1, *waiting.pop(0))
            else:
                asked, hash_ = self.ask(1)
                waiting.append((asked, hash_))
                yield hash_

    def take(self, n: int, *arguments: Any) -> bytes:
        """As any message; its row has the place in the whole log."""
        hash_ = super().take(n, *arguments)
        self.rows["message"][-1]["idx"] = self.long.size - 1
        return hash_

    def _flush(self, connection: sqlite3.Connection) -> None:
        log = self.long
        _insert(connection, "message", self.rows["message"])
        self.rows["message"] = []
        if not log.leaves:
            return
        group = {"shard": 1, "first_index": log.written, "count": len(log.leaves)}
        entries = encode_entries(log.leaves)
        _insert(connection, "log_group", [{**group, "entries": entries}])
        log.frontier = log.whole_frontier
        log.written += len(log.leaves)
        hashes, log.leaves = [leaf_hash(leaf) for leaf in log.leaves], []
        if len(hashes) == TILE_WIDTH:
            self._tile(connection, 0, log.written // TILE_WIDTH - 1, hashes)

    def _tile(
        self, connection: sqlite3.Connection, level: int, number: int, hashes: list[bytes]
    ) -> None:
        place = {"shard": 1, "level": level, "number": number}
        _insert(connection, "log_tile", [{**place, "hashes": b"".join(hashes)}])
        tiles = self.long.tiles
        tiles[level].append(levels_of(hashes)[-1][0])
        if len(tiles[level]) == TILE_WIDTH:
            if len(tiles) == level + 1:
                tiles.append([])
            full, tiles[level] = tiles[level], []
            self._tile(connection, level + 1, number // TILE_WIDTH, full)

    def _head(self, log: MadeLog) -> dict[str, Any]:
        if not isinstance(log, _Long):
            return super()._head(log)
        log.sign()
        return {
            **super()._head(MadeLog(1, log.signer, is_stale=True)),
            "size": log.size,
            "root": log.root,
            "frontier": b"".join(log.whole_frontier),
            "last_ts": log.last_ts,
            "relayed_to": log.size,
            "note": log.note,
            "note_size": log.note_size,
        }


def _is(row: dict[str, Any], table: str) -> bool:
    return table == "log_shard" and row["shard"] == 1


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        columns = list(rows[0])
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        connection.executemany(statement, [list(row.values()) for row in rows])
