"""A broker behind proxies: whoever comes in through one is told to go on through it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.support.cut_proxy import CutProxy, port_of
from tests.support.kafka_broker import KafkaBroker, KafkaMissing, fetch, free_port
from tests.support.kafka_fixtures import absent

pytestmark = pytest.mark.slow
TOPIC = "fronts"


@pytest.fixture
async def fronts(tmp_path: Path) -> AsyncIterator[list[tuple[int, CutProxy]]]:
    """Two proxies before one broker, with their ports."""
    try:
        broker = KafkaBroker(tmp_path, fetch(), ports := [free_port(), free_port()])
    except KafkaMissing as missing:
        absent(f"kafka: {missing}")
    await asyncio.to_thread(broker.format)
    await asyncio.to_thread(broker.start)
    proxies = [CutProxy(port_of(broker.behind[port])) for port in ports]
    for port, proxy in zip(ports, proxies, strict=True):
        await proxy.listen(port)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    yield [*zip(ports, proxies, strict=True)]
    for proxy in proxies:
        await proxy.end()
    await asyncio.to_thread(broker.kill)


async def produced(port: int) -> bool:
    """Whether a record gets to the broker by this port within a few seconds."""
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=1_500)
    try:
        async with asyncio.timeout(5):
            await producer.start()
            await producer.send_and_wait(TOPIC, b"record")
    except (KafkaError, TimeoutError, OSError):
        return False
    finally:
        await producer.stop()
    return True


async def test_one_that_is_cut_off_is_cut_off_alone(fronts: list[tuple[int, CutProxy]]) -> None:
    (first, proxy), (second, _) = fronts
    assert await produced(first)
    assert await produced(second)
    proxy.down = True
    proxy.cut_all()
    assert not await produced(first)
    assert await produced(second)
    proxy.down = False
    assert await produced(first)
