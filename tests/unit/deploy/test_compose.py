"""deploy/compose.yaml: everything it names is there, and it keeps what its comments promise."""

import re
import tomllib
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from adapters.egress import HostRule
from exchange.operation.settings import load_settings
from tests.support.command_line import mistake
from tests.support.deployment import COMPOSE, DEPLOY, ROOT, compose, dockerfile

ALL = compose()
SERVICES: dict[str, dict[str, Any]] = ALL["services"]
OURS = [name for name, one in SERVICES.items() if one["image"].startswith("sealway")]
BUS = ("gateway-1", "gateway-2", "deliverer-1", "deliverer-2")


def entries(service: dict[str, Any], key: str) -> list[str]:
    return list(service.get(key, []))


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Source and place of each volume."""
    return [(one.split(":")[0], one.split(":")[1]) for one in entries(service, "volumes")]


def test_no_key_is_written_twice() -> None:
    class Strict(yaml.SafeLoader):
        """Refuses what SafeLoader takes the last of."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [one.value for one, _ in node.value if one.value != "<<"]
            assert len(keys) == len(set(keys)), f"twice in line {node.start_mark.line}: {keys}"
            return super().construct_mapping(node, deep)

    assert yaml.load(COMPOSE.read_text("utf-8"), Strict)["name"] == "sealway"  # noqa: S506


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_there(name: str) -> None:
    service = SERVICES[name]
    for source, _ in mounts(service):
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
        else:
            assert source in ALL["volumes"], source
    assert set(entries(service, "networks")) <= set(ALL["networks"])
    assert set(entries(service, "secrets")) <= set(ALL["secrets"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    if "build" in service:
        assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["build"]["target"] in dockerfile().bases


@pytest.mark.parametrize("name", SERVICES)
def test_a_condition_is_one_that_can_come_true(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"], f"{name} waits for {other}"
        else:
            assert how["condition"] == "service_completed_successfully"
            assert "restart" not in SERVICES[other], f"{other} would never be over"


def test_waiting_goes_in_no_circle() -> None:
    seen: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, path
        for other in SERVICES[name].get("depends_on", {}):
            visit(other, (*path, name))
        seen.append(name)

    for name in SERVICES:
        visit(name, ())
    assert set(seen) == set(SERVICES)


@pytest.mark.parametrize("name", [one for one in OURS if "entrypoint" not in SERVICES[one]])
def test_the_command_is_one_that_the_command_line_has(name: str) -> None:
    assert mistake(SERVICES[name]["command"]) is None


@pytest.mark.parametrize("name", [one for one in OURS if "entrypoint" in SERVICES[one]])
def test_the_script_that_is_run_is_in_the_image(name: str) -> None:
    script = PurePosixPath(SERVICES[name]["entrypoint"][1])
    copied = {
        one.words[-1]: one.words[0]
        for one in dockerfile().of("agencies", "COPY")
        if "from" not in one.flags
    }
    at = next(place for place in map(str, (script, *script.parents)) if place in copied)
    assert (ROOT / copied[at] / script.relative_to(at)).is_file()
    assert SERVICES[name]["image"] == "sealway-agencies:local"


@pytest.mark.parametrize("name", [one for one in SERVICES if "test" in
                                  SERVICES[one].get("healthcheck", {})])  # fmt: skip
def test_a_health_check_asks_a_port_that_something_listens_on(name: str) -> None:
    settings = tomllib.loads((DEPLOY / "sealway.toml").read_text("utf-8"))
    listens = {
        "gateway": settings["port"],
        "deliverer": settings.get("health_port", 8481),
        "balancer": int(re.findall(r"\n +listen (\d+);", nginx())[0]),
        "territories": int(SERVICES["territories"]["command"][-1]),
        "kafka": 9092,
    }
    test = " ".join(SERVICES[name]["healthcheck"]["test"])
    if asked := re.search(r"(?:127\.0\.0\.1|localhost):(\d+)", test):
        assert int(asked[1]) == listens[name.split("-")[0]]
    else:
        assert test.startswith("CMD pg_isready")


def nginx() -> str:
    return (DEPLOY / "nginx" / "nginx.conf").read_text("utf-8")


def test_the_settings_are_settings_and_lead_where_compose_says() -> None:
    settings = load_settings(DEPLOY / "sealway.toml", {})
    assert settings.bus_kind == "kafka"
    assert str(settings.database.url_file) == "/run/secrets/database_url"
    assert settings.kafka.bootstrap == f"kafka:{9092}"
    assert settings.public_url == "http://localhost:8480"
    rules = [HostRule.parse(rule) for rule in settings.egress.hosts]
    assert [rule.host for rule in rules] == ["territories"]
    departments = {
        name for name, one in SERVICES.items() if "departments" in one.get("networks", [])
    }
    assert departments == {"territories", "deliverer-1", "deliverer-2"}


def test_copies_are_as_many_as_there_are_brokers() -> None:
    settings = load_settings(DEPLOY / "sealway.toml", {})
    assert (settings.kafka.copies, settings.kafka.copies_in_sync_min) == (1, 1)


def test_no_process_has_a_variable_that_the_settings_would_refuse() -> None:
    for name in OURS:
        given = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
        load_settings(DEPLOY / "sealway.toml", given)
        assert "PASSWORD" not in " ".join(given)


def test_secrets_are_files_that_a_script_makes_and_git_ignores() -> None:
    script = (DEPLOY / "make-secrets.sh").read_text("utf-8")
    for name, secret in ALL["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert f"> secrets/{name}" in script
    assert "/secrets/" in (DEPLOY / ".gitignore").read_text("utf-8").splitlines()
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            assert not re.search("(?i)passw|secret|token", key) or key.endswith("_FILE"), name
            assert "://" not in str(value) or "@" not in str(value), name


def test_one_port_is_published_and_on_loopback_alone() -> None:
    published = {name: entries(one, "ports") for name, one in SERVICES.items() if "ports" in one}
    assert published == {"balancer": ["127.0.0.1:8480:8480"]}


def test_engines_and_gateways_have_no_way_out() -> None:
    inside = {name for name, one in ALL["networks"].items() if (one or {}).get("internal")}
    for name in (*BUS, "postgres", "kafka", "migrate", "territories"):
        assert set(SERVICES[name]["networks"]) <= inside, name


@pytest.mark.parametrize("name", OURS)
def test_our_processes_can_write_only_to_their_volumes(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service, "the image says who"


def test_every_image_names_its_version_and_kafkas_is_the_one_tested() -> None:
    foreign = {one["image"] for one in SERVICES.values() if not one["image"].endswith(":local")}
    assert [one for one in foreign if not re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", one)] == []
    pom = (ROOT / "tests/support/kafka.pom.xml").read_text("utf-8")
    tested = re.findall(r"kafka_2\.13</artifactId>\s*<version>([\d.]+)<", pom)
    assert f"apache/kafka:{tested[0]}" in foreign


def test_the_balancer_knows_every_gateway_and_waits_longer_than_any_call() -> None:
    servers = re.findall(r"^\s+server ([\w-]+):(\d+) ", nginx(), re.MULTILINE)
    assert servers == [(name, "8480") for name in BUS if name.startswith("gateway")]
    limits = load_settings(DEPLOY / "sealway.toml", {}).limits
    reads_s = int(re.findall(r"proxy_read_timeout (\d+)s;", nginx())[0])
    assert reads_s > max(limits.wait_s_max, limits.mailbox_wait_s_max)
    assert int(SERVICES["balancer"]["stop_grace_period"][:-1]) > reads_s
    body = int(re.findall(r"client_max_body_size (\d+)m;", nginx())[0])
    assert body * 1024 * 1024 > limits.body_bytes_max
    count, size = map(int, re.findall(r"large_client_header_buffers (\d+) (\d+)k;", nginx())[0])
    assert count * size * 1024 > limits.header_bytes_max
    assert size * 1024 > limits.envelope_bytes_max


def test_a_stop_lasts_longer_than_the_drain() -> None:
    drain_s = load_settings(DEPLOY / "sealway.toml", {}).delivery.drain_s
    for name in BUS:
        assert int(SERVICES[name]["stop_grace_period"][:-1]) >= 2 * drain_s
