"""A fake bus, two agencies with their profiles, and clients that speak to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sealway.cli.main import main
from sealway.cli.session import Outside
from sealway.client import Client
from sealway.profile import load_profile
from sealway.provider import Provider
from tests.support.fake_bus import FakeBus
from tests.support.fake_system import FakeSystem, write_profile

BENEFITS = "sx/GOV/1001/benefits"
REGISTRY = "sx/GOV/2002/civil-registry"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("SEALWAY_HOME", str(folder))
    monkeypatch.delenv("SEALWAY_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def benefits(bus: FakeBus, home: Path) -> FakeSystem:
    system = bus.add_system(BENEFITS)
    write_profile(system, bus, home, "benefits")
    return system


@pytest.fixture
def registry(bus: FakeBus, home: Path) -> FakeSystem:
    system = bus.add_system(REGISTRY, "Ed25519")
    write_profile(system, bus, home, "civil-registry")
    return system


@pytest.fixture
def client(bus: FakeBus, benefits: FakeSystem) -> Iterator[Client]:
    made = Client(load_profile("benefits"), clock=bus.clock, transport=bus.transport)
    with made:
        yield made


@pytest.fixture
def provider(bus: FakeBus, registry: FakeSystem) -> Iterator[Provider]:
    made = Provider(
        load_profile("civil-registry"), wait_s=1, clock=bus.clock, transport=bus.transport
    )
    with made:
        yield made


@pytest.fixture
def answering(bus: FakeBus, provider: Provider) -> Callable[[Callable[[Any], Any]], None]:
    """Have the civil registry answer person-status whenever somebody waits."""

    def register(handler: Callable[[Any], Any]) -> None:
        provider.service("person-status")(handler)
        bus.answer_later = lambda: (provider.serve_once(), None)[1]

    return register


@pytest.fixture
def run(bus: FakeBus, home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a verb against the fake bus: exit code, standard output, standard error."""

    def call(*words: str, json_out: bool = False) -> tuple[int, str, str]:
        capsysbinary.readouterr()
        code = main(words, Outside(bus.clock, bus.transport))
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return call
