"""What the doctor judges: each thing well, each way it can be wrong, and what to do about it."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.cluster import ClusterView, TopicView
from exchange.ledger.marks import Mark, Marks
from exchange.operation.doctor.database import judge_logs, judge_schema, judge_server
from exchange.operation.doctor.files import (
    check_certificates,
    check_keys,
    check_marks,
    check_packages,
    check_room,
)
from exchange.operation.doctor.findings import Finding, Verdict, worst
from exchange.operation.doctor.kafka import judge_cluster
from exchange.operation.doctor_command import doctor
from exchange.operation.initialise import Names, initialise
from exchange.operation.settings import Settings, load_settings
from exchange.storage.migrations.owner import SCHEMA_VERSION
from exchange.storage.postgres.look import DatabaseView, LogView

NOW_MS = 1_795_300_000_000
DAY_MS = 86_400_000
NAMES = Names(
    database="postgresql://bus@db.example/sealway", kafka="k:9092", shards=2, founder=True
)
LOG = LogView(1, "sx.example/log/1", "open", "a:1", True, 10, 10, 10)
ZERO = LogView(0, "sx.example/log/0", "open", None, False, 4, 4, 0)
WELL = DatabaseView(
    version="18.1",
    server_number=180_001,
    durability={"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"},
    clock_apart_ms=3,
    round_trip_ms=0.4,
    is_standby=False,
    is_encrypted=True,
    standbys="",
    connections_max=100,
    schema=SCHEMA_VERSION,
    bus="sx.example",
    instance="sx",
    days_ahead=7,
    logs=(ZERO, LOG, dataclasses.replace(LOG, shard=2, origin="sx.example/log/2")),
)


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(initialise(tmp_path / "bus", NAMES, NOW_MS).settings, {})


def judged(findings: Iterable[Finding]) -> dict[Verdict, list[str]]:
    found: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for one in findings:
        assert bool(one.remedy) == (one.verdict is not Verdict.OK), one
        found[one.verdict].append(f"{one.about}: {one.text} → {one.remedy}")
    return found


def expect(findings: Iterable[Finding], verdict: Verdict, text: str) -> None:
    """Exactly one finding of this verdict or worse, and it says this."""
    found = judged(findings)
    said = [*found[Verdict.WRONG], *found[Verdict.WARN]]
    assert len(said) == 1, said
    assert said == found[verdict]
    assert text in said[0]


def view(**changes: Any) -> DatabaseView:
    return dataclasses.replace(WELL, **changes)


def log(**changes: Any) -> tuple[LogView, ...]:
    return (ZERO, WELL.logs[2], dataclasses.replace(LOG, **changes))


def test_all_is_well(settings: Settings) -> None:
    findings = [
        *check_packages(),
        *check_keys(settings),
        *check_certificates(settings, NOW_MS),
        *check_marks(settings),
        *check_room(settings),
        *judge_server(WELL, settings, is_on_this_machine=False),
        *judge_schema(WELL, settings),
        *judge_logs(WELL, settings, ()),
    ]
    assert judged(findings)[Verdict.WRONG] == []
    assert worst(findings) in (Verdict.OK, Verdict.WARN)  # a machine may be short of room


@pytest.mark.parametrize(
    ("changes", "verdict", "text"),
    [
        ({"server_number": 130_011}, Verdict.WRONG, "use version 14 or later"),
        ({"is_standby": True}, Verdict.WRONG, "name the primary"),
        ({"durability": {**WELL.durability, "fsync": "off"}}, Verdict.WRONG, "fsync=off"),
        (
            {"durability": {**WELL.durability, "full_page_writes": "off"}},
            Verdict.WRONG,
            "a power cut loses receipted messages",
        ),
        (
            {"durability": {**WELL.durability, "synchronous_commit": "off"}},
            Verdict.WRONG,
            "synchronous_commit=off",
        ),
        ({"is_encrypted": False}, Verdict.WARN, "sslmode=verify-full"),
        ({"connections_max": 20}, Verdict.WARN, "enough for 2 processes"),
        ({"clock_apart_ms": -2_000}, Verdict.WARN, "2000 ms behind"),
        ({"clock_apart_ms": 90_000}, Verdict.WRONG, "90000 ms ahead"),
    ],
)
def test_a_server_that_keeps_less_than_it_says(
    settings: Settings, changes: dict[str, Any], verdict: Verdict, text: str
) -> None:
    expect(judge_server(view(**changes), settings, is_on_this_machine=False), verdict, text)


def test_a_socket_of_this_machine_needs_no_encryption(settings: Settings) -> None:
    bare = view(is_encrypted=False)
    assert worst(judge_server(bare, settings, is_on_this_machine=True)) is Verdict.OK


@pytest.mark.parametrize(
    ("changes", "verdict", "text"),
    [
        ({"schema": None}, Verdict.WRONG, "run `sealway migrate`"),
        ({"schema": SCHEMA_VERSION - 1}, Verdict.WRONG, "run `sealway migrate`"),
        ({"schema": SCHEMA_VERSION + 1}, Verdict.WRONG, "install the newer Sealway"),
        ({"bus": "other.example"}, Verdict.WRONG, "belongs to bus other.example"),
        ({"days_ahead": 0}, Verdict.WRONG, "tomorrow nothing is accepted"),
        ({"days_ahead": 2}, Verdict.WARN, "2 days after today"),
    ],
)
def test_tables_that_are_not_ready(
    settings: Settings, changes: dict[str, Any], verdict: Verdict, text: str
) -> None:
    expect(judge_schema(view(**changes), settings), verdict, text)


@pytest.mark.parametrize(
    ("logs", "verdict", "text"),
    [
        (log(state="frozen"), Verdict.WARN, "log/1 is frozen"),
        (log(is_held=False, note_size=9), Verdict.WARN, "nobody signed or relayed"),
        (log(is_held=False, relayed_to=9), Verdict.WARN, "start a process"),
        (log(size=20_000, note_size=20_000), Verdict.WARN, "19990 entries wait for the bus"),
        (log(shard=99, origin="sx.example/log/99"), Verdict.WARN, "have no key here"),
        ((LOG,), Verdict.WRONG, "no directory log is open"),
        (
            (dataclasses.replace(ZERO, state="frozen"), LOG),
            Verdict.WRONG,
            "migrate --after-restore",
        ),
        ((ZERO,), Verdict.WRONG, "no traffic log is open"),
    ],
)
def test_logs_that_somebody_should_look_at(
    settings: Settings, logs: tuple[LogView, ...], verdict: Verdict, text: str
) -> None:
    expect(judge_logs(view(logs=logs), settings, ()), verdict, text)


def test_a_database_behind_what_was_signed_is_an_older_copy(settings: Settings) -> None:
    at, beyond = Mark(LOG.origin, 10, b"r" * 32), Mark(LOG.origin, 11, b"r" * 32)
    assert worst(judge_logs(WELL, settings, [at])) is Verdict.OK
    expect(judge_logs(WELL, settings, [beyond]), Verdict.WRONG, "it is an older copy")
    closed = view(logs=(*WELL.logs[:1], dataclasses.replace(LOG, state="closed"), WELL.logs[2]))
    assert worst(judge_logs(closed, settings, [beyond])) is Verdict.OK


TOPICS = tuple(TopicView(f"sealway.{name}", 16, 3, 3, 2) for name in ("deliver", "signal"))
CLUSTER = ClusterView(3, TOPICS)


def cluster(brokers: int = 3, **changes: Any) -> ClusterView:
    return ClusterView(brokers, (TOPICS[0], dataclasses.replace(TOPICS[1], **changes)))


@pytest.mark.parametrize(
    ("seen", "verdict", "text"),
    [
        (cluster(2), Verdict.WRONG, "2 brokers can't keep 3 copies"),
        (cluster(in_sync=1), Verdict.WRONG, "nothing is carried"),
        (cluster(in_sync=2), Verdict.WARN, "short of copies"),
        (cluster(copies=2, in_sync=2), Verdict.WARN, "the settings say 3 and 2"),
        (cluster(in_sync_min=1), Verdict.WARN, "the settings say 3 and 2"),
    ],
)
def test_topics_that_could_lose_what_they_carry(
    settings: Settings, seen: ClusterView, verdict: Verdict, text: str
) -> None:
    assert worst(judge_cluster(CLUSTER, (), Brokers("k:9092"), settings)) is Verdict.OK
    expect(judge_cluster(seen, (), Brokers("k:9092"), settings), verdict, text)


def test_a_missing_topic_and_a_bare_password(settings: Settings) -> None:
    expect(
        judge_cluster(CLUSTER, ["The topic x is missing."], Brokers("k:9092"), settings),
        Verdict.WRONG,
        "run `sealway migrate`",
    )
    bare = Brokers("k:9092", sasl_mechanism="PLAIN", sasl_username="a", sasl_password="canary")
    expect(judge_cluster(CLUSTER, (), bare, settings), Verdict.WARN, "set kafka.tls = true")


def test_keys_that_others_may_read(settings: Settings) -> None:
    (settings.keys / "log-1").chmod(0o640)
    expect(check_keys(settings), Verdict.WARN, f"chmod 600 {settings.keys / 'log-1'}")


def test_keys_that_are_missing(settings: Settings) -> None:
    (settings.keys / "log-2").unlink()
    expect(check_keys(settings), Verdict.WARN, "1 of 2 traffic logs have no key here, from log-2")
    (settings.keys / "log-0").unlink()
    expect(check_keys(settings), Verdict.WRONG, "log-0 can't be read")


def test_certificates_and_tokens_that_end(settings: Settings) -> None:
    end_ms = NOW_MS + 3650 * DAY_MS
    soon = judged(check_certificates(settings, end_ms - 29 * DAY_MS))
    assert any("the bus's ends" in text for text in soon[Verdict.WARN])
    assert any("founder's token has ended" in text for text in soon[Verdict.WARN])
    ended = judged(check_certificates(settings, end_ms))
    assert any("doesn't count now" in text for text in ended[Verdict.WRONG])


def test_marks_that_cannot_be_read(settings: Settings) -> None:
    path = settings.state / "marks"
    marks = Marks(path)
    new = Mark("sx.example/log/1")
    marks.advance(new.origin, (new.size, new.root), 7, b"r" * 32)
    marks.close()
    (finding,) = check_marks(settings)
    assert finding.text == "1 log signed here, 7 leaves in all"
    path.unlink()
    expect(check_marks(settings), Verdict.WRONG, "put the file back")


def test_packages_of_somebody_else(tmp_path: Path) -> None:
    expect(check_packages(tmp_path), Verdict.WRONG, "PYTHONSAFEPATH=1")


def test_the_verb_shows_settings_without_secrets_and_what_it_found(tmp_path: Path) -> None:
    folder = initialise(tmp_path / "bus", Names(), NOW_MS).folder
    with (folder / "sealway.toml").open("a") as file:
        file.write('[adapters.civil]\nkind = "sql"\npassword = "canary"\n')
    result = CliRunner().invoke(doctor, [str(folder)])
    assert "adapters.civil.password" in result.output
    assert "canary" not in result.output
    assert "limits.lease_s" not in result.output
    assert "doctor: " in result.output.splitlines()[-1]
    shown = CliRunner().invoke(doctor, [str(folder), "--all", "--json"])
    told = json.loads(shown.output)
    assert told["settings"]["limits.lease_s"] == 900
    assert {"packages", "keys", "marks", "room", "database"} <= {
        check["about"] for check in told["checks"]
    }


def test_the_verb_ends_with_one_when_something_is_wrong(tmp_path: Path) -> None:
    folder = initialise(tmp_path / "bus", Names(), NOW_MS).folder
    (folder / "keys" / "bus").unlink()
    assert CliRunner().invoke(doctor, [str(folder)]).exit_code == 1
    (folder / "sealway.toml").write_text("prt = 1")
    refused = CliRunner().invoke(doctor, [str(folder), "--json"])
    assert refused.exit_code == 3
    assert json.loads(refused.output)["code"] == "settings-invalid"
