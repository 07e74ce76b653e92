"""`migrate` on real engines: everything made once, told, and harmless to repeat."""

import asyncio
import json
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from exchange.operation.doctor_command import doctor
from exchange.operation.initialise import Names, initialise
from exchange.operation.migrate_command import migrate
from tests.support.postgres import drop_database, new_database, server

NOW_MS = 1_795_300_000_000


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
async def database() -> AsyncIterator[str]:
    made = await new_database(await asyncio.to_thread(server))
    yield made
    await drop_database(server(), made)


async def run(verb: object, *arguments: object) -> Result:
    """A verb as the command line runs it, with an event loop of its own."""
    words = [str(one) for one in arguments]
    return await asyncio.to_thread(CliRunner().invoke, verb, words)  # type: ignore[arg-type]


def add(folder: Path, text: str) -> None:
    path = folder / "sealway.toml"
    path.write_text(path.read_text().replace("[kafka]\n", f"[kafka]\n{text}"))


def lines(result: Result) -> dict[str, str]:
    """By what each line is about: whether it is new, and the text."""
    found = {}
    for line in result.stdout.splitlines():
        how, about, text = line.split(maxsplit=2)
        found[about] = f"{how}: {text}"
    return found


async def test_everything_is_made_once(tmp_path: Path, database: str, kafka: str) -> None:
    names = Names(database=database, kafka=kafka, shards=3)
    folder = initialise(tmp_path / "bus", names, NOW_MS).folder
    prefix = f"test-{secrets.token_hex(4)}"
    add(folder, f'prefix = "{prefix}"\n')
    first = await run(migrate, folder)
    assert first.exit_code == 0, first.output
    told = lines(first)
    assert told["schema"].endswith("no tables before")
    assert told["partitions"] == "ok: there for 7 days after today"
    assert told["topics"].startswith("new: made ")
    assert f"{prefix}.deliver" in told["topics"]
    assert told["keys"] == "ok: all 4 are there"
    assert told["logs"] == "new: opened 1–3"
    again = await run(migrate, folder)
    assert again.exit_code == 0
    assert all(text.startswith("ok: ") for text in lines(again).values())
    assert lines(again).keys() == told.keys()
    said = await run(doctor, folder)
    assert said.exit_code == 0, said.output
    assert ", 0 wrong" in said.output


async def test_more_logs_are_opened_with_new_keys(tmp_path: Path, database: str) -> None:
    folder = initialise(tmp_path / "bus", Names(database=database, shards=2), NOW_MS).folder
    assert (await run(migrate, folder)).exit_code == 0
    settings = folder / "sealway.toml"
    settings.write_text(settings.read_text().replace("shards = 2", "shards = 4"))
    told = lines(await run(migrate, folder))
    assert told["keys"] == "new: made log-3, log-4"
    assert told["logs"] == "new: opened 3–4"
    assert (folder / "keys" / "log-4").stat().st_mode & 0o777 == 0o600


async def test_a_lost_key_of_an_open_log_is_not_made_again(tmp_path: Path, database: str) -> None:
    folder = initialise(tmp_path / "bus", Names(database=database, shards=2), NOW_MS).folder
    assert (await run(migrate, folder)).exit_code == 0
    (folder / "keys" / "log-2").unlink()
    assert (await run(migrate, folder)).exit_code == 0
    assert not (folder / "keys" / "log-2").exists()
    assert "log/2" in (await run(doctor, folder)).output


async def test_a_machine_reads_one_document(tmp_path: Path, database: str) -> None:
    folder = initialise(tmp_path / "bus", Names(database=database, shards=1), NOW_MS).folder
    result = await run(migrate, folder, "--json")
    steps = {step["about"]: step for step in json.loads(result.stdout)["steps"]}
    assert steps["logs"]["facts"]["opened"] == [1]
    assert steps["logs"]["facts"]["log_key"].startswith("sx.example/log/0+")
    assert steps["schema"]["facts"]["before"] is None


async def test_another_buss_database_is_refused(tmp_path: Path, database: str) -> None:
    one = initialise(tmp_path / "one", Names(database=database, shards=1), NOW_MS).folder
    two = initialise(tmp_path / "two", Names("b.example", "b", database=database), NOW_MS).folder
    assert (await run(migrate, one)).exit_code == 0
    refused = await run(migrate, two)
    assert refused.exit_code == 3
    assert "belongs to bus sx.example" in refused.stderr


async def test_too_few_brokers_are_told_before_a_topic_is_made(
    tmp_path: Path, database: str, kafka: str
) -> None:
    names = Names(database=database, kafka=kafka, shards=1)
    folder = initialise(tmp_path / "bus", names, NOW_MS).folder
    text = (folder / "sealway.toml").read_text()
    prefix = f'copies = 3\nprefix = "test-{secrets.token_hex(4)}"'
    (folder / "sealway.toml").write_text(text.replace("copies = 1", prefix, 1))
    refused = await run(migrate, folder)
    assert refused.exit_code == 3
    assert "Kafka has 1 broker and can't keep 3 copies" in refused.stderr


async def test_the_file_of_an_embedded_bus_is_migrated_too(tmp_path: Path) -> None:
    folder = initialise(tmp_path / "bus", Names(), NOW_MS).folder
    told = lines(await run(migrate, folder))
    assert set(told) == {"schema", "keys", "logs"}
    assert told["logs"] == "new: opened 1"
    assert lines(await run(migrate, folder))["logs"] == "ok: all are open"
    assert (await run(doctor, folder)).exit_code == 0


async def test_a_restore_is_told_with_what_everybody_has_to_do(tmp_path: Path) -> None:
    folder = initialise(tmp_path / "bus", Names(), NOW_MS).folder
    first = await run(migrate, folder)
    assert first.exit_code == 0, first.output
    shutil.copytree(folder / "data", tmp_path / "backup")
    settings = folder / "sealway.toml"
    settings.write_text(settings.read_text().replace("founder = true", "founder = false"))
    assert (await run(migrate, folder)).exit_code == 0  # one more leaf: the new policy
    shutil.rmtree(folder / "data")
    shutil.copytree(tmp_path / "backup", folder / "data")

    frozen = await run(migrate, folder)
    assert frozen.exit_code == 1
    assert "were signed" in frozen.stderr
    assert "older copy" in (await run(doctor, folder)).output

    on = await run(migrate, folder, "--after-restore", "--reason", "disk lost")
    assert on.exit_code == 0, on.output
    assert "sx.example/log/0.1 takes the place of sx.example/log/0" in on.output
    assert "pin the new key" in on.output
    assert (folder / "keys" / "log-0.1").exists()
    connection = sqlite3.connect(folder / "data" / "sealway.db")
    states = dict(connection.execute("SELECT shard, state FROM log_shard").fetchall())
    connection.close()
    assert (states[0], states[-1]) == ("closed", "open")
    assert (await run(doctor, folder)).exit_code == 0

    nothing = await run(migrate, folder, "--after-restore", "--reason", "again")
    assert nothing.exit_code == 1
    assert "continues what was signed" in nothing.stderr


async def test_a_reason_and_a_restore_need_each_other(tmp_path: Path) -> None:
    folder = initialise(tmp_path / "bus", Names(), NOW_MS).folder
    for arguments in (["--after-restore"], ["--reason", "x"], ["--after-restore", "--reason", " "]):
        refused = await run(migrate, folder, *arguments)
        assert refused.exit_code == 3
        assert "need each other" in refused.stderr


async def test_a_database_that_is_away_is_not_reachable(tmp_path: Path) -> None:
    names = Names(database="postgresql://bus:canary@127.0.0.1:9/sealway", shards=1)
    folder = initialise(tmp_path / "bus", names, NOW_MS).folder
    settings = folder / "sealway.toml"
    settings.write_text(settings.read_text().replace("[database]", "[database]\nwait_s = 0"))
    away = await run(migrate, folder, "--json")
    assert away.exit_code == 4
    assert json.loads(away.stdout)["outcome"] == "bus-not-reachable"
    assert "canary" not in away.output
