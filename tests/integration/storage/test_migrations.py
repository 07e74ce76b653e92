"""Migrations: a database of any age comes to one schema, with its data, all or nothing."""

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from exchange.storage import migrations
from exchange.storage.errors import StorageForeign, StorageInUse, StorageUnavailable
from exchange.storage.migrations import Migrated, migrate
from exchange.storage.migrations.owner import SCHEMA_VERSION
from exchange.storage.migrations.versions import schema_0001
from exchange.storage.postgres.schema import make_partitions
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import ObjectPlace
from exchange.storage.sqlite.store import SqliteStore
from tests.conformance.storage.rows import NOW, id_of
from tests.integration.storage import derived
from tests.integration.storage.conftest import BUS, INSTANCE, opened
from tests.support import postgres as servers

SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
COLUMNS = """
SELECT c.relname, c.relkind::text, c.reloptions, pg_get_partkeydef(c.oid), a.attnum, a.attname,
  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage::text,
  pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
  AND c.relname <> 'alembic_version' AND c.relname !~ '_d[0-9]+$'
ORDER BY c.relname, a.attnum
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
  AND tablename <> 'alembic_version' AND tablename !~ '_d[0-9]+$' ORDER BY indexdef
"""


async def tables_of(dsn: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch(COLUMNS) + await connection.fetch(INDEXES)
        return [tuple(row) for row in found]
    finally:
        await connection.close()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def tables_of_file(path: Path) -> list[object]:
    connection = sqlite3.connect(path)
    try:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version'"
                " ORDER BY name"
            )
        ]
        found: list[object] = []
        for name in names:
            found.append((name, connection.execute(f"PRAGMA table_info({name})").fetchall()))
            indexes = connection.execute(f"PRAGMA index_list({name})").fetchall()
            for index in sorted(row[1:] for row in indexes):
                columns = connection.execute(f"PRAGMA index_info({index[0]})").fetchall()
                found.append((name, index, columns))
        partial = connection.execute(
            "SELECT name, replace(replace(sql, char(10), ''), ' ', '') FROM sqlite_master"
            " WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        )
        return found + partial.fetchall()
    finally:
        connection.close()


def made_by_schema_1(folder: Path) -> Path:
    """The data folder of a bus that the last version with schema 1 left."""
    folder.mkdir()
    connection = sqlite3.connect(folder / "sealway.db")
    connection.executescript(SCHEMA_1.read_text())
    connection.close()
    return folder


async def fill_with_schema_1(dsn: str) -> None:
    """The same bus on PostgreSQL, made as schema 1 was made: without Alembic."""
    lines = SCHEMA_1.read_text().splitlines()
    rows = [line.replace("X'", r"'\x") for line in lines if line.startswith("INSERT INTO")]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(schema_0001.POSTGRES)
        for n in range(16):
            await connection.execute(schema_0001.GROUPS.format(n=n))
        await make_partitions(connection, NOW)
        for row in rows:
            await connection.execute(row)
    finally:
        await connection.close()


# ---------------------------------------------------------------- what they come to


def test_the_schema_is_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [f"{SCHEMA_VERSION:04}"]


async def test_migrations_come_to_the_tables_as_described_on_postgres(
    dsn: str, dsn_of_server: str
) -> None:
    other = await servers.new_database(dsn_of_server)
    await execute(other, *derived.on_postgres())
    try:
        assert await tables_of(dsn) == await tables_of(other)
    finally:
        await servers.drop_database(dsn_of_server, other)


async def test_migrations_come_to_the_tables_as_described_on_sqlite(tmp_path: Path) -> None:
    await migrate(tmp_path, BUS, INSTANCE, NOW)
    other = sqlite3.connect(tmp_path / "other.db")
    for statement in derived.on_sqlite():
        other.execute(statement)
    other.close()
    assert tables_of_file(tmp_path / "sealway.db") == tables_of_file(tmp_path / "other.db")


# ---------------------------------------------------------------- PostgreSQL


async def test_a_database_without_tables_says_to_run_migrate(empty: str) -> None:
    with pytest.raises(StorageForeign, match="run `sealway migrate`"):
        await opened(empty, "me")
    assert await migrate(empty, BUS, INSTANCE, NOW) == Migrated(None, SCHEMA_VERSION)
    assert await migrate(empty, BUS, INSTANCE, NOW) == Migrated(SCHEMA_VERSION, SCHEMA_VERSION)
    store = await opened(empty, "me")
    assert await store.days_ahead(NOW) == 7
    await store.close()


async def test_several_who_migrate_at_once_make_the_tables_once(empty: str) -> None:
    done = await asyncio.gather(*(migrate(empty, BUS, INSTANCE, NOW) for _ in range(4)))
    assert sorted((one.before or 0, one.now) for one in done) == [
        (0, SCHEMA_VERSION),
        *[(SCHEMA_VERSION, SCHEMA_VERSION)] * 3,
    ]


async def test_a_database_of_schema_1_is_upgraded_with_its_data(
    empty: str, dsn_of_server: str
) -> None:
    await fill_with_schema_1(empty)
    with pytest.raises(StorageForeign, match=r"schema 1.*run `sealway migrate`"):
        await opened(empty, "me")
    assert await migrate(empty, BUS, INSTANCE, NOW) == Migrated(1, SCHEMA_VERSION)
    store = await opened(empty, "me")
    await has_its_data(store)
    await store.close()
    other = await servers.new_database(dsn_of_server)
    await migrate(other, BUS, INSTANCE, NOW)
    assert await tables_of(empty) == await tables_of(other)
    await servers.drop_database(dsn_of_server, other)


async def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: str) -> None:
    await fill_with_schema_1(empty)
    await execute(empty, "CREATE TABLE kept_step (mine text)")
    before = await tables_of(empty)
    with pytest.raises(StorageUnavailable):
        await migrate(empty, BUS, INSTANCE, NOW)
    assert await tables_of(empty) == before
    await execute(empty, "DROP TABLE kept_step")
    assert await migrate(empty, BUS, INSTANCE, NOW) == Migrated(1, SCHEMA_VERSION)


async def test_another_buss_database_and_a_later_schema_are_left_alone(dsn: str) -> None:
    with pytest.raises(StorageForeign, match="belongs to bus sx"):
        await migrate(dsn, "sy.example", "sy", NOW)
    await execute(dsn, "UPDATE bus SET schema_version = 99")
    for asked in (migrate(dsn, BUS, INSTANCE, NOW), opened(dsn, "me")):
        with pytest.raises(StorageForeign, match="schema 99"):
            await asked


async def test_a_server_that_cannot_be_reached_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        await migrate(f"postgresql://me@/sealway?host={tmp_path}", BUS, INSTANCE, NOW)


# ---------------------------------------------------------------- SQLite


async def has_its_data(store: PostgresStore | SqliteStore) -> None:
    heads = {head.shard: head for head in await store.reads.heads()}
    assert (heads[0].size, heads[1].size, heads[1].note) == (1, 1, "a note")
    place = await store.reads.object_place("system", "sx/GOV/4004/statistics")
    assert place == ObjectPlace(1, 0, 0)
    assert await store.reads.record(0, 0) == (b"record", b"salt", None)
    stored = await store.reads.message(id_of(1))
    assert stored is not None
    assert (stored.sender, stored.content) == ("sx/GOV/1001/benefits", b"content")
    (delivery,) = await store.reads.deliveries(id_of(1))
    assert (delivery.state, delivery.recipient) == ("ready", "sx/GOV/4004/statistics")
    assert [step.code for step in await store.reads.steps(id_of(1))] == ["accepted"]


async def test_a_file_of_schema_1_is_upgraded_with_its_data(tmp_path: Path) -> None:
    folder = made_by_schema_1(tmp_path / "data")
    store = SqliteStore(folder)
    with pytest.raises(StorageForeign, match=r"schema 1.*run `sealway migrate`"):
        await store.open(BUS, INSTANCE)
    assert await migrate(folder, BUS, INSTANCE, NOW) == Migrated(1, SCHEMA_VERSION)
    assert await migrate(folder, BUS, INSTANCE, NOW) == Migrated(SCHEMA_VERSION, SCHEMA_VERSION)
    store = SqliteStore(folder)
    assert not await store.open(BUS, INSTANCE)
    await has_its_data(store)
    await store.close()
    await migrate(tmp_path / "new", BUS, INSTANCE, NOW)
    assert tables_of_file(folder / "sealway.db") == tables_of_file(tmp_path / "new" / "sealway.db")


async def test_a_new_file_needs_no_migrate(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data")
    assert await store.open(BUS, INSTANCE)
    with pytest.raises(StorageInUse):
        await migrate(tmp_path / "data", BUS, INSTANCE, NOW)
    await store.close()
    assert await migrate(tmp_path / "data", BUS, INSTANCE, NOW) == Migrated(
        SCHEMA_VERSION, SCHEMA_VERSION
    )


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    folder = made_by_schema_1(tmp_path / "data")
    path = folder / "sealway.db"
    mine = sqlite3.connect(path)
    mine.execute("ALTER TABLE directory_object ADD COLUMN log TEXT")
    mine.commit()
    mine.close()
    before = tables_of_file(path)
    with pytest.raises(StorageUnavailable):
        await migrate(folder, BUS, INSTANCE, NOW)
    assert tables_of_file(path) == before
    with pytest.raises(StorageForeign, match="run `sealway migrate`"):
        await SqliteStore(folder).open(BUS, INSTANCE)


async def test_another_buss_file_and_a_later_schema_are_left_alone(tmp_path: Path) -> None:
    await migrate(tmp_path, BUS, INSTANCE, NOW)
    with pytest.raises(StorageForeign, match="belongs to bus sx"):
        await migrate(tmp_path, "sy.example", "sy", NOW)
    later = sqlite3.connect(tmp_path / "sealway.db")
    later.execute("UPDATE bus SET schema_version = 99")
    later.commit()
    later.close()
    for asked in (migrate(tmp_path, BUS, INSTANCE, NOW), SqliteStore(tmp_path).open(BUS, INSTANCE)):
        with pytest.raises(StorageForeign, match="schema 99"):
            await asked
