"""`sealway sandbox` joins sandboxes alone, and writes over nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sealway.cli.sandbox import sandbox
from sealway.cli.session import Outside
from tests.support.fake_bus import FakeBus


def run(bus: FakeBus, *arguments: str) -> tuple[int, str]:
    outside = Outside(clock=bus.clock, transport=bus.transport)
    found = CliRunner().invoke(sandbox, list(arguments), obj=outside)
    return found.exit_code, found.output


def test_a_bus_that_is_no_sandbox_is_not_joined(bus: FakeBus, home: Path) -> None:
    code, told = run(bus, "join", "http://bus.test", "--system", "fisheries")
    assert code != 0
    assert "is no sandbox" in told
    assert [call.method for call in bus.calls] == ["GET"]
    assert not home.exists()


def test_a_profile_that_is_there_stays(bus: FakeBus, benefits: object, home: Path) -> None:
    before = (home / "profiles/benefits.toml").read_text()
    code, told = run(bus, "join", "http://bus.test", "--system", "benefits")
    assert code != 0
    assert "exists already" in told
    assert bus.calls == []
    assert (home / "profiles/benefits.toml").read_text() == before


@pytest.mark.parametrize(("text", "why"), [("[1]", "no JSON object"), ("{", "is not JSON")])
def test_a_schema_file_that_is_none_is_told(
    bus: FakeBus, home: Path, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "q.json").write_text(text)
    code, told = run(bus, "offer", "catches", "--request", "q.json", "--response", "q.json")
    assert code != 0
    assert why in told
