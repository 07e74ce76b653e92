"""A process that can't start says in one line what to do, and ends with the code that fits."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from exchange.operation.commands import deliver, gateway, serve
from exchange.operation.initialise import Names, initialise
from exchange.operation.key_files import load_epoch_keys
from exchange.operation.ports import PortTaken, check_port
from exchange.operation.roles import BOTH, Role
from exchange.operation.settings import SettingsInvalid, load_settings
from exchange.operation.starting import check_roles, other_address, until_reached
from exchange.storage.errors import StorageUnavailable

NOW_MS = 1_795_300_000_000
NO_DATABASE = '[database]\nurl = "postgresql://bus:canary@127.0.0.1:{}/x"\nwait_s = 0\n'


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A verb sets up the log of its process; here it is one test's."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return initialise(tmp_path / "bus", Names(), NOW_MS).folder


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    with taken_port() as port:
        return port


def run(verb: object, *arguments: object) -> Result:
    return CliRunner().invoke(verb, [str(one) for one in arguments])  # type: ignore[arg-type]


def add(folder: Path, text: str) -> None:
    with (folder / "sealway.toml").open("a") as file:
        file.write(text)


@pytest.mark.parametrize("role", Role)
def test_one_of_several_needs_a_database(folder: Path, role: Role) -> None:
    settings = load_settings(folder / "sealway.toml", {})
    with pytest.raises(SettingsInvalid, match=r"add \[database\], or run `sealway serve`"):
        check_roles(settings, frozenset({role}))
    check_roles(settings, BOTH)
    add(folder, NO_DATABASE.format(1))
    check_roles(load_settings(folder / "sealway.toml", {}), frozenset({role}))


def test_a_port_in_use_is_one_line(folder: Path) -> None:
    with taken_port() as port:
        result = run(serve, folder, "--port", port)
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert f"127.0.0.1:{port} can't be listened on" in result.stderr
    assert "--port or `port` in the settings" in result.stderr


def test_a_free_port_is_given_back() -> None:
    port = free_port()
    check_port("127.0.0.1", port, "port")
    check_port("127.0.0.1", port, "port")
    with pytest.raises(PortTaken, match="--health-port"):
        check_port("192.0.2.1", port, "health_port")


def test_machines_read_why_it_cannot_run(folder: Path) -> None:
    for verb in (serve, gateway, deliver):
        result = run(verb, folder / "nowhere", "--json")
        assert result.exit_code == 3
        assert json.loads(result.stdout)["code"] == "settings-invalid"


@pytest.mark.parametrize(
    ("port", "public_url", "instead"),
    [
        (8597, "http://127.0.0.1:8480", "http://127.0.0.1:8597"),
        (8480, "http://127.0.0.1:8480", None),
        (8597, "http://localhost", None),
        (8597, "https://bus.example:443", None),
    ],
)
def test_who_listens_on_another_port_than_it_tells_is_warned(
    folder: Path, port: int, public_url: str, instead: str | None
) -> None:
    options = {"port": port, "public_url": public_url}
    assert other_address(load_settings(folder / "sealway.toml", {}, options)) == instead


def test_a_wrong_option_is_a_wrong_setting(folder: Path) -> None:
    result = run(serve, folder, "--port", "70000")
    assert result.exit_code == 3
    assert "`port` is wrong" in result.stderr
    assert "`public_url` is wrong" in run(serve, folder, "--public-url", "nowhere").stderr


def test_a_folder_without_settings_says_how_to_make_one(tmp_path: Path) -> None:
    result = run(gateway, tmp_path)
    assert result.exit_code == 3
    assert f"`sealway init {tmp_path}`" in result.stderr
    (tmp_path / "file").write_text("no folder")
    assert "name the folder of a bus" in run(serve, tmp_path / "file").stderr


@pytest.mark.parametrize(
    ("verb", "option"), [(serve, "--port"), (gateway, "--port"), (deliver, "--health-port")]
)
def test_a_database_that_is_away_ends_with_not_reachable(
    folder: Path, verb: object, option: str
) -> None:
    add(folder, NO_DATABASE.format(free_port()))
    result = run(verb, folder, option, free_port())
    assert result.exit_code == 4
    last = result.stderr.splitlines()[-1]
    assert "doesn't answer" in last
    assert "start the database, or correct [database]" in last
    assert "canary" not in result.output


async def test_a_start_waits_for_the_database(folder: Path) -> None:
    add(folder, NO_DATABASE.format(free_port()).replace("wait_s = 0", "wait_s = 0.3"))
    settings = load_settings(folder / "sealway.toml", {})
    with (
        structlog.testing.capture_logs() as lines,
        pytest.raises(StorageUnavailable, match=r"was away for 0\.3 s"),
    ):
        await until_reached(settings, pause_s=0.1)
    assert [line["event"] for line in lines].count("database.away") >= 2
    assert "canary" not in str(lines)


def test_a_key_that_others_may_read_is_warned_of(folder: Path) -> None:
    key = folder / "keys" / "epoch-1"
    with structlog.testing.capture_logs() as lines:
        load_epoch_keys(folder / "keys")
        assert lines == []
        key.chmod(0o640)
        load_epoch_keys(folder / "keys")
        load_epoch_keys(folder / "keys")
    (line,) = lines
    assert (line["event"], line["remedy"]) == ("key.open_to_others", f"chmod 600 {key}")


def test_a_key_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "keys" / "epoch-1").unlink()
    (folder / "keys" / "epoch-1").mkdir()
    with pytest.raises(SettingsInvalid, match="epoch-1 can't be read"):
        load_epoch_keys(folder / "keys")
