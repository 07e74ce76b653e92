"""The tables on PostgreSQL: made from the one description of them, partitioned by the id's time.

``message``, ``exchange``, ``delivery`` and ``step`` are partitioned by range of ``id``, one
partition a UTC day: the first six bytes of an id are its milliseconds, so the primary key is at
once the check for duplicates and the partition by time. None is DEFAULT: an id outside its days
is refused by the database itself. ``log_group`` is partitioned by shard.
"""

from typing import Final

import asyncpg
from sqlalchemy import BigInteger, Column, MetaData, PrimaryKeyConstraint, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from exchange.storage.errors import StorageForeign
from exchange.storage.postgres.connection import Connection
from exchange.storage.tables import SCHEMA_VERSION, metadata

SERVER_MIN: Final = 140_000
DAY_MS: Final = 86_400_000
DAYS_BACK: Final = 3  # ids are accepted up to 48 h after their own time
DAYS_AHEAD: Final = 7
GROUP_PARTITIONS: Final = 16  # as many as there are shards by default
BY_TIME: Final = ("delivery", "exchange", "message", "step")
# Sealed bytes don't compress, and a row of a few kB belongs in its page.
_PARTITION_WITH: Final = {"message": " WITH (toast_tuple_target = 8160)"}


async def create_schema(connection: Connection, bus: str, instance: str) -> bool:
    """Make the tables, all or none; True when they were not there.

    Safe against another process that does the same at the same moment.

    Raises:
        StorageForeign: the server is too old, or the database is another bus's.
    """
    number = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
    if number < SERVER_MIN:
        raise StorageForeign("This PostgreSQL is too old; Sealway needs version 14 or later.")
    if await connection.fetchval("SELECT to_regclass('bus') IS NOT NULL"):
        return False
    try:
        async with connection.transaction():
            for statement in statements():
                await connection.execute(statement)
            await connection.execute(
                "INSERT INTO bus VALUES (1, $1, $2, $3)", SCHEMA_VERSION, bus, instance
            )
            await connection.execute("INSERT INTO directory VALUES (1, 0)")
    except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError):
        return False  # a name is taken once: another process made them while we waited for it
    return True


async def check_owner(connection: Connection, bus: str, instance: str) -> None:
    """Refuse a database that isn't this bus's, or has another schema. Raises StorageForeign."""
    row = await connection.fetchrow("SELECT schema_version, bus, instance FROM bus")
    if (row["bus"], row["instance"]) != (bus, instance):
        raise StorageForeign(
            f"The database belongs to bus {row['bus']} (instance {row['instance']});"
            f" the settings say {bus}."
        )
    if row["schema_version"] != SCHEMA_VERSION:
        raise StorageForeign(
            f"The database has schema {row['schema_version']}; this version reads {SCHEMA_VERSION}."
        )


def statements() -> list[str]:
    """Every statement that makes the tables, in order."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = ["CREATE SEQUENCE step_n"]
    for table in _tables().sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    made += [
        f"CREATE TABLE log_group_{n} PARTITION OF log_group"
        f" FOR VALUES WITH (MODULUS {GROUP_PARTITIONS}, REMAINDER {n})"
        for n in range(GROUP_PARTITIONS)
    ]
    for column in ("envelope", "content"):
        made.append(f"ALTER TABLE message ALTER COLUMN {column} SET STORAGE EXTERNAL")
    made.append("ALTER TABLE log_group ALTER COLUMN entries SET STORAGE EXTERNAL")
    return made


def _tables() -> MetaData:
    """The tables as PostgreSQL wants them."""
    ours = MetaData()
    for table in metadata.sorted_tables:
        copy = _step(table, ours) if table.name == "step" else table.to_metadata(ours)
        if table.name in BY_TIME:
            copy.dialect_options["postgresql"]["partition_by"] = "RANGE (id)"
        elif table.name == "log_group":
            copy.dialect_options["postgresql"]["partition_by"] = "HASH (shard)"
        elif table.name == "log_shard":  # rewritten by every group: room to do so in its page
            copy.dialect_options["postgresql"]["with"] = {"fillfactor": 20}
    return ours


def _step(table: Table, ours: MetaData) -> Table:
    """A partitioned table's key holds what it is partitioned by."""
    number = Column("n", BigInteger, nullable=False, server_default=text("nextval('step_n')"))
    others = [
        Column(one.name, one.type, nullable=one.nullable, index=one.index)
        for one in table.columns
        if one.name != "n"
    ]
    return Table("step", ours, number, *others, PrimaryKeyConstraint("id", "n"))


async def make_partitions(connection: Connection, now_ms: int) -> int:
    """Make the partitions of the days around a moment that are missing; how many were made.

    Readers and writers go on meanwhile: a new partition is attached under a lock that lets them.
    """
    async with connection.transaction():
        await connection.fetchval("SELECT one FROM bus FOR UPDATE")  # one maker at a time
        today = now_ms // DAY_MS
        made = 0
        for day in range(today - DAYS_BACK, today + DAYS_AHEAD + 1):
            for table in BY_TIME:
                made += await _make_partition(connection, table, day)
        return made


async def _make_partition(connection: Connection, table: str, day: int) -> int:
    name = partition_name(table, day)
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name):
        return 0
    first, end = (at.to_bytes(6, "big").hex() for at in (day * DAY_MS, (day + 1) * DAY_MS))
    await connection.execute(
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL){_PARTITION_WITH.get(table, '')}"
    )
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name}"
        f" FOR VALUES FROM ('\\x{first}') TO ('\\x{end}')"
    )
    return 1


def partition_name(table: str, day: int) -> str:
    """The name of a day's partition; days since 1970-01-01 UTC."""
    return f"{table}_d{day}"


async def days_ahead(connection: Connection, now_ms: int) -> int:
    """For how many days after today every partition is there; readiness wants one at least."""
    today = now_ms // DAY_MS
    for ahead in range(DAYS_AHEAD + 1):
        names = [partition_name(table, today + ahead) for table in BY_TIME]
        found = await connection.fetchval(
            "SELECT count(to_regclass(name)) FROM unnest($1::text[]) AS name", names
        )
        if found != len(names):
            return ahead - 1
    return DAYS_AHEAD
