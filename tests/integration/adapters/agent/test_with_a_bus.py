"""Agents on a whole bus: one asks, one answers from its own database, both keep the proofs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from adapters.agent import running as agents
from adapters.agent.running import Agent
from adapters.agent.settings import AgentSettings, agent_settings
from exchange.api.app import create_app
from exchange.operation.key_files import load_log_signer
from signing.certificates import der_to_pem
from signing.keys import private_key_pem
from tests.support.agencies import BENEFITS, BUS, POPULATION, STATISTICS
from tests.support.bus import RunningBus

POPULATION_PATH = f"/{STATISTICS}/{POPULATION}"
SERVICE = {
    "query": "SELECT STATUS FROM PEOPLE WHERE CODE = :code",
    "params": {"code": "/person_code"},
    "columns": {"STATUS": "status"},
}


def settings(running: RunningBus, folder: Path, system: Any, **more: Any) -> AgentSettings:
    """Settings of an agent for one of the agencies, in a folder of its own."""
    folder.mkdir()
    keys = running.keys[system]
    (folder / "key.pem").write_bytes(private_key_pem(keys.key))
    (folder / "cert.pem").write_bytes(der_to_pem(keys.der))
    log_key = load_log_signer(running.folder / "keys", BUS, "0").verifier
    (folder / "who.toml").write_text(
        f'url = "{running.bus.api.public_url}"\nbus = "{BUS}"\ninstance = "sx"\n'
        f'log_key = "{log_key}"\nsystem = "{system}"\n'
        'key = "key.pem"\ncertificate = "cert.pem"\n'
    )
    return agent_settings({"profile": "who.toml", **more}, folder)


async def ask(agent: Agent, code: str) -> httpx.Response:
    transport = httpx.ASGITransport(agent.app)  # type: ignore[arg-type]
    local = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8470")
    async with local:
        headers = {"sealway-purpose": "child-benefit", "prefer": "wait=10"}
        return await local.post(POPULATION_PATH, json={"person_code": code}, headers=headers)


def acts(folder: Path) -> list[tuple[str, str]]:
    (file,) = (folder / "receipts").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [(line["act"], line["kind"]) for line in lines]


async def test_two_agents_talk_over_a_bus(running: RunningBus, tmp_path: Path) -> None:
    bus = httpx.ASGITransport(create_app(running.bus.api))
    office, desk = tmp_path / "office", tmp_path / "desk"
    serves = {
        "serves": {POPULATION: "people"},
        "mailbox": {"wait_s": 1},
        "adapters": {
            "people": {
                "kind": "sql",
                "url": "sqlite:///people.db",
                "services": {POPULATION: SERVICE},
            }
        },
    }
    answering = settings(running, office, STATISTICS, **serves)
    asking = settings(running, desk, BENEFITS)
    with closing(sqlite3.connect(office / "people.db")) as database:
        database.execute("CREATE TABLE PEOPLE (CODE TEXT, STATUS TEXT)")
        database.execute("INSERT INTO PEOPLE VALUES ('1', 'alive')")
        database.commit()
    async with asyncio.timeout(30), agents.opened(answering, bus) as registry:
        serving = asyncio.create_task(registry.answering.run())
        async with agents.opened(asking, bus) as benefits:
            known, unknown = await ask(benefits, "1"), await ask(benefits, "2")
        registry.answering.stop()
        await serving
    assert (known.status_code, known.json()) == (200, {"status": "alive"}), known.text
    assert known.headers["sealway-signer"] == STATISTICS
    assert unknown.json()["rejection"]["code"] == "no-data"
    assert acts(desk) == [
        ("asked", "request"),
        ("got", "response"),
        ("asked", "request"),
        ("got", "rejection"),
    ]
    assert [act for act, _ in acts(office)] == ["was-asked", "answered"] * 2
