"""Whose database it is, and of which schema: asked at each opening and before each migration."""

from dataclasses import dataclass
from typing import Final

from exchange.storage.errors import StorageForeign

SCHEMA_VERSION: Final = 7


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration found and left."""

    before: int | None
    """The schema as found; None: there were no tables."""
    now: int


def check_bus(found: tuple[str, str], bus: str, instance: str) -> None:
    """Refuse another bus's database. Raises StorageForeign."""
    if found != (bus, instance):
        raise StorageForeign(
            f"The database belongs to bus {found[0]} (instance {found[1]}); the settings say {bus}."
        )


def check_schema(found: int | None) -> None:
    """Refuse any schema but this version's. Raises StorageForeign with what to do."""
    if found is None:
        raise StorageForeign("The database has no tables yet; run `sealway migrate`.")
    if found < SCHEMA_VERSION:
        raise StorageForeign(
            f"The database has schema {found}, this version reads {SCHEMA_VERSION};"
            " run `sealway migrate`."
        )
    if found > SCHEMA_VERSION:
        raise StorageForeign(
            f"The database has schema {found}, this version reads {SCHEMA_VERSION};"
            " run the version of Sealway that ran `sealway migrate` on it."
        )
