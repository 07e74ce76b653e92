"""Migrating the SQLite file: one transaction, under the lock that a running `serve` holds."""

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from exchange.storage.errors import StorageUnavailable
from exchange.storage.migrations.owner import Migrated
from exchange.storage.migrations.upgrading import upgrade
from exchange.storage.sqlite.connection import FILE_NAME, LOCK_NAME, FileLock, connect

FILE_MODE: Final = 0o600


async def migrate_folder(folder: Path, bus: str, instance: str) -> Migrated:
    """Bring the file in a data folder to this version's schema, or make it.

    Raises:
        StorageInUse: another process serves it.
        StorageForeign: it belongs to another bus, or is of a later version.
    """
    return await asyncio.to_thread(_migrate, folder, bus, instance)


def _migrate(folder: Path, bus: str, instance: str) -> Migrated:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / LOCK_NAME)
    lock.take()
    try:
        return upgrade_file(folder / FILE_NAME, bus, instance)
    finally:
        lock.release()


def upgrade_file(path: Path, bus: str, instance: str) -> Migrated:
    """Upgrade or make one file, all or nothing; the caller holds its lock."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return upgrade(connection, bus, instance)
    except (DBAPIError, sqlite3.Error) as problem:
        raise StorageUnavailable(
            "The database can't be migrated; it is as it was.", cause=repr(problem)
        ) from problem
    finally:
        engine.dispose()
