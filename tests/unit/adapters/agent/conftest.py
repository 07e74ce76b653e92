"""A fake bus, an agency's agent in front of it, and a department behind the agent."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.agent import running
from adapters.agent.running import Agent
from adapters.agent.settings import agent_settings
from adapters.base import AdapterRequest, Answer, Reject
from sealway.client import Client
from sealway.profile import load_profile
from sealway.provider import Provider
from tests.support.fake_bus import FakeBus
from tests.support.fake_clock import FakeClock
from tests.support.fake_system import write_profile

BENEFITS = "sx/GOV/1001/benefits"
REGISTRY = "sx/GOV/2002/civil-registry"


class Department:
    """An agency's own system, as an adapter of a test; answers as `script` says."""

    name = "people"

    def __init__(self) -> None:
        self.asked: list[AdapterRequest] = []
        self.script: Callable[[AdapterRequest], Awaitable[Answer | Reject]] = self.alive

    async def alive(self, request: AdapterRequest) -> Answer | Reject:
        return Answer("application/json", b'{"status":"alive"}')

    def from_settings(self, *_: Any, **__: Any) -> Department:
        return self

    async def start(self) -> None:
        pass

    async def answer(self, request: AdapterRequest) -> Answer | Reject:
        self.asked.append(request)
        return await self.script(request)

    async def close(self) -> None:
        pass


@dataclass
class Desk:
    """A running agent, and the local system that calls it."""

    agent: Agent
    local: httpx.AsyncClient
    folder: Path

    async def ask(self, content: Any = None, **more: Any) -> httpx.Response:
        path = f"/{more.pop('to', REGISTRY)}/person-status"
        headers = {"sealway-purpose": "child-benefit", **more.pop("headers", {})}
        return await self.local.post(path, json=content or {}, headers=headers, **more)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What is in the folder of receipts."""
        files = sorted((self.folder / "receipts").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus(FakeClock(time.time_ns() // 1_000_000))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bus: FakeBus) -> Path:
    monkeypatch.setenv("SEALWAY_HOME", str(tmp_path / "home"))
    for system, name in ((BENEFITS, "benefits"), (REGISTRY, "civil-registry")):
        write_profile(bus.add_system(system), bus, tmp_path / "home", name)
    return tmp_path / "home"


@pytest.fixture
def department(monkeypatch: pytest.MonkeyPatch) -> Department:
    made = Department()
    monkeypatch.setattr(running, "load", lambda kind: made)
    return made


Opening = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def opening(bus: FakeBus, home: Path, tmp_path: Path) -> Opening:
    """Opens an agent with these settings."""

    @asynccontextmanager
    async def opening(**members: Any) -> AsyncIterator[Desk]:
        settings = agent_settings({"profile": "benefits", **members}, tmp_path)
        async with running.opened(settings, bus.transport) as agent:
            transport = httpx.ASGITransport(agent.app)  # type: ignore[arg-type]
            local = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8470")
            async with local:
                yield Desk(agent, local, tmp_path)

    return opening


@pytest.fixture
async def desk(opening: Opening) -> AsyncIterator[Desk]:
    """The agent of the benefits system, that only asks."""
    async with opening() as made:
        yield made


@pytest.fixture
async def office(opening: Opening, department: Department) -> AsyncIterator[Desk]:
    """The agent of the civil registry, that answers person-status."""
    serves = {"serves": {"person-status": "people"}, "adapters": {"people": {"kind": "scripted"}}}
    async with opening(
        profile="civil-registry", mailbox={"pause_s_max": 0.01, "wait_s": 0}, **serves
    ) as made:
        yield made


@pytest.fixture
def answering(bus: FakeBus, home: Path) -> Callable[[Callable[[Any], Any]], None]:
    """Have the civil registry answer whenever somebody waits."""

    def register(handler: Callable[[Any], Any]) -> None:
        profile = load_profile("civil-registry")
        provider = Provider(profile, wait_s=0, clock=bus.clock, transport=bus.transport)
        provider.service("person-status")(handler)
        bus.answer_later = lambda: (provider.serve_once(), None)[1]

    return register


@pytest.fixture
def consumer(bus: FakeBus, home: Path) -> Client:
    """The benefits system, without an agent."""
    return Client(load_profile("benefits"), clock=bus.clock, transport=bus.transport)
