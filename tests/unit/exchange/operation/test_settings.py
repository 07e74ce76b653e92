"""One settings object: from a file and variables, or one sentence for each mistake."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from exchange.operation.settings import (
    Delivery,
    Limits,
    Settings,
    SettingsInvalid,
    load_settings,
    redacted,
)

MINIMAL = 'bus = "sx.example"\ninstance = "sx"\n'
UNITS = ("_s", "_s_max", "_bytes_max", "_entries_max", "_rows_max", "_per_s")
COUNTS = {
    "long_polls_per_system", "mailbox_max", "deliveries_max", "changes_max", "validators_max",
    "concurrency", "breaker_failures", "misbehaved_max", "leases_max",
}  # fmt: skip


def load(folder: Path, text: str = MINIMAL, **environ: str) -> Settings:
    file = folder / "sealway.toml"
    file.write_text(text, "utf-8")
    return load_settings(file, environ)


def mistakes(folder: Path, text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        load(folder, text, **environ)
    return caught.value.mistakes


def test_two_names_are_enough(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.bus, settings.instance, settings.port) == ("sx.example", "sx", 8480)
    assert settings.public_url == "http://127.0.0.1:8480"
    assert settings.egress.hosts == ()
    assert settings.hosted == {}
    assert settings.founder_counts


def test_the_founder_counts_with_a_database_only_when_that_is_said(tmp_path: Path) -> None:
    text = MINIMAL + '[database]\nurl = "postgresql://db.example/sealway"\n'
    assert not load(tmp_path, text).founder_counts
    assert load(tmp_path, text + "[policy]\nfounder = true\n").founder_counts
    assert not load(tmp_path, MINIMAL + "[policy]\nfounder = false\n").founder_counts


def test_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    text = MINIMAL + (
        'data = "d"\nkeys = "/elsewhere/keys"\n'
        '[hosted."sx/GOV/2002/civil-registry"]\nkey = "k/civil.pem"\ncertificate = "k/civil.crt"\n'
    )
    settings = load(tmp_path, text)
    assert settings.folder == tmp_path
    assert settings.data == tmp_path / "d"
    assert settings.state == tmp_path / "state"
    assert settings.keys == Path("/elsewhere/keys")
    assert settings.hosted["sx/GOV/2002/civil-registry"].key == tmp_path / "k" / "civil.pem"


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        MINIMAL + "port = 9000\n[limits]\nlease_s = 60\nmailbox_max = 5\n",
        SEALWAY_PORT="9001",
        SEALWAY_LIMITS__LEASE_S="61",
        SEALWAY_EGRESS__HOSTS='["api.example.org:443", "10.0.0.1:80 private"]',
        SEALWAY_POLICY__FOUNDER="false",
    )
    assert settings.port == 9001
    assert settings.public_url == "http://127.0.0.1:9001"
    assert (settings.limits.lease_s, settings.limits.mailbox_max) == (61, 5)
    assert settings.egress.hosts == ("api.example.org:443", "10.0.0.1:80 private")
    assert not settings.policy.founder


def test_variables_alone_are_enough() -> None:
    environ = {"SEALWAY_BUS": "b.example", "SEALWAY_INSTANCE": "b", "PATH": "/bin"}
    assert load_settings(None, environ).data == Path.cwd() / "data"


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    others = {"SEALWAY_HOME": "x", "SEALWAY_PROFILE": "x", "SEALWAY_TEST_KAFKA": "x"}
    assert load(tmp_path, **others).bus == "sx.example"


def test_an_adapters_table_is_handed_on_as_it_is(tmp_path: Path) -> None:
    text = MINIMAL + '[adapters.civil]\nkind = "sql"\n[adapters.civil.queries]\na = ["x", 1]\n'
    assert load(tmp_path, text).adapters == {"civil": {"kind": "sql", "queries": {"a": ["x", 1]}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('instance = "sx"\n', "`bus` is missing; set it"),
        (MINIMAL + "prot = 1\n", "`prot` is not a setting; remove it or correct its name (meant"),
        (MINIMAL + "[limits]\nlease = 1\n", "`limits.lease` is not a setting"),
        (MINIMAL + "[limts]\nlease_s = 1\n", "`limts` is not a setting"),
        (MINIMAL + 'folder = "x"\n', "`folder` is not a setting"),
        (MINIMAL + "port = 70000\n", "`port` is wrong: Input should be less than or equal"),
        (MINIMAL + 'public_url = "bus"\n', "`public_url` is wrong: must be an address"),
        (MINIMAL + 'public_url = "http://a:b@c"\n', "must not hold a name or password"),
        ('bus = "Sx Example"\ninstance = "sx"\n', "`bus` is wrong: must be small letters"),
        ('bus = "sx.example"\ninstance = "a/b"\n', "`instance` is wrong: must be one segment"),
        (MINIMAL + '[egress]\nhosts = ["a"]\n', "`egress.hosts.0` is wrong: Not a host rule"),
        (MINIMAL + '[policy]\nalgorithms = ["none"]\n', "`policy.algorithms.0` is wrong"),
        (MINIMAL + "[policy]\nalgorithms = []\n", "`policy.algorithms` is wrong"),
        (MINIMAL + "[limits]\nenvelope_bytes_max = 9000\n", "`limits.envelope_bytes_max` is wrong"),
        (MINIMAL + "[limits]\nbody_bytes_max = 20000\n", "limits.body_bytes_max must be at least"),
        (MINIMAL + "[delivery]\nretry_first_s = 400\n", "delivery.retry_first_s must be at most"),
        (MINIMAL + "[hosted.sx]\n", "must be a system identifier like"),
        (MINIMAL + '[hosted."sx/A/1/b"]\nkey = "k"\n', "`hosted.sx/A/1/b.certificate` is missing"),
        (
            MINIMAL + '[hosted."ee/A/1/b"]\nkey = "k"\ncertificate = "c"\n',
            "is not of instance 'sx'",
        ),
        (MINIMAL + "[adapters]\nx = 1\n", "`adapters.x` is wrong"),
        ("bus = ", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in sentence for sentence in mistakes(tmp_path, text))


def test_each_mistake_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "prt = 1\nport = 'x'\n", SEALWAY_BSU="x", SEALWAY_LIMITS__X="1")
    assert len(found) == 6  # SEALWAY_BSU, bus, instance, port, prt, limits.x
    assert all(sentence.endswith(".") for sentence in found)


@pytest.mark.parametrize(
    "name", ["SEALWAY_BSU", "SEALWAY_FOLDER", "SEALWAY_LIMTS__LEASE_S", "SEALWAY_BUS__X"]
)
def test_an_unknown_variable_stops_the_start(tmp_path: Path, name: str) -> None:
    assert mistakes(tmp_path, MINIMAL, **{name: "1"}) == (
        f"The variable {name} names no setting; remove it or correct it.",
    )


def test_a_value_is_never_repeated(tmp_path: Path) -> None:
    text = MINIMAL + 'port = "canary-1"\npassword = "canary-2"\n[limits]\nlease_s = "canary-3"\n'
    assert "canary" not in " ".join(mistakes(tmp_path, text, SEALWAY_SECRET="canary-4"))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="sealway init"):
        load_settings(tmp_path / "sealway.toml", {})


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load(tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.limits.lease_s = 1  # type: ignore[misc]


@pytest.mark.parametrize("table", [Limits, Delivery])
def test_every_limit_has_a_unit_and_a_reason(table: type[BaseModel]) -> None:
    for name, field in table.model_fields.items():
        assert name.endswith(UNITS) or name in COUNTS, f"{name} says no unit"
        assert field.description, f"{name} has no reason"
        assert len(field.description) > 30, f"{name} has no reason"
        assert field.metadata, f"{name} has no bounds"


def test_printed_settings_show_no_secret(tmp_path: Path) -> None:
    text = MINIMAL + (
        '[adapters.civil]\nkind = "sql"\nurl = "postgresql://reader:canary@db/civil"\n'
        'password = "canary"\npassword_file = "secrets/db"\nheaders = {api_key = "canary"}\n'
    )
    printed = redacted(load(tmp_path, text))
    assert "canary" not in str(printed)
    adapter: dict[str, Any] = printed["adapters"]["civil"]
    assert adapter["password_file"] == "secrets/db"
    assert adapter["url"] == "postgresql://…@db/civil"
    assert printed["limits"]["lease_s"] == 900
