"""A provider goes on when a gateway's clock is off, and ends when it is its own tokens' fault."""

from __future__ import annotations

import httpx
import pytest

from sealway import Client, Provider, Refused
from sealway.provider import OUT_OF_TIME_MAX
from tests.support.fake_bus import FakeBus


def test_run_goes_on_when_one_gateways_clock_is_off(
    client: Client, provider: Provider, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.service("person-status")(lambda _: {"status": "alive"})
    lease, replies = bus.post_lease, iter([True, *[False] * 20, True])
    asked: list[bool] = []

    def one_of_two_gateways(request: httpx.Request) -> httpx.Response:
        asked.append(next(replies))
        return lease(request) if asked[-1] else bus.problem(401, "token-invalid")

    monkeypatch.setattr(bus, "post_lease", one_of_two_gateways)
    monkeypatch.setattr(provider._stopping, "wait", lambda seconds: None)
    question = {"person_code": "38001085718"}
    exchange = client.send("sx/GOV/2002/civil-registry", "person-status", question)
    provider.run(until=lambda: len(asked) == 22)
    assert exchange.answer().json == {"status": "alive"}


def test_run_ends_when_no_token_of_ours_was_ever_taken(
    provider: Provider, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.service("person-status")(lambda _: {})
    asked: list[httpx.Request] = []

    def never(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return bus.problem(401, "token-invalid")

    monkeypatch.setattr(bus, "post_lease", never)
    monkeypatch.setattr(provider._stopping, "wait", lambda seconds: None)
    with pytest.raises(Refused, match="token-invalid"):
        provider.run()
    assert len(asked) == OUT_OF_TIME_MAX + 1
