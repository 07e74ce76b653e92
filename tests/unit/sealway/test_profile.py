"""Profiles: found, chosen, refused with a word on what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sealway import ProfileInvalid
from sealway.credentials import identity_of
from sealway.profile import choose, current_name, home, load_profile, profile_names
from tests.support.fake_bus import FakeBus
from tests.support.fake_system import FakeSystem, write_profile

PERSON = (
    'url = "http://bus.test/"\nbus = "sx.example"\ninstance = "sx"\ntoken = "../founder.token"\n'
)


def write(folder: Path, name: str, text: str = PERSON) -> None:
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "profiles" / f"{name}.toml").write_text(text, "utf-8")


def refuses(name: str | None, words: str) -> None:
    with pytest.raises(ProfileInvalid, match=words):
        load_profile(name)


def test_paths_are_relative_to_the_file(home: Path) -> None:
    write(home, "founder")
    (home / "founder.token").write_text("secret\n")
    profile = load_profile("founder")
    assert profile.url == "http://bus.test"
    assert profile.read_token() == "secret"


def test_the_only_profile_is_the_one_in_force(home: Path) -> None:
    write(home, "founder")
    assert load_profile().name == "founder"


def test_of_two_profiles_one_must_be_chosen(home: Path) -> None:
    write(home, "benefits")
    write(home, "founder")
    refuses(None, "there are: benefits, founder")
    refuses(None, "sealway profile use benefits")
    choose("founder")
    assert load_profile().name == "founder"


def test_who_has_no_profile_is_told_where_one_may_be(home: Path) -> None:
    refuses(None, "Set SEALWAY_HOME to the folder that has yours")


def test_the_environment_goes_before_the_choice_and_an_argument_before_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        write(home, name)
    choose("a")
    monkeypatch.setenv("SEALWAY_PROFILE", "b")
    assert current_name() == "b"
    assert load_profile("c").name == "c"


def test_what_is_not_there_cannot_be_chosen(home: Path) -> None:
    write(home, "founder")
    with pytest.raises(ProfileInvalid, match="no profile 'benefits'"):
        choose("benefits")
    assert current_name() == "founder"


def test_home_is_the_nearest_folder_upwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEALWAY_HOME", raising=False)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / ".sealway").mkdir()
    monkeypatch.chdir(deep)
    assert home() == tmp_path / ".sealway"
    (tmp_path / "a" / ".sealway").mkdir()
    assert home() == tmp_path / "a" / ".sealway"


@pytest.mark.parametrize("name", ["../founder", "Founder", "a/b", "a..b", ""])
def test_a_name_cannot_lead_elsewhere(home: Path, name: str) -> None:
    write(home, "founder")
    write(home, "other")
    refuses(name, "no profile name|No profile is chosen")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text + 'colour = "red"\n', "unknown member 'colour'"),
        (lambda text: text.replace('bus = "sx.example"\n', ""), "lacks 'bus'"),
        (lambda text: text.replace("http://", "ftp://"), "must begin with"),
        (lambda text: text.replace('"sx"', "7"), "must be a text"),
        (lambda text: text + "nonsense", "cannot be read"),
        (lambda text: text.replace("token", "key"), "lacks 'log_key'"),
        (lambda text: text + "log_key = []\n", "must hold keys"),
        (lambda text: text + "log_key = [7]\n", "must hold keys"),
        (lambda text: text + "log_key = 7\n", "must be a text"),
    ],
)
def test_says_what_is_wrong_with_a_file(home: Path, change: object, words: str) -> None:
    assert callable(change)
    write(home, "founder", change(PERSON))
    refuses("founder", words)


@pytest.mark.parametrize("text", ["", "two words", "é"])
def test_a_token_is_one_word(home: Path, text: str) -> None:
    write(home, "founder")
    (home / "founder.token").write_text(text, "utf-8")
    with pytest.raises(ProfileInvalid, match=r"holds no token|empty"):
        load_profile("founder").read_token()


def test_only_toml_files_are_profiles(home: Path) -> None:
    write(home, "founder")
    (home / "profiles" / "founder.key.pem").write_text("no profile")
    choose("founder")
    assert profile_names() == ["founder"]


def test_key_and_certificate_must_belong_together(
    bus: FakeBus, benefits: FakeSystem, home: Path
) -> None:
    assert identity_of(load_profile("benefits")).system == benefits.id
    other = bus.add_system("sx/GOV/1001/benefits")
    write_profile(other, bus, home, "other")
    stolen = (home / "profiles" / "other.cert.pem").read_bytes()
    (home / "profiles" / "benefits.cert.pem").write_bytes(stolen)
    with pytest.raises(ProfileInvalid, match="private key is not the one that the certificate"):
        identity_of(load_profile("benefits"))


def test_a_persons_profile_signs_nothing(home: Path) -> None:
    write(home, "founder")
    with pytest.raises(ProfileInvalid, match="only a system's can sign"):
        identity_of(load_profile("founder"))


@pytest.mark.parametrize(("mode", "lines"), [(0o600, 0), (0o644, 1), (0o620, 1)])
def test_a_secret_that_others_may_read_is_told_once(
    home: Path, caplog: pytest.LogCaptureFixture, mode: int, lines: int
) -> None:
    write(home, "founder")
    file = home / "founder.token"
    file.write_text("secret\n")
    file.chmod(mode)
    for _ in range(2):
        assert load_profile("founder").read_token() == "secret"
    assert caplog.text.count("key.open_to_others") == lines
    assert caplog.text.count("founder.token has mode") == lines


def test_a_certificate_is_for_everybody(
    home: Path, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    write(home, "civil")
    file = home / "civil.crt"
    file.write_text("certificate")
    file.chmod(0o644)
    assert replace(load_profile("civil"), certificate=file).read_certificate() == b"certificate"
    assert "open_to_others" not in caplog.text
