"""Whole exchanges with a real Kafka between accepting, delivering and waiting."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cached_property

import pytest

from exchange.acceptance.stored import OpenedMessage
from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.bus import KafkaBus
from exchange.bus.port import Body, Dispatch, MessageBus, Signal, SignalKind
from exchange.delivery.jobs import Job
from exchange.delivery.payloads import MessageCodec
from exchange.operation.key_files import load_epoch_keys
from signing.errors import SealwayError
from signing.identifiers import MessageId
from signing.log.note import parse_verifier_key
from signing.receipts import verify_receipt
from tests.support.bus import RunningBus, opened
from tests.support.kafka_fixtures import QUICK


class RunningCodec:
    """The codec as wiring makes it, for a bus that is made before its receipts."""

    def __init__(self, running: RunningBus) -> None:
        self._running = running
        self.asked: asyncio.Queue[tuple[Body, bool]] = asyncio.Queue()
        self.decoded: asyncio.Queue[object] = asyncio.Queue()

    @cached_property
    def _codec(self) -> MessageCodec:
        api = self._running.bus.api
        return MessageCodec(api.receipts, api.waiting.awaits)

    async def encode(self, body: Body) -> bytes | None:
        return await self._codec.encode(body)

    def wants(self, body: Body) -> bool:
        wanted = self._codec.wants(body)
        self.asked.put_nowait((body, wanted))
        return wanted

    def decode(self, body: Body, data: bytes) -> object | None:
        payload = self._codec.decode(body, data)
        self.decoded.put_nowait(payload)
        return payload


@pytest.fixture
def codec(stopped: RunningBus) -> RunningCodec:
    return RunningCodec(stopped)


@pytest.fixture
async def running(
    stopped: RunningBus, codec: RunningCodec, brokers: Brokers
) -> AsyncIterator[RunningBus]:
    """A bus as `sealway serve` wires it, but for its message bus."""
    epochs = load_epoch_keys(stopped.settings.keys)

    def message_bus() -> MessageBus:
        return KafkaBus(brokers, epochs, codec, source="sx.example", limits=QUICK)

    stopped.message_bus = message_bus  # type: ignore[assignment]
    async with opened(stopped) as bus:
        yield bus


async def waited(running: RunningBus, id_: MessageId) -> OpenedMessage | None:
    """What somebody who waits for an exchange's end is woken with."""
    return await asyncio.wait_for(running.bus.api.waiting.register(id_), 10)


async def test_an_exchange_over_kafka_ends_with_the_providers_answer(
    running: RunningBus,
) -> None:
    requests = [running.ask() for _ in range(10)]
    for request in requests:
        assert await running.outcome(request) == "accepted"
    for request in requests:
        assert await running.until(request, "answered") == "answered"
    assert sorted(asked.id for asked in running.adapter.asked) == sorted(
        request.manifest.id for request in requests
    )
    assert {asked.attempt for asked in running.adapter.asked} == {1}


async def test_whoever_waits_is_handed_the_answer_with_its_receipt(running: RunningBus) -> None:
    request = running.ask()
    waiting = asyncio.create_task(waited(running, request.manifest.id))
    await asyncio.sleep(0)
    await running.send(request)
    answer = await waiting
    assert answer is not None
    assert answer.manifest.about is not None
    assert answer.manifest.about.id == request.manifest.id
    assert answer.parts.data == (b'{"status":"alive"}',)
    receipt = await running.bus.api.receipts.receipt(answer.place)
    assert receipt == answer.place.receipt
    log = parse_verifier_key(running.writers[answer.place.shard].verifier_key)
    proven = verify_receipt(receipt, answer.envelope, log)
    assert proven.leaf.k == "response"
    assert proven.index == answer.place.index


async def test_an_answer_that_nobody_waits_for_is_not_opened(
    running: RunningBus, codec: RunningCodec
) -> None:
    request = running.ask()
    await running.send(request)
    await running.until(request, "answered")
    asked = [await asyncio.wait_for(codec.asked.get(), 10) for _ in range(2)]
    assert [(type(body), wanted) for body, wanted in asked] == [(Dispatch, True), (Signal, False)]
    assert isinstance(codec.decoded.get_nowait(), Job)
    assert codec.decoded.empty()


async def test_without_a_receipt_nothing_is_carried_and_the_row_says_it_all(
    stopped: RunningBus,
) -> None:
    async with opened(stopped) as running:
        request = running.ask()
        accepted = await running.send(request)
        place = replace(accepted.place, shard=99)
        message = OpenedMessage(
            request.envelope, request.manifest, request.digest, request.parts, place
        )
        signal = Signal(SignalKind.ANSWERED, request.manifest.id, payload=message)
        codec = MessageCodec(running.bus.api.receipts, lambda _: True)
        assert await codec.encode(signal) is None
        assert await codec.encode(replace(signal, payload="something else")) is None


async def test_what_is_no_carried_form_is_refused(stopped: RunningBus) -> None:
    async with opened(stopped) as running:
        codec = MessageCodec(running.bus.api.receipts, lambda _: True)
        request = running.ask()
        place = (await running.send(request)).place
        message = OpenedMessage(
            request.envelope, request.manifest, request.digest, request.parts, place
        )
        signal = Signal(SignalKind.ANSWERED, request.manifest.id, payload=message)
        carried = await codec.encode(signal)
        assert carried is not None
        assert codec.decode(signal, carried) == message
        delivery_form = carried[carried.index(place.leaf) + len(place.leaf) :]
        for altered in (delivery_form, b"\x02" + carried[1:], carried[:-1], carried[:40], b"no"):
            with pytest.raises(SealwayError):
                codec.decode(signal, altered)
