"""What a bus stored, in the hands of somebody who may write there: they change one byte."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from demonstration.engines import Postgres

PLACE_LOG = 1
PLACE_INDEX = 3


class Group(NamedTuple):
    """Leaves that were committed together: each behind its length, two bytes."""

    shard: int
    first: int
    entries: bytes


class Store(Protocol):
    """A copy of what a bus stored."""

    folder: Path
    place: tuple[int, int]

    def group(self) -> Group:
        """The group that holds `place`, a log's number and an index."""

    def write(self, group: Group) -> None:
        """Put other bytes in a group's place."""


class SqliteCopy:
    """The copy of a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = (PLACE_LOG, PLACE_INDEX)
        (self._file,) = folder.glob("*.db")

    def group(self) -> Group:
        """As `Store`."""
        with sqlite3.connect(self._file) as database:
            row = database.execute(
                "SELECT shard, first_index, entries FROM log_group "
                "WHERE shard = ? AND first_index <= ? ORDER BY first_index DESC LIMIT 1",
                self.place,
            ).fetchone()
        database.close()
        return Group(*row)

    def write(self, group: Group) -> None:
        """As `Store`."""
        with sqlite3.connect(self._file) as database:
            database.execute(
                "UPDATE log_group SET entries = ? WHERE shard = ? AND first_index = ?",
                (group.entries, group.shard, group.first),
            )
        database.close()


class PostgresCopy:
    """The copy of a database, and the folder of a bus that uses it."""

    def __init__(self, folder: Path, postgres: Postgres, url: str) -> None:
        self.folder = folder
        self._postgres, self._url = postgres, url
        shard, first, count = postgres.fetch(
            url,
            "SELECT shard, first_index, count FROM log_group WHERE shard > 0 "
            "ORDER BY count DESC, shard LIMIT 1",
        )
        self.place = (shard, first + count - 1)

    def group(self) -> Group:
        """As `Store`."""
        row = self._postgres.fetch(
            self._url,
            "SELECT shard, first_index, entries FROM log_group "
            "WHERE shard = $1 AND first_index <= $2 ORDER BY first_index DESC LIMIT 1",
            *self.place,
        )
        return Group(*row)

    def write(self, group: Group) -> None:
        """As `Store`."""
        self._postgres.execute(
            self._url,
            "UPDATE log_group SET entries = $1 WHERE shard = $2 AND first_index = $3",
            group.entries,
            group.shard,
            group.first,
        )


def change_one_byte(store: Store) -> tuple[str, str]:
    """Change a character of the leaf's random `n`; gives the leaf's beginning before and after."""
    group = store.group()
    entries, start = group.entries, 0
    for _ in range(store.place[1] - group.first):
        start += 2 + int.from_bytes(entries[start : start + 2], "big")
    leaf = slice(start + 2, start + 2 + int.from_bytes(entries[start : start + 2], "big"))
    place = entries.index(b'"n":"', leaf.start) + 5
    changed = bytearray(entries)
    changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
    store.write(group._replace(entries=bytes(changed)))
    shown = slice(leaf.start, leaf.start + 60)
    return entries[shown].decode(), changed[shown].decode()
