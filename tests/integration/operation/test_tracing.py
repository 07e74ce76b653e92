"""`[tracing]`: each step's span in the consumer's trace, nothing about anybody in any of them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters.base import AdapterRequest, Answer, Reject
from adapters.errors import ProviderUnreachable
from exchange.acceptance.accept import Acceptance
from exchange.api.rest import rest_app
from exchange.delivery.waiting import Waiting
from exchange.operation import ground
from exchange.operation.makers import Makers
from exchange.operation.settings import Settings, SettingsInvalid
from exchange.operation.tracing.beginning import start_tracing
from exchange.operation.tracing.spans import TOLD, Spans, make_provider
from exchange.operation.tracing.traced import traced
from tests.support.agencies import CIVIL, PERSON_STATUS, service
from tests.support.bus import RunningBus, initialised, opened, running, stopped
from tests.support.deployment import ROOT
from tests.support.endpoint import Endpoint, Posted, Said, endpoint, reply
from tests.support.http import edge_of

__all__ = ["initialised", "running", "stopped"]
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACE = f"00-{TRACE_ID}-{SPAN_ID}-01"
CANARY = "38001085718"


class Told:
    """What a bus told an exporter that keeps it."""

    def __init__(self) -> None:
        self.kept = InMemorySpanExporter()

    async def start(self, settings: Settings, stack: AsyncExitStack) -> Makers:
        """In the place of `start_tracing`."""
        return traced(Spans(make_provider({}, 1.0, SimpleSpanProcessor(self.kept))))

    def named(self, name: str, kind: str | None = None) -> list[ReadableSpan]:
        """Spans of a name, perhaps those about one kind of message."""
        spans = [span for span in self.kept.get_finished_spans() if span.name == name]
        return [s for s in spans if kind is None or said(s).get("sealway.kind") == kind]

    async def one(self, name: str, kind: str | None = None) -> ReadableSpan:
        """The only span of a name, when it is there."""
        for _ in range(250):
            if found := self.named(name, kind):
                assert len(found) == 1
                return found[0]
            await asyncio.sleep(0.02)
        raise AssertionError(f"no {name}: {[s.name for s in self.kept.get_finished_spans()]}")


def said(span: ReadableSpan) -> Mapping[str, Any]:
    """A span's attributes."""
    return dict(span.attributes or {})


def ids(span: ReadableSpan) -> tuple[str, str | None]:
    """Its trace, and its parent."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}" if span.parent else None


def own(span: ReadableSpan) -> str:
    """Its own id."""
    assert span.context is not None
    return f"{span.context.span_id:016x}"


@pytest.fixture
async def told(stopped: RunningBus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Told]:
    """A running bus whose spans are kept in memory."""
    kept = Told()
    monkeypatch.setattr(ground, "start_tracing", kept.start)
    async with opened(stopped):
        yield kept


async def test_an_exchange_has_its_steps_in_the_consumers_trace(
    told: Told, stopped: RunningBus
) -> None:
    asked = stopped.ask(traceparent=TRACE)
    response = await edge_of(stopped).send(asked, prefer="wait=5")
    assert response.status_code == 200
    accepted, waited = await told.one("sealway.accept", "request"), await told.one("sealway.wait")
    delivered, called = await told.one("sealway.deliver"), await told.one("sealway.call")
    answered = await told.one("sealway.accept", "response")
    assert ids(accepted) == ids(waited) == ids(delivered) == (TRACE_ID, SPAN_ID)
    assert ids(called) == ids(answered) == (TRACE_ID, own(delivered))
    assert said(accepted) == {
        "sealway.kind": "request",
        "sealway.test": False,
        "sealway.system": CIVIL,
        "sealway.service": PERSON_STATUS,
        "sealway.outcome": "accepted",
    }
    assert said(waited) == {"sealway.outcome": "woken"}
    assert said(delivered)["sealway.outcome"] == "answered"
    assert said(called)["sealway.by"] == "adapter"
    assert said(called)["sealway.attempt"] == 1
    assert accepted.start_time <= accepted.end_time <= waited.end_time  # type: ignore[operator]


async def test_without_a_trace_of_the_consumers_its_wait_is_a_child_of_its_acceptance(
    told: Told, stopped: RunningBus
) -> None:
    await edge_of(stopped).send(stopped.ask(), prefer="wait=5")
    accepted, waited = await told.one("sealway.accept", "request"), await told.one("sealway.wait")
    assert accepted.parent is None
    assert ids(waited) == (ids(accepted)[0], own(accepted))


async def test_nothing_that_a_person_or_a_sender_wrote_is_told(
    told: Told, stopped: RunningBus
) -> None:
    async def away(request: AdapterRequest) -> Answer | Reject:
        raise ProviderUnreachable(f"{CANARY} is away.", maybe_sent=True)

    stopped.adapter.script = away
    asked = stopped.ask(traceparent=TRACE)
    assert await stopped.outcome(asked) == "accepted"
    unknown = stopped.ask(service=f"p-{CANARY}")
    assert await stopped.outcome(unknown) != "accepted"
    await told.one("sealway.deliver")
    spans = told.kept.get_finished_spans()
    (refused,) = [s for s in told.named("sealway.accept") if not s.status.is_ok]
    assert "sealway.service" not in said(refused)
    assert said(told.named("sealway.call")[0])["sealway.outcome"] == "provider-unreachable"
    for span in spans:
        assert set(said(span)) <= TOLD
        assert not span.events
        whole = span.to_json()
        assert CANARY not in whole
        assert asked.manifest.id not in whole
        assert asked.manifest.sender not in whole


async def test_a_refusal_has_its_code_and_a_repeat_says_so(told: Told, stopped: RunningBus) -> None:
    asked = stopped.ask(traceparent=TRACE)
    assert [await stopped.outcome(asked), await stopped.outcome(asked)] == ["accepted", "again"]
    outcomes = [said(s)["sealway.outcome"] for s in told.named("sealway.accept", "request")]
    assert outcomes == ["accepted", "accepted-before"]


async def test_a_push_has_a_call_with_its_status(
    stopped: RunningBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Told()
    monkeypatch.setattr(ground, "start_tracing", kept.start)
    async with endpoint() as pushed:  # which takes it, and says nothing more
        file, at = stopped.folder / "sealway.toml", f"127.0.0.1:{pushed.port}"
        text = file.read_text().replace("hosts = []", f'hosts = ["{at}"]')
        file.write_text(f'{text}\n[push.civil]\nsystem = "{CIVIL}"\nurl = "http://{at}/"\n')
        async with opened(stopped):
            await stopped.change(service(PERSON_STATUS, delivery={"kind": "push", "name": "civil"}))
            await stopped.send(stopped.ask(traceparent=TRACE))
            called, delivered = await kept.one("sealway.call"), await kept.one("sealway.deliver")
        assert pushed.posted[0].headers["traceparent"] == TRACE, "passed on as it came"
    assert ids(called) == (TRACE_ID, own(delivered))
    assert (said(called)["sealway.by"], said(called)["sealway.outcome"]) == ("push", "202")
    assert said(delivered)["sealway.outcome"] == "taken"


@asynccontextmanager
async def collecting(stopped: RunningBus, script: Any) -> AsyncIterator[Endpoint]:
    """The settings name a collector on a socket."""
    async with endpoint() as collector:
        collector.script = script
        file, at = stopped.folder / "sealway.toml", f"127.0.0.1:{collector.port}"
        text = file.read_text().replace("hosts = []", f'hosts = ["{at}"]')
        table = f'endpoint = "http://{at}/v1/traces"\nsample_share = 1.0\nevery_s = 0.1\n'
        file.write_text(f"{text}\n[tracing]\n{table}timeout_s = 0.5\n")
        yield collector


async def test_the_collector_is_posted_what_a_stop_left(stopped: RunningBus) -> None:
    async def taken(posted: Posted) -> Said:
        return reply(200, kind="application/x-protobuf")

    async with collecting(stopped, taken) as collector:
        async with opened(stopped):
            asked = stopped.ask(traceparent=TRACE)
            await stopped.send(asked)
            await stopped.until(asked, "answered")
        bodies = [ExportTraceServiceRequest.FromString(one.body) for one in collector.posted]
        assert collector.posted[0].headers["content-type"] == "application/x-protobuf"
    parts = [part for body in bodies for part in body.resource_spans]
    spans = [span for part in parts for scope in part.scope_spans for span in scope.spans]
    assert {span.trace_id.hex() for span in spans} == {TRACE_ID}
    assert {span.name for span in spans} == {"sealway.accept", "sealway.deliver", "sealway.call"}
    about = {one.key: one.value.string_value for one in parts[0].resource.attributes}
    assert about["service.namespace"] == "sx.example"


async def test_a_collector_that_fails_or_hangs_touches_no_message(stopped: RunningBus) -> None:
    async def fails(posted: Posted) -> Said:
        return None if len(collector.posted) > 1 else reply(503)

    async with collecting(stopped, fails) as collector:
        async with opened(stopped):
            for _ in range(3):
                asked = stopped.ask()
                await stopped.send(asked)
                assert await stopped.until(asked, "answered") == "answered"
                await asyncio.sleep(0.15)
        assert len(collector.posted) > 1


def test_off_nothing_is_made_and_nothing_of_it_is_loaded(tmp_path: Any) -> None:
    code = (
        "import sys, asyncio, fastapi\n"  # which loads OpenTelemetry's API by itself
        "before = {m for m in sys.modules if m.startswith('opentelemetry')}\n"
        "from contextlib import AsyncExitStack\n"
        "import exchange.operation.serve, exchange.operation.starting\n"
        "from exchange.operation.settings import load_settings\n"
        "from exchange.operation.makers import Makers\n"
        "from exchange.operation.tracing.beginning import start_tracing\n"
        "settings = load_settings(None, {'SEALWAY_BUS': 'sx.example', 'SEALWAY_INSTANCE': 'sx'})\n"
        "made = asyncio.run(start_tracing(settings, AsyncExitStack()))\n"
        "assert made == Makers()\n"
        "now = {m for m in sys.modules if m.startswith('opentelemetry')}\n"
        "print(sorted(now - before), [m for m in sys.modules if '.operation.tracing.' in m])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert run.stdout.strip() == "[] ['exchange.operation.tracing.beginning']"


async def test_off_the_parts_are_the_plain_ones(running: RunningBus) -> None:
    assert type(running.bus.api.acceptance) is Acceptance
    assert type(running.bus.api.waiting) is Waiting


async def test_fastapi_tells_nothing_of_its_own(
    running: RunningBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    told = rest_app(running.bus.api)._telemetry
    assert [key for key, value in told.items() if value] == []


async def test_the_extra_that_is_missing_is_named(
    stopped: RunningBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(posted: Posted) -> Said:
        raise AssertionError("nothing is posted")

    monkeypatch.setitem(sys.modules, "exchange.operation.tracing.export", None)
    async with collecting(stopped, never):
        with pytest.raises(SettingsInvalid, match=r"install sealway\[otel\]"):
            await start_tracing(stopped.settings, AsyncExitStack())
