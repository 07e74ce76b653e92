"""A consumer's trace context reaches the provider behind an adapter, signed and unchanged."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.base import AdapterRequest, Answer, Reject
from adapters.egress import Egress
from adapters.errors import ProviderUnreachable
from adapters.rest import RestAdapter
from exchange.api.app import create_app
from sealway.async_client import AsyncClient
from sealway.errors import Refused
from sealway.profile import Profile
from signing.certificates import der_to_pem
from signing.errors import ManifestInvalid
from signing.identifiers import MessageId, message_id_bytes
from signing.keys import private_key_pem
from tests.integration.adapters.conftest import ok, scripted
from tests.support.agencies import BENEFITS, BUS, CIVIL, PURPOSE
from tests.support.bus import RunningBus, initialised, running, stopped

__all__ = ["initialised", "running", "scripted", "stopped"]
ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{ID}-b7ad6b7169203331-01"


def profile_of(bus: RunningBus, folder: Path) -> Profile:
    """The benefits agency's profile, its files in a folder."""
    keys = bus.keys[BENEFITS]
    (folder / "key.pem").write_bytes(private_key_pem(keys.key))
    (folder / "cert.pem").write_bytes(der_to_pem(keys.der))
    return Profile(
        "benefits",
        bus.bus.api.public_url,
        BUS,
        "sx",
        log_key=bus.writers[0].verifier_key,
        system=str(BENEFITS),
        key=folder / "key.pem",
        certificate=folder / "cert.pem",
    )


def consumer(bus: RunningBus, folder: Path) -> AsyncClient:
    """The benefits agency, calling the application without sockets."""
    transport = httpx.ASGITransport(create_app(bus.bus.api))
    return AsyncClient(profile_of(bus, folder), transport=transport)


async def steps(bus: RunningBus, message_id: str) -> list[str]:
    """The codes of a message's timeline."""
    found = await bus.bus.api.reads.steps(message_id_bytes(MessageId(message_id)))
    return [step.code for step in found]


async def ask(caller: AsyncClient, **more: Any) -> Any:
    question = {"person_code": "38001085718"}
    return await caller.ask(str(CIVIL), "person-status", question, PURPOSE, **more)


async def test_the_provider_gets_the_header_that_the_consumer_signed(
    running: RunningBus, tmp_path: Path, scripted: Any
) -> None:
    server = await scripted(ok(b'{"status":"alive"}'))
    service = {"path": "/persons/{person_code}"}
    table = {"kind": "rest", "base": server.url, "services": {"person-status": service}}
    egress = Egress(["127.0.0.1:*"])
    rest = RestAdapter.from_settings("civil", table, egress, folder=tmp_path)
    running.adapter.script = rest.answer
    async with consumer(running, tmp_path) as caller:
        traced = await ask(caller, traceparent=TRACE)
        plain = await ask(caller)
    await egress.close()
    assert traced.json == plain.json == {"status": "alive"}
    assert f"traceparent: {TRACE}\r\n".encode() in server.requests[0]
    assert b"traceparent" not in server.requests[1].lower()
    kept = await running.bus.api.opened.message(message_id_bytes(traced.exchange.id))
    assert kept is not None
    assert kept.manifest.traceparent == TRACE


async def test_the_bus_names_the_trace_in_its_refusal_and_its_log(
    running: RunningBus, tmp_path: Path
) -> None:
    async def away(request: AdapterRequest) -> Answer | Reject:
        assert request.traceparent == TRACE
        raise ProviderUnreachable("It is away.", maybe_sent=True)

    running.adapter.script = away
    async with consumer(running, tmp_path) as caller:
        with pytest.raises(Refused) as refused:
            await caller.ask(str(CIVIL), "person-status", {}, "curiosity", traceparent=TRACE)
        with capture_logs() as lines:
            sent = await caller.send(
                str(CIVIL), "person-status", {"person_code": "1"}, PURPOSE, traceparent=TRACE
            )
            for _ in range(250):
                if running.adapter.asked and "provider-unreachable" in await steps(
                    running, sent.id
                ):
                    break
                await asyncio.sleep(0.02)
    assert refused.value.problem["trace_id"] == ID
    failed = [line for line in lines if line["event"] == "delivery.attempt_failed"]
    assert {line["trace_id"] for line in failed} == {ID}


async def test_a_trace_that_is_none_is_refused_before_anything_is_sent(
    running: RunningBus, tmp_path: Path
) -> None:
    async with consumer(running, tmp_path) as caller:
        with pytest.raises(ManifestInvalid, match="traceparent"):
            await ask(caller, traceparent="00-zz-1")
    assert running.adapter.asked == []
