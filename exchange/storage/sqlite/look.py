"""A look at the file from outside the store, also while a bus serves it; nothing is written."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from exchange.storage.errors import StorageUnavailable
from exchange.storage.sqlite.connection import FILE_NAME, connect


@dataclass(frozen=True, slots=True)
class FileView:
    """Whose it is, and how many leaves each open log has, by origin."""

    version: str
    schema: int
    bus: str
    instance: str
    sizes: dict[str, int]


def look(folder: Path) -> FileView | None:
    """What the file in this folder says; None when there is none, or no table in it.

    Raises:
        StorageUnavailable: it can't be read.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        connection = connect(path, read_only=True)
        try:
            return _look(connection)
        finally:
            connection.close()
    except sqlite3.Error as problem:
        raise StorageUnavailable(f"{path} can't be read ({problem}).") from problem


def _look(connection: sqlite3.Connection) -> FileView | None:
    there = "SELECT count(*) FROM sqlite_master WHERE name = 'bus'"
    if not connection.execute(there).fetchone()[0]:
        return None
    schema, bus, instance = connection.execute(
        "SELECT schema_version, bus, instance FROM bus"
    ).fetchone()
    sizes = dict(
        connection.execute("SELECT origin, size FROM log_shard WHERE state = 'open'").fetchall()
    )
    return FileView(sqlite3.sqlite_version, schema, bus, instance, sizes)
