"""`audit verify` over PostgreSQL: one moment of it copied into a file, and that file verified."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from exchange.storage.migrations import migrate
from sealway.cli.main import main
from sealway.verify.copying import CopyFailed, copy_database
from tests.support.made_bus import MadeBus
from tests.support.postgres import drop_database, new_database, server
from tests.support.recorded_bus import BUS

SHARDS = 16


@pytest.fixture(scope="module")
def bus() -> MadeBus:
    """Sixteen shards, and a successor of log 0 that lost nothing."""
    made, chance = MadeBus(SHARDS), random.Random(3)
    for _ in range(40):
        asked, hash_ = made.ask(chance.randint(1, SHARDS - 1))
        made.answer(chance.randint(1, SHARDS - 1), asked, hash_)
    made.heads()
    made.log_0.sign()
    made.succeed()
    made.open_log(SHARDS + 1)
    asked, _ = made.ask(SHARDS + 1)
    made.heads()
    return made


@pytest.fixture(scope="module")
def dsn(bus: MadeBus) -> Iterator[str]:
    at = server()
    made = asyncio.run(new_database(at))
    asyncio.run(_fill(bus, made))
    try:
        yield made
    finally:
        asyncio.run(drop_database(at, made))


async def _fill(bus: MadeBus, dsn: str) -> None:
    await migrate(dsn, BUS, "sx", bus.now_ms)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DELETE FROM directory")
        for name, rows in bus.tables().items():
            for row in rows:
                marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
                statement = f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})"
                await connection.execute(statement, *row.values())
    finally:
        await connection.close()


@pytest.fixture
def folder(bus: MadeBus, dsn: str, tmp_path: Path) -> Path:
    """The bus's own folder: settings that name the database, and the epoch key."""
    (tmp_path / "database.url").write_text(dsn.replace("postgresql:", "postgresql+asyncpg:") + "\n")
    text = 'bus = "sx.example"\n[database]\nurl_file = "database.url"\n'
    (tmp_path / "sealway.toml").write_text(text)
    (tmp_path / "epoch-1").write_bytes(bus.epochs.keys[1])
    return tmp_path


@pytest.fixture
def words(bus: MadeBus, folder: Path) -> list[str]:
    keys = [word for key in bus.log_keys() for word in ("--log-key", key)]
    return [*keys, "--epoch-keys", str(folder / "epoch-1"), "--json"]


def verify(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code = main(["audit", "verify", *words])
    said = json.loads(capsys.readouterr().out)
    assert said["exit"] == code
    return said


def test_a_bus_on_postgresql_is_verified_by_its_folder(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = verify(capsys, str(folder), *words)
    assert said["findings"] == []
    assert (said["verdict"], said["counts"]["shards_verified"]) == ("proven", SHARDS + 1)
    assert said["counts"]["messages"] == said["counts"]["envelopes"] == 81


def test_the_kept_copy_is_the_owners_and_is_verified_without_the_database(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = tmp_path / "copy.db"
    first = verify(capsys, str(folder), *words, "--keep", str(kept))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    (folder / "sealway.toml").unlink()
    second = verify(capsys, str(kept), *words)
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    with closing(sqlite3.connect(kept)) as copy:
        found = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
        partitions = {name for name in found if "_d2" in name or name.startswith("log_group_")}
        assert {"message", "kept_message", "alembic_version", "delivery"} <= found
        assert partitions == set()
    assert main(["audit", "verify", str(kept), *words, "--keep", str(tmp_path / "other")]) == 3


def test_a_file_is_never_written_over(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("mine")
    assert main(["audit", "verify", str(folder), *words, "--keep", str(tmp_path / "there")]) == 4
    assert (tmp_path / "there").read_text() == "mine"
    assert "File exists" in capsys.readouterr().err


def test_every_table_is_of_one_moment(bus: MadeBus, dsn: str, tmp_path: Path) -> None:
    """While the copy is made, somebody writes to tables that it comes to later."""

    def write(table: str) -> None:
        if table == "bus":
            asyncio.run(_execute(dsn, "UPDATE system_number SET system = system || '!'"))

    async def _execute(dsn: str, statement: str) -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement)
        await connection.close()

    with ThreadPoolExecutor(1) as pool:
        copy_database(dsn, tmp_path / "copy.db", lambda table: pool.submit(write, table).result())
    asyncio.run(_execute(dsn, "UPDATE system_number SET system = rtrim(system, '!')"))
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        names = [name for (name,) in copy.execute("SELECT system FROM system_number")]
    assert len(names) == 2
    assert not any(name.endswith("!") for name in names)


def test_the_variable_goes_before_the_settings(
    folder: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.setenv("SEALWAY_DATABASE__URL", dsn.replace("sealway_test_", "nothing_"))
    assert main(["audit", "verify", str(folder), *words]) == 4


def test_what_cannot_be_copied_says_why_and_never_the_password(
    dsn: str, tmp_path: Path, folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for url in ("postgresql://u:canary@127.0.0.1:1/x", "canary", "postgresql://u:can ary@[::"):
        (folder / "database.url").write_text(url)
        assert main(["audit", "verify", str(folder), *words]) == 4
        said = capsys.readouterr()
        assert "not copied" in said.err
        assert "canary" not in said.err + said.out
    empty = asyncio.run(new_database(server()))
    try:
        with pytest.raises(CopyFailed, match="holds no bus"):
            copy_database(empty, tmp_path / "copy.db")
    finally:
        asyncio.run(drop_database(server(), empty))
    assert not (tmp_path / "copy.db").exists()


def test_without_the_extra_it_says_which(
    folder: Path,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    assert main(["audit", "verify", str(folder), *words]) == 3
    assert "sealway[agent]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["[database]\n", "[database]\nurl_file = 'none'\n", "database = 7\n", "nonsense"]
)
def test_settings_that_name_no_database_are_usage(
    folder: Path, words: list[str], text: str
) -> None:
    (folder / "sealway.toml").write_text(text)
    assert main(["audit", "verify", str(folder), *words]) == 3


def test_a_bus_on_sqlite_is_verified_by_its_folder_too(
    bus: MadeBus, folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sealway.toml").write_text('bus = "sx.example"\ndata = "rows"\n')
    bus.write(folder / "rows", heads=False)
    assert verify(capsys, str(folder), *words)["verdict"] == "proven"
