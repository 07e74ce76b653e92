"""The SQLite file: whose it is to read."""

import stat
from pathlib import Path

from exchange.storage.sqlite.store import SqliteStore


async def test_only_its_owner_reads_the_database_and_what_lies_beside_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data")
    await store.open("sx.example", "sx")
    try:
        files = list((tmp_path / "data").iterdir())
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert len(files) >= 3, "the database, its WAL, the lock"
    finally:
        await store.close()
