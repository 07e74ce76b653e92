"""/metrics says what an operator alarms on, waits for nobody and tells nothing about anybody."""

import asyncio
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapters.base import AdapterRequest, Answer, Reject
from adapters.errors import ProviderUnreachable
from exchange.api.app import create_app
from exchange.api.problems import ATTEMPTS, PROBLEMS
from exchange.operation.initialise import Names, initialise
from exchange.operation.listening import listening
from exchange.operation.metrics import METRICS, registry_of
from exchange.operation.metrics_app import metrics_app
from exchange.operation.metrics_page import metrics_markdown
from exchange.operation.ports import PortTaken, take_port
from exchange.operation.roles import Role
from tests.support.agencies import CIVIL
from tests.support.bus import RunningBus, initialised, running, stopped
from tests.support.deployment import ROOT
from tests.support.shared_bus import Start, database, start

__all__ = ["database", "initialised", "running", "start", "stopped"]
CANARY = "38001085718"


def scrape(bus: RunningBus) -> tuple[str, Mapping[tuple[str, str], float]]:
    """The text, and each line's value by name and its one label's value."""
    text = generate_latest(registry_of(bus.bus.watched)).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, "".join(sample.labels.values())] = sample.value
    return text, found


async def until(bus: RunningBus, name: str, label: str = "") -> Mapping[tuple[str, str], float]:
    """Scrape until a figure isn't 0."""
    for _ in range(250):
        _, found = scrape(bus)
        if found.get((name, label)):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} stayed 0")


def call(bus: RunningBus, path: str = "/metrics", method: str = "GET") -> list[Any]:
    """One call of the application, driven by hand: it fails if it ever waits."""
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("a scrape reads nothing")

    async def send(event: Any) -> None:
        sent.append(event)

    app = metrics_app(registry_of(bus.bus.watched))
    scope = {"type": "http", "path": path, "method": method, "headers": []}
    with pytest.raises(StopIteration):
        app(scope, receive, send).__await__().send(None)
    return sent


async def test_an_exchange_is_seen_in_the_figures(running: RunningBus) -> None:
    asked = running.ask()
    await running.send(asked)
    await running.until(asked, "answered")
    found = await until(running, "sealway_deliveries_total", "answered")
    assert found["sealway_messages_accepted_total", "request"] == 1
    assert found["sealway_messages_accepted_total", "response"] == 1
    assert found["sealway_deliveries_total", "answered"] == 1
    assert found["sealway_delivery_lag_seconds_count", ""] == 1
    assert found["sealway_commit_seconds_count", ""] >= 2
    assert found["sealway_group_entries_sum", ""] >= 2
    assert found["sealway_group_entries_bucket", "+Inf"] == found["sealway_group_entries_count", ""]
    assert found["sealway_seal_seconds_count", ""] >= 1
    assert found["sealway_log_size", "sx.example/log/1"] >= 2
    size = found["sealway_log_size", "sx.example/log/1"]
    assert found["sealway_log_signed_size", "sx.example/log/1"] == size
    assert found["sealway_log_frozen", "sx.example/log/0"] == 0
    assert found["sealway_ready", ""] == 1
    assert found["sealway_directory_version", ""] == running.bus.api.directory.version
    assert found["sealway_directory_age_seconds", ""] == 0
    assert found["sealway_certificate_left_seconds", "bus"] > 86_400
    assert found["sealway_certificate_left_seconds", str(CIVIL)] > 86_400
    assert found["sealway_relay_backlog_entries", ""] == 0
    assert ("sealway_database_connections_in_use", "") not in found


async def test_refusals_failures_and_dead_letters_have_their_codes(running: RunningBus) -> None:
    async def away(request: AdapterRequest) -> Answer | Reject:
        raise ProviderUnreachable("It is away.", maybe_sent=True)

    running.adapter.script = away
    asked = running.ask()
    await running.send(asked)
    assert await running.outcome(running.ask(purpose="curiosity")) == "purpose-required"
    found = await until(running, "sealway_sweep_claimed_total")
    assert found["sealway_messages_refused_total", "purpose-required"] == 1
    assert found["sealway_deliveries_total", "provider-unreachable"] >= 1
    codes = {label for name, label in found if name == "sealway_deliveries_total"}
    assert codes <= {*ATTEMPTS, "answered"}


async def test_a_problem_is_counted_for_strangers_too(running: RunningBus) -> None:
    transport = httpx.ASGITransport(create_app(running.bus.api))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as http:
        await http.post("/v1/messages", content=b"rubbish")
        await http.get("/v1/members")
    _, found = scrape(running)
    assert found["sealway_problems_total", "token-missing"] == 1
    assert {label for name, label in found if name == "sealway_problems_total"} <= set(PROBLEMS)
    assert found["sealway_problems_total", "envelope-malformed"] == 1


async def test_a_frozen_bus_says_so(running: RunningBus) -> None:
    from exchange.ledger.errors import LogBehind

    for writer in running.bus.writers():
        writer.freeze(LogBehind("behind"))
    _, found = scrape(running)
    assert found["sealway_ready", ""] == 0
    assert found["sealway_log_frozen", "sx.example/log/1"] == 1


async def test_a_scrape_never_waits_and_asks_nobody(running: RunningBus) -> None:
    statements: list[str] = []
    await running.store.watch(statements.append)
    await asyncio.sleep(0.05)
    statements.clear()  # the watch's own
    running.store.failing = True
    for _ in range(20):
        begun, ended = call(running)
        assert begun["status"] == 200
        assert b"sealway_ready 1.0" in ended["body"]
    assert statements == []


async def test_nothing_about_a_message_or_a_person_shows(running: RunningBus) -> None:
    async def says(request: AdapterRequest) -> Answer | Reject:
        return Reject("no-data", f"nobody has {CANARY}")

    running.adapter.script = says
    asked = running.ask(content={"person_code": CANARY})
    assert await running.outcome(asked) == "accepted"
    await running.until(asked, "rejected")
    text, _ = scrape(running)
    assert CANARY not in text
    assert asked.manifest.id not in text
    assert asked.digest not in text
    for secret in ("person:", "purpose", "grant", "founder"):
        assert secret not in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/metrics", 405), ("HEAD", "/metrics", 200)],
)
async def test_it_answers_nothing_else(
    running: RunningBus, method: str, path: str, status: int
) -> None:
    assert call(running, path, method)[0]["status"] == status


async def test_it_has_a_listener_of_its_own(running: RunningBus) -> None:
    app = metrics_app(registry_of(running.bus.watched))
    async with listening(app, "127.0.0.1", 0, "metrics_port") as port, httpx.AsyncClient() as http:
        reply = await http.get(f"http://127.0.0.1:{port}/metrics")
        with pytest.raises(PortTaken, match="metrics-port"):
            async with listening(app, "127.0.0.1", port, "metrics_port"):
                pass
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert "process_open_fds" in reply.text


async def test_a_deliverer_on_postgresql_has_figures_of_its_own(start: Start) -> None:
    gateway, deliverer = await start(Role.GATEWAY), await start(Role.DELIVER)
    asked = gateway.ask()
    await gateway.send(asked)
    found = await until(deliverer, "sealway_deliveries_total", "answered")
    found = await until(deliverer, "sealway_directory_version")
    assert 0 <= found["sealway_directory_age_seconds", ""] < 5
    assert 0 <= found["sealway_database_connections_in_use", ""] <= 8
    assert found["sealway_messages_accepted_total", "response"] == 1
    _, of_gateway = scrape(gateway)
    assert of_gateway["sealway_messages_accepted_total", "request"] == 1
    assert ("sealway_delivery_lag_seconds_count", "") not in of_gateway
    async with gateway.bus.store._connections.acquire():  # type: ignore[attr-defined]
        _, busy = scrape(gateway)
    assert busy["sealway_database_connections_in_use", ""] >= 1


async def test_serve_answers_where_it_is_told_to(tmp_path: Path) -> None:
    initialise(tmp_path / "bus", Names(), time.time_ns() // 1_000_000)
    ports = [take_port("127.0.0.1", 0, "port") for _ in range(2)]
    port, metrics_port = (taken.getsockname()[1] for taken in ports)
    for taken in ports:
        taken.close()
    command = [sys.executable, "-m", "sealway", "serve", "bus"]
    command += ["--port", str(port), "--metrics-port", str(metrics_port)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while b"bus.ready" not in await process.stderr.readline():
                pass
        async with httpx.AsyncClient(trust_env=False) as http:
            metrics = await http.get(f"http://127.0.0.1:{metrics_port}/metrics")
            elsewhere = await http.get(f"http://127.0.0.1:{port}/metrics")
    finally:
        process.terminate()
        await process.communicate()
    assert "sealway_ready 1.0" in metrics.text
    assert elsewhere.status_code == 401
    assert process.returncode == 0


def test_the_committed_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    made = metrics_markdown()
    assert committed == made, "run python -m exchange.operation.metrics_page > docs/metrics.md"


def test_every_figure_says_what_it_is_and_alarms_name_figures_that_are_there() -> None:
    names = {figure.name for figure in METRICS}
    assert len(names) == len(METRICS)
    for figure in METRICS:
        assert re.fullmatch(r"sealway_[a-z_]+", figure.name)
        assert figure.name.endswith("_total") == (figure.kind == "counter")
        assert figure.says.endswith(".")
        for name in re.findall(r"sealway_[a-z_]+", figure.alarm[0] if figure.alarm else ""):
            assert name.removesuffix("_bucket") in names
