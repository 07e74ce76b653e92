"""A PostgreSQL database of a bus, copied as it stood at one moment into one SQLite file.

Owns the one connection, which only reads. Copies whatever plain and partitioned tables stand beside
the table `bus`, column by column as they are described there, so that the file holds what the
SQLite engine's would. Nothing is judged here: the file is verified like any other, here or wherever
it is carried to.
"""

import asyncio
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CONNECT_S: Final = 10
ROWS_AT_ONCE: Final = 1000
ROWS_AT_ONCE_OF_LARGE: Final = 32  # of 10 MiB each at worst
LARGE: Final = frozenset({"message", "kept_message", "refusal", "log_group"})
_TYPES: Final = {
    "bytea": "BLOB", "smallint": "INTEGER", "integer": "INTEGER", "bigint": "INTEGER",
    "text": "TEXT", "character varying": "TEXT",
}  # fmt: skip
_PARTITION: Final = re.compile(r".*_d[0-9]+")  # one being made or dropped is no table of its own

_TABLES: Final = """
SELECT c.oid, c.relname FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('bus'))
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
_COLUMNS: Final = """
SELECT a.attname, format_type(a.atttypid, NULL) AS type, a.attnotnull FROM pg_attribute a
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY: Final = """
SELECT a.attname FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = $1 AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)
"""
_INDEXES: Final = {
    name: f"CREATE INDEX {name}_place ON {name} (shard, idx)"
    for name in ("message", "kept_message")
}

Told = Callable[[str], None]
"""Called with the name of the table that is being copied."""


class CopyFailed(Exception):
    """The database can't be reached or read; the text says why, without its address."""


class ExtraMissing(Exception):
    """This installation can't speak to PostgreSQL."""


@dataclass(frozen=True, slots=True)
class _Table:
    oid: int
    name: str
    columns: tuple[tuple[str, str, bool], ...]
    """Name, type there, whether it is NOT NULL."""
    key: tuple[str, ...]

    @property
    def statement(self) -> str:
        """What makes it here."""
        columns = [
            f"{_quoted(name)} {_TYPES.get(type_, 'TEXT')}{' NOT NULL' if filled else ''}"
            for name, type_, filled in self.columns
        ]
        key = [f"PRIMARY KEY ({', '.join(map(_quoted, self.key))})"] if self.key else []
        return f"CREATE TABLE {_quoted(self.name)} ({', '.join(columns + key)})"

    def select_from(self, name: str) -> str:
        """What reads it there; ``name`` as PostgreSQL itself writes it."""
        columns = [
            _quoted(name) if type_ in _TYPES else f"{_quoted(name)}::text"
            for name, type_, _ in self.columns
        ]
        return f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608


def copy_database(url: str, target: Path, told: Told = lambda table: None) -> None:
    """Copy the database at ``url`` into the new file ``target``, readable by its owner only.

    All tables are of one moment: one transaction that reads. Nothing is left behind when it fails.

    Raises:
        ExtraMissing: asyncpg is not installed.
        CopyFailed: the database or the file can't be used, or it holds no bus.
    """
    try:
        import asyncpg
    except ImportError:
        raise ExtraMissing(
            "To read PostgreSQL this needs the extra: pip install 'sealway[agent]'."
        ) from None
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise CopyFailed(f"{target}: {error.strerror}.") from error
    try:
        asyncio.run(_copy(asyncpg, url, target, told))
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, asyncpg.PostgresError):
            raise CopyFailed(f"PostgreSQL says: {error}.") from error
        if isinstance(error, asyncpg.InterfaceError | OSError | ValueError | sqlite3.Error):
            raise CopyFailed(f"The database can't be copied ({_reason(error)}).") from error
        raise


def _reason(error: Exception) -> str:
    """Never what a driver says of an address: that may hold a password."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}{': ' + strerror if strerror else ''}"


async def _copy(asyncpg: Any, url: str, target: Path, told: Told) -> None:
    dsn = url.replace("postgresql+asyncpg://", "postgresql://", 1)
    connection = await asyncpg.connect(dsn, timeout=CONNECT_S)
    try:
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            for setting in ("journal_mode=OFF", "synchronous=OFF"):
                copy.execute(f"PRAGMA {setting}")
            copy.execute("BEGIN")
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                for table in await _tables(connection):
                    told(table.name)
                    await _copy_table(connection, table, copy)
            copy.execute("COMMIT")
    finally:
        await connection.close()


async def _tables(connection: Any) -> list[_Table]:
    found = []
    for oid, name in await connection.fetch(_TABLES):
        if _PARTITION.fullmatch(name):
            continue
        columns = tuple(tuple(row) for row in await connection.fetch(_COLUMNS, oid))
        key = tuple(row[0] for row in await connection.fetch(_KEY, oid))
        found.append(_Table(oid, name, columns, key))
    if not found:
        raise CopyFailed("The database holds no bus: it has no table of that name.")
    return found


async def _copy_table(connection: Any, table: _Table, copy: sqlite3.Connection) -> None:
    copy.execute(table.statement)
    marks = ", ".join("?" * len(table.columns))
    insert = f"INSERT INTO {_quoted(table.name)} VALUES ({marks})"  # noqa: S608
    name = await connection.fetchval("SELECT $1::oid::regclass::text", table.oid)
    cursor = await connection.cursor(table.select_from(name))
    count = ROWS_AT_ONCE_OF_LARGE if table.name in LARGE else ROWS_AT_ONCE
    while rows := await cursor.fetch(count):
        copy.executemany(insert, map(tuple, rows))
    if table.name in _INDEXES:
        copy.execute(_INDEXES[table.name])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
