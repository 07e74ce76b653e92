"""Migrations: how a database comes to the schema that this version reads.

Owns the revisions, each a list of frozen statements for each engine: what was released is never
derived anew. Forward only; the way back is the backup.
"""

from pathlib import Path

from exchange.storage.migrations.owner import Migrated

__all__ = ["Migrated", "migrate"]


async def migrate(target: Path | str, bus: str, instance: str, now_ms: int) -> Migrated:
    """Bring a bus's database to this version's schema, all or nothing; repeating it is harmless.

    ``target`` is the data folder of a bus on SQLite, or the address of a PostgreSQL database.
    On PostgreSQL several may run at once, and the partitions of the days around ``now_ms`` are
    made; on SQLite a bus that is being served refuses it.

    Raises:
        StorageForeign: it belongs to another bus, is too old, or of a later version.
        StorageInUse: another process serves this folder.
        StorageUnavailable: the database can't be reached, or refused.
    """
    if isinstance(target, Path):
        from exchange.storage.sqlite.upgrading import migrate_folder

        return await migrate_folder(target, bus, instance)
    from exchange.storage.postgres.upgrading import migrate_database

    return await migrate_database(target, bus, instance, now_ms)
