"""`[database]`, `[kafka]` and `[retention]`: which engine runs, and secrets that nobody sees."""

import ssl
from pathlib import Path

import pytest
from pydantic import BaseModel

from exchange.operation.engines import brokers, database_address, database_place
from exchange.operation.settings import (
    Database,
    Kafka,
    Retention,
    Settings,
    SettingsInvalid,
    load_settings,
    redacted,
)
from signing.certificates import der_to_pem, issue_self_signed
from signing.keys import ES256, generate_key, private_key_pem

MINIMAL = 'bus = "sx.example"\ninstance = "sx"\n'
DATABASE = '[database]\nurl = "postgresql://bus@db.example/sealway"\n'
KAFKA = '[kafka]\nbootstrap = "k1.example:9092, k2.example:9092"\n'


def load(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "sealway.toml"
    file.write_text(MINIMAL + text, "utf-8")
    return load_settings(file, environ)


def mistakes(folder: Path, text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        load(folder, text, **environ)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("text", "engine", "kind", "logs"),
    [
        ("", "sqlite", "embedded", 1),
        ("shards = 4\n" + DATABASE, "postgresql", "database", 4),
        (DATABASE + KAFKA, "postgresql", "kafka", 16),
    ],
)
def test_the_tables_say_which_engine_runs(
    tmp_path: Path, text: str, engine: str, kind: str, logs: int
) -> None:
    settings = load(tmp_path, text)
    assert (settings.engine, settings.bus_kind, settings.logs_wanted) == (engine, kind, logs)


def test_kafka_without_a_database_is_refused_with_the_reason(tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, KAFKA)
    assert "[kafka] needs [database]: Kafka carries, the database keeps" in sentence


def test_variables_make_the_tables(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "",
        SEALWAY_DATABASE__URL="postgresql://bus:canary@db/sealway",
        SEALWAY_KAFKA__BOOTSTRAP="k:9092",
        SEALWAY_KAFKA__COPIES="1",
        SEALWAY_KAFKA__COPIES_IN_SYNC_MIN="1",
        SEALWAY_RETENTION__MESSAGES_DAYS="365",
        SEALWAY_SHARDS="3",
    )
    assert database_address(settings) == "postgresql://bus:canary@db/sealway"
    assert settings.kafka is not None
    assert (settings.kafka.copies, settings.logs_wanted) == (1, 3)
    assert settings.retention.messages_days == 365


def test_an_address_in_a_variable_takes_the_place_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgresql://db/from-file\n")
    in_file = '[database]\nurl_file = "address"\n'
    settings = load(tmp_path, in_file, SEALWAY_DATABASE__URL="postgresql://db/from-variable")
    assert database_address(settings) == "postgresql://db/from-variable"
    settings = load(tmp_path, DATABASE, SEALWAY_DATABASE__URL_FILE="address")
    assert database_address(settings) == "postgresql://db/from-file"


def test_one_address_and_not_two(tmp_path: Path) -> None:
    assert "either url or url_file" in mistakes(tmp_path, "[database]\n")[0]
    assert "either url or url_file" in mistakes(tmp_path, DATABASE + 'url_file = "x"\n')[0]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://bus:canary@db/sealway",
        "postgresql://bus:canary@db",
        "postgresql://bus:canary@db:port/sealway",
        "postgresql://bus:can#ary@db/sealway",
        "postgresql://bus:can/ary@db/sealway",
        "postgresql://bus:can@ary@db/sealway",
        "postgresql://bus:12/ary@db/sealway",
        "postgresql://bus:canary@[::1/sealway",
        "postgresql://bus:can ary@db/sealway",
        "postgresql://bus:canary@db/sealway\nhost",
        "canary",
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(tmp_path: Path, url: str) -> None:
    told = " ".join(mistakes(tmp_path, "", SEALWAY_DATABASE__URL=url))
    assert "database.url" in told
    assert "canary" not in told
    assert "ary" not in told.replace("necessary", "")
    (tmp_path / "address").write_text(url)
    settings = load(tmp_path, '[database]\nurl_file = "address"\n')
    with pytest.raises(SettingsInvalid, match="address") as caught:
        database_address(settings)
    assert "ary" not in caught.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bus@db/sealway",
        "postgres://bus:p%23ss@10.0.0.1:5432,10.0.0.2:5432/sealway?target_session_attrs=read-write",
        "postgresql+asyncpg://[::1]:5432/sealway",
        "postgresql://postgres:@/sealway?host=/tmp/socket",
    ],
)
def test_what_the_driver_understands_is_taken(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, "", SEALWAY_DATABASE__URL=url)
    assert database_address(settings).endswith(url.partition("://")[2])


def test_a_password_is_shown_nowhere(tmp_path: Path) -> None:
    url = "postgresql://bus:canary@db:5432/sealway?password=canary&sslmode=require"
    settings = load(tmp_path, "", SEALWAY_DATABASE__URL=url)
    assert "canary" not in f"{settings!r} {settings} {redacted(settings)} {settings.model_dump()}"
    shown = "postgresql://…@db:5432/sealway?password=…&sslmode=require"
    assert redacted(settings)["database"]["url"] == database_place(settings) == shown


def test_the_address_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgresql://bus:canary@db/sealway\n")
    settings = load(tmp_path, '[database]\nurl_file = "address"\n')
    assert database_address(settings) == "postgresql://bus:canary@db/sealway"
    assert "canary" not in str(redacted(settings))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KAFKA.replace("k1.example:9092", "k1.example"), "must be host:port, several with commas"),
        (KAFKA.replace("9092,", "90929,"), "must be host:port"),
        (KAFKA + "copies = 1\n", "copies_in_sync_min must be at most copies"),
        (KAFKA + "copies = 0\n", "`kafka.copies` is wrong: Input should be greater"),
        (KAFKA + 'prefix = "a b"\n', "`kafka.prefix` is wrong: must be letters"),
        (KAFKA + 'ca_file = "ca.pem"\n', "need tls = true"),
        (KAFKA + 'tls = true\ncertificate_file = "c"\n', "certificate_file and key_file need each"),
        (KAFKA + 'sasl_username = "bus"\n', "sasl_password_file need each other"),
        (KAFKA + 'sasl_mechanism = "GSSAPI"\n', "`kafka.sasl_mechanism` is wrong"),
        (KAFKA + "copy = 1\n", "`kafka.copy` is not a setting; remove it or correct its name (m"),
        (DATABASE + "lease = 1\n", "`database.lease` is not a setting"),
        (DATABASE + "lease_s = 1\n", "until another process may take the log"),
        ("[retention]\nmessages_days = 30\n", "`retention.messages_days` is wrong"),
        ("shards = 0\n", "`shards` is wrong"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(tmp_path: Path, text: str, expected: str) -> None:
    with_database = text if "[database]" in text else text + DATABASE
    assert any(expected in sentence for sentence in mistakes(tmp_path, with_database))


@pytest.mark.parametrize("table", [Database, Kafka, Retention])
def test_every_key_says_what_it_is_for(table: type[BaseModel]) -> None:
    for name, field in table.model_fields.items():
        assert field.description, f"{name} has no reason"


def test_an_option_wins_and_is_checked_as_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "sealway.toml"
    file.write_text(MINIMAL + "port = 9000\n")
    settings = load_settings(file, {"SEALWAY_PORT": "9001"}, {"port": 9002})
    assert (settings.port, settings.public_url) == (9002, "http://127.0.0.1:9002")
    with pytest.raises(SettingsInvalid, match="`port` is wrong"):
        load_settings(file, {}, {"port": 70_000})


def test_brokers_are_made_with_what_gets_us_in(tmp_path: Path) -> None:
    key = generate_key(ES256)
    certificate = der_to_pem(issue_self_signed(key, "bus", 0, 10**13))
    (tmp_path / "ca.pem").write_bytes(certificate)
    (tmp_path / "own.pem").write_bytes(certificate)
    (tmp_path / "own.key").write_bytes(private_key_pem(key))
    (tmp_path / "password").write_text("canary\n")
    text = KAFKA + (
        'tls = true\nca_file = "ca.pem"\ncertificate_file = "own.pem"\nkey_file = "own.key"\n'
        'sasl_mechanism = "SCRAM-SHA-256"\nsasl_username = "bus"\nsasl_password_file = "password"\n'
        'prefix = "sx"\n'
    )
    made = brokers(load(tmp_path, DATABASE + text))
    assert (made.bootstrap, made.prefix) == ("k1.example:9092,k2.example:9092", "sx")
    assert isinstance(made.tls, ssl.SSLContext)
    assert (made.sasl_username, made.sasl_password) == ("bus", "canary")
    assert "canary" not in repr(made)
    assert made.options(1.0)["security_protocol"] == "SASL_SSL"


def test_a_file_that_gets_us_in_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(SettingsInvalid, match=r"ca\.pem must hold certificates in PEM"):
        brokers(load(tmp_path, DATABASE + KAFKA + 'tls = true\nca_file = "ca.pem"\n'))
    sasl = 'sasl_mechanism = "PLAIN"\nsasl_username = "bus"\nsasl_password_file = "password"\n'
    with pytest.raises(SettingsInvalid, match="password can't be read"):
        brokers(load(tmp_path, DATABASE + KAFKA + sasl))
    (tmp_path / "password").write_text("two\nlines")
    with pytest.raises(SettingsInvalid, match="password must hold one line of text"):
        brokers(load(tmp_path, DATABASE + KAFKA + sasl))
