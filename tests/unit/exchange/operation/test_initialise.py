"""`init` makes a whole bus's folder or refuses; the founder's token is known by its hash."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from exchange.ledger.marks import Marks
from exchange.operation.founder import Founder, load_founder, make_founder
from exchange.operation.init_command import init
from exchange.operation.initialise import (
    AlreadyInitialised,
    Names,
    NewBus,
    initialise,
)
from exchange.operation.key_files import (
    load_bus_signer,
    load_epoch_keys,
    load_log_signer,
    load_signer,
    write_new,
)
from exchange.operation.settings import SettingsInvalid, load_settings
from signing.encoding import b64url_decode
from signing.log.note import parse_verifier_key

NOW_MS = 1_795_300_000_000
DAY_MS = 86_400_000


@pytest.fixture
def new(tmp_path: Path) -> NewBus:
    return initialise(tmp_path / "bus", Names(), NOW_MS)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def founder_of(new: NewBus) -> Founder:
    founder = load_founder(new.keys)
    assert founder is not None
    return founder


def token_of(new: NewBus) -> str:
    return new.token.read_text().strip()


def test_the_settings_it_writes_load(new: NewBus) -> None:
    settings = load_settings(new.settings, {})
    assert (settings.bus, settings.instance, settings.port) == ("sx.example", "sx", 8480)
    assert (settings.data, settings.keys, settings.state) == (new.data, new.keys, new.state)
    assert settings.egress.hosts == ()
    assert settings.hosted == {}


def test_names_that_it_is_given_reach_settings_and_profile(tmp_path: Path) -> None:
    new = initialise(tmp_path, Names("bus.example", "ee", 9000, "https://bus.example/"), NOW_MS)
    settings = load_settings(new.settings, {})
    assert (settings.bus, settings.instance, settings.port) == ("bus.example", "ee", 9000)
    assert settings.public_url == "https://bus.example"
    profile = tomllib.loads(new.profile.read_text())
    assert profile["url"] == "https://bus.example"
    assert (profile["bus"], profile["instance"]) == ("bus.example", "ee")


def test_keys_and_state_are_their_owners_alone(new: NewBus) -> None:
    for folder in (new.keys, new.state, new.data):
        assert mode(folder) == 0o700
    secret = [*new.keys.iterdir(), *new.state.iterdir(), new.token]
    assert {path.name for path in secret} == {
        "log-0", "log-1", "bus", "bus.crt", "epoch-1", "founder.hash", "marks", "founder.token",
    }  # fmt: skip
    assert {mode(path) for path in secret} == {0o600}


def test_a_loose_umask_changes_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        new = initialise(tmp_path / "bus", Names(), NOW_MS)
    finally:
        os.umask(before)
    assert mode(new.keys) == 0o700
    assert mode(new.token) == 0o600


def test_each_log_has_a_key_of_its_own(new: NewBus) -> None:
    first, second = [load_log_signer(new.keys, "sx.example", log) for log in ("0", "1")]
    assert first.verifier.name == "sx.example/log/0"
    assert first.verifier.public_key != second.verifier.public_key
    assert parse_verifier_key(new.log_key) == first.verifier


def test_the_record_key_is_certified_for_ten_years(new: NewBus) -> None:
    signer, certificate = load_bus_signer(new.keys)
    assert signer.alg == "ES256"
    assert signer.x5t == certificate.x5t
    assert certificate.not_before_ms <= NOW_MS
    assert certificate.not_after_ms == pytest.approx(NOW_MS + 3650 * DAY_MS, abs=1000)


def test_there_is_one_epoch_and_nothing_is_marked(new: NewBus) -> None:
    epochs = load_epoch_keys(new.keys)
    assert epochs.current == 1
    assert len(epochs.keys[1]) == 32
    marks = Marks(new.state / "marks")
    assert marks.all() == []
    marks.close()


def test_the_highest_epoch_is_the_current_one(new: NewBus) -> None:
    write_new(new.keys / "epoch-10", b"k" * 32)
    assert load_epoch_keys(new.keys).current == 10
    assert sorted(load_epoch_keys(new.keys).keys) == [1, 10]


def test_the_founders_profile_leads_to_the_token(new: NewBus) -> None:
    profile = tomllib.loads(new.profile.read_text())
    assert (new.profile.parent / profile["token"]).resolve() == new.token.resolve()
    assert profile["log_key"] == new.log_key
    assert profile["url"] == "http://127.0.0.1:8480"


@pytest.mark.parametrize("part", ["sealway.toml", "keys", "state", "data", "founder.token"])
def test_refuses_a_folder_that_has_any_part_of_a_bus(tmp_path: Path, part: str) -> None:
    (tmp_path / part).mkdir()
    with pytest.raises(AlreadyInitialised, match=part):
        initialise(tmp_path, Names(), NOW_MS)
    assert [path.name for path in tmp_path.iterdir()] == [part]


def test_a_second_init_changes_nothing(new: NewBus) -> None:
    before = {path: path.read_bytes() for path in new.folder.rglob("*") if path.is_file()}
    with pytest.raises(AlreadyInitialised):
        initialise(new.folder, Names(), NOW_MS)
    assert before == {path: path.read_bytes() for path in new.folder.rglob("*") if path.is_file()}


def test_joins_a_folder_that_has_only_profiles(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "benefits.toml").write_text("")
    assert initialise(tmp_path, Names(), NOW_MS).settings.exists()


@pytest.mark.parametrize(
    "names",
    [
        Names(bus="Not A Name"),
        Names(instance="a/b"),
        Names(port=0),
        Names(public_url="nowhere"),
        Names(bus='x"\nport = 1'),
    ],
)
def test_a_wrong_name_is_refused_before_anything_is_written(tmp_path: Path, names: Names) -> None:
    with pytest.raises(SettingsInvalid):
        initialise(tmp_path / "bus", names, NOW_MS)
    assert not (tmp_path / "bus").exists()


def test_two_buses_share_nothing(tmp_path: Path) -> None:
    one, two = [initialise(tmp_path / name, Names(), NOW_MS) for name in ("one", "two")]
    for name in ("log-0", "log-1", "bus", "epoch-1", "founder.hash"):
        assert (one.keys / name).read_bytes() != (two.keys / name).read_bytes()
    assert token_of(one) != token_of(two)


def test_the_founders_token_counts_for_90_days(new: NewBus) -> None:
    founder, token = founder_of(new), token_of(new)
    assert len(b64url_decode(token, 32)) == 32
    assert founder.admits(token, NOW_MS)
    assert founder.admits(token, NOW_MS + 90 * DAY_MS - 1)
    assert not founder.admits(token, NOW_MS + 90 * DAY_MS)


@pytest.mark.parametrize("wrong", ["", "x", "é" * 43, "A" * 43])
def test_another_token_never_counts(new: NewBus, wrong: str) -> None:
    assert not founder_of(new).admits(wrong, NOW_MS)
    assert not founder_of(new).admits(token_of(new) + wrong + "x", NOW_MS)


def test_the_token_is_kept_by_its_hash_alone(new: NewBus) -> None:
    token = token_of(new).encode()
    holders = [path for path in new.folder.rglob("*") if path.is_file() and path != new.token]
    assert holders
    assert not any(token in path.read_bytes() for path in holders)


def test_a_new_token_ends_the_old_one(new: NewBus) -> None:
    old = token_of(new)
    make_founder(new.keys, new.token, NOW_MS + DAY_MS)
    assert not founder_of(new).admits(old, NOW_MS + DAY_MS)
    assert founder_of(new).admits(token_of(new), NOW_MS + 91 * DAY_MS - 1)
    assert mode(new.token) == mode(new.keys / "founder.hash") == 0o600


def test_without_a_hash_nobody_is_the_founder(new: NewBus) -> None:
    (new.keys / "founder.hash").unlink()
    assert load_founder(new.keys) is None


@pytest.mark.parametrize("text", ["", "x", "A" * 43, "A" * 43 + " tomorrow", "é"])
def test_a_broken_hash_stops_the_start(new: NewBus, text: str) -> None:
    (new.keys / "founder.hash").write_text(text, "utf-8")
    with pytest.raises(SettingsInvalid, match="renew-founder"):
        load_founder(new.keys)


def test_a_missing_or_wrong_key_is_named(new: NewBus) -> None:
    (new.keys / "log-0").unlink()
    with pytest.raises(SettingsInvalid, match="log-0 can't be read"):
        load_log_signer(new.keys, "sx.example", "0")
    (new.keys / "log-0").write_bytes((new.keys / "bus").read_bytes())
    with pytest.raises(SettingsInvalid, match="must hold an Ed25519 private key"):
        load_log_signer(new.keys, "sx.example", "0")
    with pytest.raises(SettingsInvalid, match="must hold the certificate of the key in log-1"):
        load_signer(new.keys / "log-1", new.keys / "bus.crt")
    with pytest.raises(SettingsInvalid, match="must hold a certificate"):
        load_signer(new.keys / "bus", new.keys / "epoch-1")
    (new.keys / "epoch-1").write_bytes(b"short")
    with pytest.raises(SettingsInvalid, match="must hold 32 bytes"):
        load_epoch_keys(new.keys)


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    write_new(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"


def test_the_verb_prints_paths_and_the_log_key_and_no_token(tmp_path: Path) -> None:
    result = CliRunner().invoke(init, [str(tmp_path / "bus")])
    assert result.exit_code == 0
    assert str(tmp_path / "bus" / "keys") in result.output
    assert "sx.example/log/0+" in result.output
    token = (tmp_path / "bus" / "founder.token").read_text().strip()
    assert token not in result.output
    assert (tmp_path / "bus" / "founder.token").read_text() != ""


def test_the_verb_renews_the_founders_token_and_nothing_else(new: NewBus) -> None:
    kept = {path: path.read_bytes() for path in new.keys.iterdir() if path.name != "founder.hash"}
    old = token_of(new)
    result = CliRunner().invoke(init, [str(new.folder), "--renew-founder"])
    assert result.exit_code == 0
    assert token_of(new) != old
    assert token_of(new) not in result.output
    assert kept == {path: path.read_bytes() for path in kept}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsInvalid, match="file/bus can't be made"):
        initialise(tmp_path / "file" / "bus", Names(), NOW_MS)
