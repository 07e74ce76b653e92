"""Reading a copied database: the one module here that speaks SQL.

Never writes into the folder. A file whose write-ahead log holds something is copied elsewhere and
recovered there; any other is opened as immutable. The file may be hostile: views in the place of
tables, huge values, pages that lead in circles and other types are errors, never a crash. Values
come back as they are stored: whoever reads them checks their types.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = "sealway.db"
VALUE_BYTES_MAX: Final = 16 * 1024 * 1024  # content of 10 MiB and its tags; nothing is longer
BATCH: Final = 256
BATCH_OF_MANY: Final = 8  # rows that hold 256 leaves or hashes each: up to 256 KB
STEPS_A_TICK: Final = 1_000_000
TICKS_MIN: Final = 200  # of steps: what a small hostile file may cost, some ten seconds
BYTES_A_TICK: Final = 10_000  # an honest file needs far fewer steps for its bytes
BYTES_A_ROW: Final = 4  # no row is shorter: pages that lead in circles would give more rows
CACHE_KIB: Final = 2_048  # logs are read from one end to the other: more would only be held

TABLES: Final = (
    "bus", "directory", "directory_object", "system_number", "log_shard", "log_group", "log_tile",
    "message", "record", "refusal",
)  # fmt: skip
OPTIONAL_TABLES: Final = ("kept_message",)  # from schema 2 on
PLACED_TABLES: Final = ("message", "record", "refusal", *OPTIONAL_TABLES)

Row = tuple[Any, ...]


class DatabaseUnreadable(Exception):
    """The file, or a part of it, can't be read. Never leaves the verifier."""


class FolderUnusable(Exception):
    """There is no database in this folder, or none that can be read."""


@contextmanager
def open_database(folder: Path) -> Iterator["Database"]:
    """The database of a copied data folder, or a database file itself, read-only.

    Raises:
        FolderUnusable: no file `sealway.db` is there, or it can't be read or copied.
        DatabaseUnreadable: it is no SQLite database.
    """
    path = folder if folder.is_file() else folder / FILE_NAME
    if not path.is_file():
        inner = folder / "data" / FILE_NAME
        hint = f"; {inner.parent} holds one" if inner.is_file() else ""
        raise FolderUnusable(f"{folder} holds no {FILE_NAME}{hint}.")
    with ExitStack() as stack:
        try:
            if any(_is_filled(Path(f"{path}-{end}")) for end in ("wal", "journal")):
                copy = stack.enter_context(tempfile.TemporaryDirectory(prefix="sealway-verify-"))
                path = _copied(path, Path(copy))
                uri = f"{path.absolute().as_uri()}?mode=rw"
            else:
                uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            size = path.stat().st_size
        except OSError as error:
            raise FolderUnusable(f"{error.filename}: {error.strerror}.") from error
        connection = _connect(uri)
        stack.callback(connection.close)
        yield Database(connection, size, uri)


def _is_filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _copied(path: Path, into: Path) -> Path:
    """The file and what recovers it; not the shared memory, which is made anew."""
    for end in ("", "-wal", "-journal"):
        source = Path(f"{path}{end}")
        if source.is_file():
            shutil.copyfile(source, into / source.name)
    return into / path.name


def _connect(uri: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)
        for setting in (
            "trusted_schema=OFF",
            "cell_size_check=ON",
            "mmap_size=0",
            f"cache_size=-{CACHE_KIB}",
            "temp_store=FILE",
        ):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA query_only=ON")
    except sqlite3.Error as error:
        raise DatabaseUnreadable(f"{FILE_NAME} is no SQLite database: {error}") from error
    return connection


def _placed(shard: int, column: str, first: int, end: int | None) -> tuple[str, list[int]]:
    """A condition on a row's log and index. Without bounds also what stands at no index."""
    place, values = "shard = ?", [shard]
    if first:
        place, values = f"{place} AND {column} >= ?", [*values, first]
    if end is not None:
        place = f"{place} AND {column} >= 0 AND {column} < ? AND typeof({column}) = 'integer'"
        values.append(end)
    return place, values


class Database:
    """The tables that the verifier reads. Every method raises `DatabaseUnreadable`."""

    def __init__(self, connection: sqlite3.Connection, size_bytes: int, uri: str) -> None:
        self._connection = connection
        self._size_bytes = size_bytes
        self._uri = uri
        self._ticks = 0
        self._ticks_max = TICKS_MIN + size_bytes // BYTES_A_TICK
        self._rows_max = size_bytes // BYTES_A_ROW
        self._barred: frozenset[str] = frozenset()
        connection.set_progress_handler(self._tick, STEPS_A_TICK)
        self.missing_tables = self._find_missing()
        """Tables that aren't there, or aren't plain tables with stored columns: never read."""
        self._barred = frozenset(self.missing_tables)
        self._kept = "kept_message" not in self.missing_tables and self._has("kept_message", "id")
        self._logs_of_objects = self._has("directory_object", "log")

    def again(self) -> "Database":
        """The same file, opened once more: for another process."""
        return Database(_connect(self._uri), self._size_bytes, self._uri)

    def _tick(self) -> int:
        self._ticks += 1
        return int(self._ticks > self._ticks_max)

    def _rows(
        self, table: str, statement: str, values: Sequence[object] = (), batch: int | None = None
    ) -> Iterator[Row]:
        if table in self._barred:
            raise DatabaseUnreadable(f"There is no table {table} that can be read.")
        left = self._rows_max
        try:
            cursor = self._connection.execute(statement, values)
            while rows := cursor.fetchmany(batch or BATCH):
                yield from rows
                left -= len(rows)
                if left < 0:
                    raise DatabaseUnreadable(f"Table {table} has more rows than its file can hold.")
        except (sqlite3.Error, OverflowError) as error:
            raise DatabaseUnreadable(f"The database can't be read: {error}") from error

    def _find_missing(self) -> tuple[str, ...]:
        kinds = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE ?"
        found = {name for (name,) in self._rows("sqlite_master", kinds, ("CREATE VIRTUAL%",))}
        there = (*TABLES, *(name for name in OPTIONAL_TABLES if name in found))
        return tuple(name for name in there if name not in found or self._is_computed(name))

    def _has(self, table: str, column: str) -> bool:
        counted = "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?"
        return any(count for (count,) in self._rows("sqlite_master", counted, (table, column)))

    def _is_computed(self, table: str) -> bool:
        hidden = "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden <> 0"
        return any(count for (count,) in self._rows("sqlite_master", hidden, (table,)))

    def bus(self) -> list[Row]:
        """(schema version, bus, instance): one row."""
        return list(self._rows("bus", "SELECT schema_version, bus, instance FROM bus LIMIT 2"))

    def directory_version(self) -> list[Row]:
        """(version): one row."""
        return list(self._rows("directory", "SELECT version FROM directory LIMIT 2"))

    def heads(self) -> Iterator[Row]:
        """(shard, origin, state, size, root, frontier, last_ts, note, note_size) of each log."""
        return self._rows(
            "log_shard",
            "SELECT shard, origin, state, size, root, frontier, last_ts, note, note_size"
            " FROM log_shard ORDER BY shard",
        )

    def groups(self, shard: int, since: int = 0) -> Iterator[Row]:
        """(first index, count, entries) of a log, in order; with ``since`` only from there on."""
        place, values = _placed(shard, "first_index", since, None)
        return self._rows(
            "log_group",
            f"SELECT first_index, count, entries FROM log_group WHERE {place}"  # noqa: S608
            " ORDER BY first_index",
            values,
            BATCH_OF_MANY,
        )

    def tiles(self, shard: int) -> Iterator[Row]:
        """(level, number, hashes) of a log's full tiles, level by level."""
        return self._rows(
            "log_tile",
            "SELECT level, number, hashes FROM log_tile WHERE shard = ? ORDER BY level, number",
            (shard,),
            BATCH_OF_MANY,
        )

    def leaf_hashes(self, shard: int, first: int, end: int) -> Iterator[Row]:
        """(number, hashes) of some full tiles of the lowest level, in order."""
        return self._rows(
            "log_tile",
            "SELECT number, hashes FROM log_tile WHERE shard = ? AND level = 0"
            " AND number >= ? AND number < ? ORDER BY number",
            (shard, first, end),
            BATCH_OF_MANY,
        )

    def records(self, shard: int, first: int = 0, end: int | None = None) -> Iterator[Row]:
        """(index, bytes, leaf salt, key), by index; with ``end`` only those of some leaves."""
        place, values = _placed(shard, "idx", first, end)
        return self._rows(
            "record",
            f"SELECT idx, bytes, leaf_salt, key FROM record WHERE {place} ORDER BY idx",  # noqa: S608
            values,
        )

    def refusals(self, shard: int, first: int = 0, end: int | None = None) -> Iterator[Row]:
        """(index, id, code, envelope, leaf salt, key, until), by index; as `records`."""
        place, values = _placed(shard, "idx", first, end)
        return self._rows(
            "refusal",
            "SELECT idx, id, code, envelope, leaf_salt, key, until FROM refusal"  # noqa: S608
            f" WHERE {place} ORDER BY idx",
            values,
        )

    def outside(self, table: str, shard: int, end: int) -> Iterator[Row]:
        """(index) of a log's rows that stand for none of its first ``end`` leaves."""
        assert table in PLACED_TABLES
        return self._rows(
            table,
            f"SELECT idx FROM {table} WHERE shard = ? AND"  # noqa: S608
            " (typeof(idx) <> 'integer' OR idx < 0 OR idx >= ?) ORDER BY idx",
            (shard, end),
        )

    def message_places(self, shard: int) -> Iterator[Row]:
        """(index, row number) by index; the rows themselves are read by `messages`.

        A row that retention kept aside has a number below 0.
        """
        places, values = "SELECT idx, rowid FROM message WHERE shard = ?", [shard]
        if self._kept:
            places += " UNION ALL SELECT idx, -1 - rowid FROM kept_message WHERE shard = ?"
            values.append(shard)
        return self._rows("message", f"{places} ORDER BY 1", values)

    def messages(self, numbers: Sequence[object], *, sealed: bool) -> Iterator[Row]:
        """(index, id, sender, digest, leaf hash, accepted at) of these rows, in any order.

        A range is read in one go.
        With ``sealed`` also (leaf salt, envelope, its key, content, its key).
        """
        columns = "idx, id, sender, digest, leaf_hash, accepted_at"
        if sealed:
            columns += ", leaf_salt, envelope, envelope_key, content, content_key"
        if isinstance(numbers, range) and numbers and numbers[0] >= 0:
            statement = f"SELECT {columns} FROM message WHERE rowid BETWEEN ? AND ?"  # noqa: S608
            yield from self._rows("message", statement, (numbers[0], numbers[-1]))
            return
        kept = [-1 - n for n in numbers if isinstance(n, int) and n < 0]
        plain = [n for n in numbers if not isinstance(n, int) or n >= 0]
        for table, some in (("message", plain), ("kept_message", kept)):
            if some:
                marks = ",".join("?" * len(some))
                statement = f"SELECT {columns} FROM {table} WHERE rowid IN ({marks})"  # noqa: S608
                yield from self._rows(table, statement, some)

    def objects(self) -> Iterator[Row]:
        """(noun, key, version, log, index, object) of the directory as the bus reads it."""
        log = "log" if self._logs_of_objects else "0"
        return self._rows(
            "directory_object",
            f"SELECT noun, key, version, {log}, idx, object"  # noqa: S608
            " FROM directory_object ORDER BY noun, key",
        )

    def systems(self) -> Iterator[Row]:
        """(number, system) of the small numbers that stand for senders."""
        return self._rows("system_number", "SELECT n, system FROM system_number")

    def strays(self, table: str, shards: Sequence[int]) -> Iterator[Row]:
        """(shard, index) of rows whose place is in none of these logs."""
        assert table in PLACED_TABLES
        if table in OPTIONAL_TABLES and not self._kept:
            return iter(())
        marks = ",".join(str(int(shard)) for shard in shards)
        return self._rows(
            table,
            f"SELECT shard, idx FROM {table} WHERE typeof(shard) <> 'integer'"  # noqa: S608
            f" OR shard NOT IN ({marks})",
        )
