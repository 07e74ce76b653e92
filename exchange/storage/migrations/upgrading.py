"""Bringing a database to the schema of this version, inside a transaction of the caller's.

Invariant: the row of ``bus`` says the schema, and ``alembic_version`` the revision of the same
number; a database of schema 1 may be older than our use of Alembic and is marked first.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from exchange.storage.errors import StorageForeign
from exchange.storage.migrations.owner import SCHEMA_VERSION, Migrated, check_bus

FOLDER: Final = Path(__file__).parent


def upgrade(connection: Connection, bus: str, instance: str) -> Migrated:
    """Carry out the revisions that are missing; the caller holds a lock against others.

    Raises:
        StorageForeign: it belongs to another bus, or a later version has changed it.
    """
    before = _check(connection, bus, instance)
    if before == SCHEMA_VERSION:
        return Migrated(before, before)
    config = _config(connection)
    if before == 1:
        command.stamp(config, "0001")
    command.upgrade(config, "head")
    if before is None:
        statement = "INSERT INTO bus VALUES (1, :schema, :bus, :instance)"
    else:
        statement = "UPDATE bus SET schema_version = :schema WHERE bus = :bus"
    values = {"schema": SCHEMA_VERSION, "bus": bus, "instance": instance}
    connection.execute(text(statement), values)
    return Migrated(before, SCHEMA_VERSION)


def _check(connection: Connection, bus: str, instance: str) -> int | None:
    """The schema as it is; None when there are no tables."""
    if not inspect(connection).has_table("bus"):
        return None
    row = connection.execute(text("SELECT schema_version, bus, instance FROM bus")).one()
    check_bus((row.bus, row.instance), bus, instance)
    if row.schema_version > SCHEMA_VERSION:
        raise StorageForeign(
            f"The database has schema {row.schema_version}; this version of Sealway knows"
            f" {SCHEMA_VERSION} at most."
        )
    return int(row.schema_version)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
