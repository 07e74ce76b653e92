"""`sealway service mock`: what it answers, and for whom it refuses to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealway.cli.main import main
from sealway.cli.session import Outside
from sealway.client import Client
from sealway.errors import Rejected
from tests.support.fake_bus import FakeBus
from tests.support.fake_system import FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
SERVICE = f"{REGISTRY}/person-status"
FINGERPRINT = f"sha256:{'1' * 64}"
SCHEMA: dict[str, Any] = {
    "fingerprint": FINGERPRINT,
    "format": "json-schema",
    "text": '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",'
    ' "required": ["status"], "properties": {"status": {"enum": ["alive", "dead"]}}}',
}
Mock = Callable[..., tuple[int, str]]


@pytest.fixture
def service() -> dict[str, Any]:
    return {
        "code": "person-status",
        "response_schema": FINGERPRINT,
        "delivery": {"kind": "mailbox"},
    }


@pytest.fixture
def mock(
    bus: FakeBus, registry: FakeSystem, service: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Mock:  # fmt: skip
    routes = bus.routes
    shown = {f"services/{SERVICE}": service, f"schemas/{FINGERPRINT}": SCHEMA}

    def show(request: httpx.Request, key: str) -> httpx.Response:
        return httpx.Response(200, json=shown[key])

    monkeypatch.setattr(bus, "routes", lambda: [("GET", "/v1/((?:ser|sch).+)", show), *routes()])

    def run(*words: str) -> tuple[int, str]:
        outside = Outside(bus.clock, bus.transport)
        code = main(["service", "mock", "person-status", "--profile", "civil-registry", *words],
                    outside)  # fmt: skip
        return code, capfd.readouterr().err

    return run


def asked(client: Client, bus: FakeBus, run: Callable[[], object]) -> Any:
    """The answer to one question that the mock finds waiting."""
    exchange = client.send(REGISTRY, "person-status", {"person_code": "1"}, purpose="child-benefit")
    run()
    return exchange.answer()


def test_it_answers_by_the_schema(client: Client, bus: FakeBus, mock: Mock) -> None:
    answer = asked(client, bus, lambda: mock("--not-only-tests", "--count", "1"))
    assert answer.json == {"status": "alive"}


def test_it_answers_a_registered_example_or_a_file(
    client: Client, bus: FakeBus, mock: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCHEMA, "examples", ['{"status":"dead"}'])
    words = ("--not-only-tests", "--count", "1")
    assert asked(client, bus, lambda: mock(*words)).body == b'{"status":"dead"}'
    (tmp_path / "a.json").write_text('{"status": "alive", "more": 1}')
    answer = asked(client, bus, lambda: mock(*words, "--answer", "a.json"))
    assert answer.json == {"status": "alive", "more": 1}
    (tmp_path / "a.json").write_text('{"status": "gone"}')
    code, told = mock(*words, "--answer", "a.json")
    assert (code, "a.json: The payload does not satisfy" in told) == (3, True)


def test_it_rejects_when_asked_to(client: Client, bus: FakeBus, mock: Mock) -> None:
    with pytest.raises(Rejected) as caught:
        asked(client, bus, lambda: mock("--not-only-tests", "--count", "1", "--reject", "no-data"))
    assert caught.value.code == "no-data"


def test_outside_a_sandbox_it_needs_to_be_told_that_everybody_tests(
    mock: Mock, service: dict[str, Any]
) -> None:
    code, told = mock("--count", "1")
    assert (code, "no sandbox" in told) == (3, True)
    service["delivery"] = {"kind": "adapter", "name": "civil"}
    code, told = mock("--not-only-tests")
    assert (code, "adapter 'civil'" in told) == (3, True)


def test_a_service_whose_tests_go_to_a_mailbox_needs_no_leave(
    client: Client, bus: FakeBus, mock: Mock, service: dict[str, Any]
) -> None:
    service["delivery"] = {"kind": "adapter", "name": "civil"}
    service["test_delivery"] = {"kind": "mailbox"}
    assert asked(client, bus, lambda: mock("--count", "1")).json == {"status": "alive"}


def test_a_schema_without_an_example_wants_a_file(
    mock: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCHEMA, "format", "xsd")
    code, told = mock("--not-only-tests")
    assert (code, "--answer FILE" in told) == (3, True)
