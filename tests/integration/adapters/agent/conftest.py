"""A fake bus and a profile for agents that run as processes; a real bus for the mailbox side."""

import time
from pathlib import Path

import pytest

from tests.support.bus import initialised, running, stopped
from tests.support.fake_bus import FakeBus
from tests.support.fake_clock import FakeClock
from tests.support.fake_system import write_profile

__all__ = ["initialised", "running", "stopped"]


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus(FakeClock(time.time_ns() // 1_000_000))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bus: FakeBus) -> Path:
    monkeypatch.setenv("SEALWAY_HOME", str(tmp_path / "home"))
    for name, member in (("benefits", "1001"), ("civil-registry", "2002")):
        write_profile(bus.add_system(f"sx/GOV/{member}/{name}"), bus, tmp_path / "home", name)
    return tmp_path / "home"
