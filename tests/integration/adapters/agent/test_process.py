"""The agent as a process: it listens, drains on SIGTERM, and holds nothing of the server."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from adapters.agent import running
from adapters.agent.settings import agent_settings
from adapters.errors import AdapterSettingsInvalid
from tests.support.eventually import until
from tests.support.fake_bus import FakeBus

SERVER = ("exchange", "registry", "schemas", "fastapi", "starlette", "aiokafka", "structlog")
# Runs as `sealway agent` does, and tells at the end which modules it holds.
WITNESSED = """
import sys
from adapters.agent.command import agent
try:
    agent([sys.argv[1]])
finally:
    print(*sorted(sys.modules))
"""


class AnotherBus(BaseHTTPRequestHandler):
    """Answers whatever it is asked as a bus that isn't the pinned one."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"bus": "another.example"}')

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def another_bus() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), AnotherBus)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.timeout(30)
def test_a_process_with_both_adapters_loads_nothing_of_the_server_and_ends_on_sigterm(
    home: Path, another_bus: str
) -> None:
    profile = home / "profiles/civil-registry.toml"
    profile.write_text(profile.read_text().replace("http://bus.test", another_bus))
    (home / "agent.toml").write_text(
        'profile = "civil-registry"\nserves = { person-status = "people", stock = "store" }\n'
        "[listen]\nport = 0\n[limits]\ndrain_s = 1\n[egress]\nhosts = ['127.0.0.1:9 private']\n"
        "[adapters.store]\nkind = 'rest'\nbase = 'http://127.0.0.1:9'\n"
        "services.stock.path = '/stock'\n"
        "[adapters.people]\nkind = 'sql'\nurl = 'sqlite:///people.db'\n"
        "services.person-status = { query = 'SELECT 1 AS n', columns = { n = 'n' } }\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", WITNESSED, str(home / "agent.toml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        ready = json.loads(next(line for line in process.stderr if "agent.ready" in line))
        url = ready["about"].split()[0]
        with httpx.Client(trust_env=False) as local:
            assert local.get(url + "/livez").status_code == 200
            reasons = local.get(url + "/readyz").json()["reasons"]
        assert "Another bus answers at the profile's url." in reasons
        process.send_signal(signal.SIGTERM)
        printed, said = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "agent.stopped" in said
    held = {name.partition(".")[0] for name in printed.split()}
    assert {"adapters", "sealway", "signing", "sqlalchemy"} <= held
    assert not held.intersection(SERVER)


async def test_an_address_that_is_taken_is_told(home: Path, bus: FakeBus) -> None:
    with running.take_port(agent_settings({"profile": "x", "listen": {"port": 0}}, home)) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        settings = agent_settings({"profile": "benefits", "listen": {"port": port}}, home)
        with pytest.raises(AdapterSettingsInvalid, match="can't be listened on"):
            await running.serve(settings, asyncio.Event(), bus.transport)


async def test_who_waits_when_it_is_told_to_stop_gets_the_link(
    home: Path, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    told = asyncio.Event()
    settings = agent_settings({"profile": "benefits", "listen": {"port": 0}}, home)
    serving = asyncio.create_task(running.serve(settings, told, bus.transport))
    async with asyncio.timeout(10):
        await until(lambda: "agent.ready" in caplog.text)
        url = caplog.text.partition("agent.ready: ")[2].split()[0]
        async with httpx.AsyncClient(base_url=url, trust_env=False) as local:
            path = "/sx/GOV/2002/civil-registry/person-status"
            asking = asyncio.create_task(local.post(path, json={}, headers={"prefer": "wait=20"}))
            await until(lambda: any(call.url.path == "/v1/messages" for call in bus.calls))
            told.set()
            response = await asking
        await serving
    assert response.status_code == 202
    assert response.json()["id"] in bus.kept
