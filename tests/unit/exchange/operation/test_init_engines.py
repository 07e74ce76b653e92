"""`init` for a bus of several processes: what it writes, where a password goes, what comes next."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exchange.operation.engines import database_address
from exchange.operation.init_command import init
from exchange.operation.settings import load_settings

PLAIN = "postgresql://bus@db.example/sealway"
SECRET = "postgresql://bus:canary@db.example/sealway"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(init, [str(one) for one in arguments])


def files_that_hold(folder: Path, text: str) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in files if text.encode() in path.read_bytes())


def test_a_database_has_sixteen_logs_and_migrate_comes_next(tmp_path: Path) -> None:
    folder = tmp_path / "bus"
    result = run(folder, "--database", PLAIN, "--kafka", "k1.example:9092,k2.example:9092")
    assert result.exit_code == 0
    assert f"sealway migrate {folder}" in result.output.splitlines()[-2]
    settings = load_settings(folder / "sealway.toml", {})
    assert (settings.bus_kind, settings.logs_wanted) == ("kafka", 16)
    assert database_address(settings) == PLAIN
    assert settings.kafka is not None
    assert settings.kafka.bootstrap == "k1.example:9092,k2.example:9092"
    assert (settings.kafka.copies, settings.kafka.copies_in_sync_min) == (3, 2)
    assert len(list((folder / "keys").glob("log-*"))) == 17


def test_without_a_database_all_is_as_ever(tmp_path: Path) -> None:
    result = run(tmp_path / "bus")
    assert result.exit_code == 0
    then = result.output.splitlines()[-2:]
    assert f"sealway serve {tmp_path / 'bus'}" in then[0]
    assert f"export SEALWAY_HOME={tmp_path / 'bus'} " in then[1]
    assert load_settings(tmp_path / "bus" / "sealway.toml", {}).bus_kind == "embedded"
    assert sorted(path.name for path in (tmp_path / "bus" / "keys").glob("log-*")) == [
        "log-0",
        "log-1",
    ]
    assert "[database]" not in (tmp_path / "bus" / "sealway.toml").read_text()


@pytest.mark.parametrize("url", [SECRET, PLAIN + "?password=canary"])
def test_a_password_goes_into_a_file_of_its_own(tmp_path: Path, url: str) -> None:
    result = run(tmp_path / "bus", "--database", url)
    assert result.exit_code == 0
    assert "canary" not in result.output
    assert files_that_hold(tmp_path / "bus", "canary") == ["database.url"]
    file = tmp_path / "bus" / "keys" / "database.url"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert database_address(load_settings(tmp_path / "bus" / "sealway.toml", {})) == url


def test_the_address_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "address").write_text(SECRET + "\n")
    assert run(tmp_path / "bus", "--database", tmp_path / "address").exit_code == 0
    assert database_address(load_settings(tmp_path / "bus" / "sealway.toml", {})) == SECRET


def test_one_broker_on_this_machine_keeps_one_copy(tmp_path: Path) -> None:
    run(tmp_path / "bus", "--database", PLAIN, "--kafka", "127.0.0.1:9092")
    kafka = load_settings(tmp_path / "bus" / "sealway.toml", {}).kafka
    assert kafka is not None
    assert (kafka.copies, kafka.copies_in_sync_min) == (1, 1)


def test_as_many_keys_as_logs_were_asked_for(tmp_path: Path) -> None:
    assert run(tmp_path / "bus", "--database", PLAIN, "--shards", 3).exit_code == 0
    assert len(list((tmp_path / "bus" / "keys").glob("log-*"))) == 4
    assert load_settings(tmp_path / "bus" / "sealway.toml", {}).logs_wanted == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kafka", "k:9092"], "[kafka] needs [database]"),
        (["--database", PLAIN, "--kafka", "k"], "must be host:port"),
        (["--database", "mysql://bus:canary@db/x"], "must be an address like postgresql://"),
        (["--database", "nowhere"], "nowhere can't be read"),
        (["--database", PLAIN, "--shards", "0"], "`shards` is wrong"),
        (["--shards", "4"], "`shards` needs a database"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    result = run(tmp_path / "bus", *arguments)
    assert result.exit_code == 3
    assert expected in result.stderr
    assert "canary" not in result.output
    assert not (tmp_path / "bus").exists()


def test_a_machine_reads_one_document(tmp_path: Path) -> None:
    result = run(tmp_path / "bus", "--database", SECRET, "--json")
    told = json.loads(result.output)
    assert told["keys"] == str(tmp_path / "bus" / "keys")
    assert told["log_key"].startswith("sx.example/log/0+")
    assert told["next"] == f"sealway migrate {tmp_path / 'bus'}"
    assert "canary" not in result.output
    again = run(tmp_path / "bus", "--json")
    assert again.exit_code == 3
    assert json.loads(again.output)["code"] == "already-initialised"
    renewed = json.loads(run(tmp_path / "bus", "--renew-founder", "--json").output)
    assert renewed == {"token": str(tmp_path / "bus" / "founder.token"), "days": 90}
