"""The tables on PostgreSQL as a store finds them: whose they are, and their days' partitions.

The migrations make the tables. ``message``, ``exchange``, ``delivery`` and ``step`` are
partitioned by range of ``id``, one partition a UTC day: the first six bytes of an id are its
milliseconds, so the primary key is at once the check for duplicates and the partition by time.
None is DEFAULT: an id outside its days is refused by the database itself.
"""

from typing import Final

from exchange.storage.errors import StorageForeign
from exchange.storage.migrations.owner import check_bus, check_schema
from exchange.storage.postgres.connection import Connection

SERVER_MIN: Final = 140_000
DAY_MS: Final = 86_400_000
DAYS_BACK: Final = 3  # ids are accepted up to 48 h after their own time
DAYS_AHEAD: Final = 7
BY_TIME: Final = ("delivery", "exchange", "message", "step")
# Sealed bytes don't compress, and a row of a few kB belongs in its page.
_PARTITION_WITH: Final = {"message": " WITH (toast_tuple_target = 8160)"}


async def check_server(connection: Connection) -> None:
    """Refuse a server that is too old. Raises StorageForeign."""
    number = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
    if number < SERVER_MIN:
        raise StorageForeign("This PostgreSQL is too old; Sealway needs version 14 or later.")


async def check_owner(connection: Connection, bus: str, instance: str) -> None:
    """Refuse a database that isn't this bus's, or has another schema. Raises StorageForeign."""
    if not await connection.fetchval("SELECT to_regclass('bus') IS NOT NULL"):
        check_schema(None)
    row = await connection.fetchrow("SELECT schema_version, bus, instance FROM bus")
    check_bus((row["bus"], row["instance"]), bus, instance)
    check_schema(row["schema_version"])


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
