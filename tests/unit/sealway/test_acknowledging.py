"""Acknowledgements by the SDK and the verb: signed, proven to be logged, about what arrived."""

from __future__ import annotations

import pytest

from sealway import AnswerPending, Client, ProofFailed, Provider, Request
from sealway.cli.main import main
from sealway.cli.session import Outside
from signing.manifest import Manifest
from tests.support.fake_bus import FakeBus

REGISTRY = "sx/GOV/2002/civil-registry"


def said(bus: FakeBus) -> Manifest:
    """The last message the bus took."""
    return list(bus.kept.values())[-1].message.envelope.manifest


def test_a_consumer_acknowledges_its_answer(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    provider.service("person-status")(lambda _: {"status": "alive"})
    exchange = client.send(REGISTRY, "person-status", {})
    with pytest.raises(AnswerPending):
        exchange.acknowledge()
    provider.serve_once()
    receipt = exchange.acknowledge(accepted=False)
    manifest = said(bus)
    assert (manifest.kind, manifest.accepted, manifest.to) == ("acknowledgement", False, REGISTRY)
    assert manifest.about is not None
    assert manifest.about.id == exchange.answer().id
    assert receipt.index == bus.kept[manifest.id].index
    arguments = ("message", "acknowledge", exchange.id, "--profile", "benefits")
    assert main(arguments, Outside(bus.clock, bus.transport)) == 0
    assert said(bus).accepted is True


def test_a_provider_acknowledges_a_question(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    def handler(request: Request) -> dict[str, str]:
        provider.acknowledge(request)
        return {"status": "alive"}

    provider.service("person-status")(handler)
    exchange = client.send(REGISTRY, "person-status", {})
    provider.serve_once()
    kinds = [kept.message.envelope.manifest.kind for kept in bus.kept.values()]
    assert kinds == ["request", "acknowledgement", "response"]
    assert exchange.answer().json == {"status": "alive"}


def test_an_acknowledgement_whose_receipt_does_not_hold_is_told(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    provider.service("person-status")(lambda _: {})
    exchange = client.send(REGISTRY, "person-status", {})
    provider.serve_once()
    other = exchange.receipt.text
    exchange.answer()
    bus.tamper = lambda what, value: other if what == "receipt" else value
    with pytest.raises(ProofFailed):
        exchange.acknowledge()
