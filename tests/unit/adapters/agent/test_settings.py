"""agent.toml: what is refused, and why, before anything is listened on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.agent.command import agent as command
from adapters.agent.running import opened
from adapters.agent.settings import agent_settings, read_agent_file
from adapters.errors import AdapterSettingsInvalid


def settings(folder: Path, **members: Any) -> Any:
    return agent_settings({"profile": "benefits", **members}, folder)


def test_one_line_is_enough_to_ask(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('profile = "benefits"\n')
    found = read_agent_file(tmp_path / "agent.toml")
    assert (found.listen.host, found.listen.port) == ("127.0.0.1", 8470)
    assert found.folder / found.receipts == tmp_path / "receipts"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machines_own_addresses_need_no_token(tmp_path: Path, host: str) -> None:
    assert settings(tmp_path, listen={"host": host}).listen.is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "agent.example"])  # noqa: S104 - refused
@pytest.mark.parametrize(
    "more", [{}, {"beyond_loopback": True}, {"token_file": "t"}], ids=["plain", "said", "token"]
)
def test_listens_beyond_this_machine_only_when_told_to_and_with_a_token(
    tmp_path: Path, host: str, more: dict[str, Any]
) -> None:
    with pytest.raises(AdapterSettingsInvalid, match="beyond_loopback"):
        settings(tmp_path, listen={"host": host, **more})
    whole = {"host": host, "beyond_loopback": True, "token_file": "t"}
    assert not settings(tmp_path, listen=whole).listen.is_loopback


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"prot": 1}, "prot"),
        ({"listen": {"prot": 1}}, "listen.prot"),
        ({"limits": {"questions_max": 0}}, "limits.questions_max"),
        ({"serves": {"person-status": "civil"}}, "serves.person-status"),
        ({"serves": {"Person": "civil"}}, "serves.Person"),
        ({"purpose": "Because I can"}, "purpose"),
        ({"purposes": {"person-status": "x"}}, "purposes.person-status"),
        ({"egress": {"hosts": ["*"]}}, "egress.hosts"),
        ({"profile": ""}, "profile"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, members: dict[str, Any], named: str) -> None:
    with pytest.raises(AdapterSettingsInvalid) as raised:
        settings(tmp_path, **members)
    assert named in raised.value.detail


@pytest.mark.parametrize("token", ["short", "two words" * 8, "ü" * 40])
async def test_a_token_that_could_be_guessed_or_sent_wrong_is_refused(
    home: Path, tmp_path: Path, token: str
) -> None:
    (tmp_path / "t").write_text(token)
    with pytest.raises(AdapterSettingsInvalid, match="at least 32"):
        async with opened(settings(tmp_path, listen={"token_file": "t"})):
            raise AssertionError("it opened")


async def test_an_adapter_without_a_kind_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterSettingsInvalid, match="needs a kind"):
        async with opened(settings(tmp_path, adapters={"people": {}})):
            raise AssertionError("it opened")


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(command, list(arguments))
    return found.exit_code, found.output


def test_check_tells_who_it_is_and_where_it_listens(home: Path) -> None:
    code, told = run("--profile", "benefits", "--port", "8471", "--check")
    assert code == 0, told
    assert "sx/GOV/1001/benefits on sx.example" in told
    assert "http://127.0.0.1:8471" in told


def test_options_go_before_the_file(home: Path) -> None:
    home.joinpath("agent.toml").write_text(
        'profile = "benefits"\n[listen]\nhost = "::1"\nport = 8472\n'
    )
    assert "benefits on" in run("--check")[1]
    _, told = run("--check", "--profile", "civil-registry", "--port", "8473")
    assert "civil-registry on" in told
    assert "http://::1:8473" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere.toml"], "There is no nowhere.toml"),
        ([], "There is no"),
        (["--profile", "nobody", "--check"], "no profile 'nobody'"),
    ],
)
def test_what_cannot_run_is_one_line_and_exit_3(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = run(*arguments)
    assert code == 3
    assert why in told
    assert told.startswith("sealway agent: ")
    assert told.count("\n") == 1


def test_a_profile_may_be_a_file_beside_the_settings(home: Path) -> None:
    found = agent_settings({"profile": "profiles/benefits.toml"}, home)
    assert found.load_profile().system == "sx/GOV/1001/benefits"
