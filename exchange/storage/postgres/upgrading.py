"""Migrating a PostgreSQL database: one transaction, under a lock on Alembic's own table.

Invariant: whoever migrates holds ``alembic_version`` exclusively; the next one finds nothing left
to do.
"""

from typing import Any, Final

import asyncpg
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from exchange.storage.errors import StorageUnavailable
from exchange.storage.migrations.owner import Migrated
from exchange.storage.migrations.upgrading import upgrade
from exchange.storage.postgres import schema
from exchange.storage.postgres.connection import CONNECT_TIMEOUT_S, TRIES, Connections, plain_dsn

_VERSION_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
_LOCK: Final = "LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"
_RACES: Final = ("23505", "42P07", "40P01")  # made by another meanwhile; a deadlock


async def migrate_database(dsn: str, bus: str, instance: str, now_ms: int) -> Migrated:
    """Bring a database to this version's schema, then make the partitions around a moment.

    Raises:
        StorageForeign: it belongs to another bus, is of a later version, or the server is too old.
        StorageUnavailable: it can't be reached, or refused.
    """
    connections = Connections(dsn, 1)
    await connections.open()
    try:
        await connections.run(schema.check_server)
        migrated = await _upgrade(dsn, bus, instance)
        await connections.run(lambda c: schema.make_partitions(c, now_ms))
    finally:
        await connections.close()
    return migrated


async def _upgrade(dsn: str, bus: str, instance: str) -> Migrated:
    async def connect() -> Any:
        return await asyncpg.connect(plain_dsn(dsn), timeout=CONNECT_TIMEOUT_S)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        return await _upgrade_once_free(engine, bus, instance)
    finally:
        await engine.dispose()


async def _upgrade_once_free(engine: AsyncEngine, bus: str, instance: str) -> Migrated:
    def locked(connection: SyncConnection) -> Migrated:
        connection.exec_driver_sql(_VERSION_TABLE)
        connection.exec_driver_sql(_LOCK)
        return upgrade(connection, bus, instance)

    for attempt in range(TRIES):
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(locked)
        except (DBAPIError, OSError, asyncpg.PostgresError) as problem:
            state = getattr(getattr(problem, "orig", None), "sqlstate", None)
            if state not in _RACES or attempt + 1 == TRIES:
                raise StorageUnavailable(
                    "The database can't be migrated; it is as it was.", cause=repr(problem)
                ) from problem
    raise AssertionError("unreachable")
