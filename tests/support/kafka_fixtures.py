"""A Kafka for tests: a broker of our own, or the cluster that SEALWAY_TEST_KAFKA names.

Where neither can be had a test is skipped with the reason, and fails when CI is true.
"""

import ast
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import pytest

from exchange.bus.kafka.brokers import Brokers, KafkaLimits
from exchange.bus.kafka.bus import KafkaBus
from exchange.bus.kafka.topics import create_topics
from exchange.bus.port import Body
from signing.at_rest import EpochKeys
from tests.support.kafka_broker import KafkaBroker, KafkaMissing, fetch
from tests.support.workers import ran

QUICK: Final = KafkaLimits(
    acknowledge_s=3.0, join_s=10.0, session_s=6.0, heartbeat_s=0.1, retry_s=0.2, metadata_age_s=1.0
)
"""Limits of tests: what takes seconds in a country takes a fraction here."""


def absent(reason: str) -> None:
    """Skip the test, or fail it where every engine must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def make_broker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], KafkaBroker]]:
    """Starts brokers of our own, and stops them in the end."""
    started: list[KafkaBroker] = []

    def make() -> KafkaBroker:
        try:
            jars = fetch()
        except KafkaMissing as missing:
            absent(f"kafka: {missing}")
        broker = KafkaBroker(tmp_path_factory.mktemp("kafka"), jars)
        broker.format()
        started.append(broker)
        broker.start()
        ran(f"Apache Kafka {broker.version}, pid {broker.pid}")
        return broker

    yield make
    for broker in started:
        broker.stop()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """Where a Kafka listens that all tests share."""
    named = os.environ.get("SEALWAY_TEST_KAFKA")
    if named:
        ran(f"Apache Kafka at {named} (SEALWAY_TEST_KAFKA)")
        return named
    make: Callable[[], KafkaBroker] = request.getfixturevalue("make_broker")
    return make().bootstrap


@pytest.fixture
async def brokers(kafka: str) -> Brokers:
    """A cluster with topics that are this test's alone."""
    mine = Brokers(kafka, prefix=f"test-{secrets.token_hex(6)}")
    await create_topics(mine, copies=1, copies_in_sync_min=1)
    return mine


class PlainCodec:
    """Payloads are ``repr`` of a small literal."""

    async def encode(self, body: Body) -> bytes | None:
        """Its bytes."""
        return repr(body.payload).encode()

    def wants(self, body: Body) -> bool:
        """Always."""
        return True

    def decode(self, body: Body, data: bytes) -> object | None:
        """The literal again."""
        return ast.literal_eval(data.decode())


EPOCHS: Final = EpochKeys(1, {1: secrets.token_bytes(32)})


def kafka_bus(brokers: Brokers, epochs: EpochKeys = EPOCHS, **limits: float) -> KafkaBus:
    """A bus on that cluster, stopped, with the codec of tests."""
    numbers = replace(QUICK, **limits)  # type: ignore[arg-type]
    return KafkaBus(brokers, epochs, PlainCodec(), source="sx.example", limits=numbers)
