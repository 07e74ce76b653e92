"""The bus of deploy/ as processes: two gateways and two deliverers on real engines, one balancer.

What docs/how-to/operate-a-cluster.md says of restarts and of a Kafka that is away.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.support import postgres
from tests.support.balanced_country import BalancedCountry, nginx_missing
from tests.support.deployed_cluster import DeployedCluster, running_cluster
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_fixtures import absent

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]
AWAY_S = 50
"""Within this an answer comes though Kafka went away meanwhile: a sweep finds it after 30 s."""


@dataclass
class Deployed:
    """A running cluster, and its broker to be stopped."""

    cluster: DeployedCluster
    broker: KafkaBroker

    def ask(self, timeout_s: int = 20) -> tuple[int, str]:
        """A question of the benefits agency through the balancer: exit code, and what was said."""
        words = ("ask", "sx/GOV/3003/territories", "country", "--purpose", "statistics")
        words += ("--timeout", str(timeout_s))
        country = self.cluster.country
        home = {"SEALWAY_HOME": str(country.agencies)}
        done = country.run("sealway", *words, '{"country":"FI"}', **home)
        if done.returncode:
            return done.returncode, done.stdout + done.stderr
        return 0, str(json.loads(done.stdout)["name"])


ANSWERED = (0, "Finland")


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, make_broker: Callable[[], KafkaBroker]
) -> Iterator[Deployed]:
    if reason := nginx_missing():
        absent(reason)
    server = postgres.server()
    broker = make_broker()
    dsn = asyncio.run(postgres.new_database(server))
    country = BalancedCountry(tmp_path_factory.mktemp("cluster"))
    try:
        with running_cluster(country, dsn, broker.bootstrap) as cluster:
            yield Deployed(cluster, broker)
    finally:
        asyncio.run(postgres.drop_database(server, dsn))


def test_the_agencies_are_answered_whichever_process_takes_part(deployed: Deployed) -> None:
    assert [deployed.ask() for _ in range(4)] == [ANSWERED] * 4


def test_restarting_one_process_after_the_other_fails_no_call(deployed: Deployed) -> None:
    cluster = deployed.cluster
    said: list[tuple[int, str]] = []
    is_over = threading.Event()

    def go_on_asking() -> None:
        while not is_over.is_set():
            said.append(deployed.ask())

    asking = threading.Thread(target=go_on_asking)
    asking.start()
    try:
        for name in cluster.members:
            assert cluster.stop(name) == 0, f"{name} did not drain"
            cluster.start(name)
    finally:
        is_over.set()
        asking.join()
    assert len(said) >= len(cluster.members)
    assert [one for one in said if one != ANSWERED] == []


def test_without_kafka_they_are_answered_all_the_same(deployed: Deployed) -> None:
    deployed.broker.kill()
    # Each gateway finds out by itself with the first that it relays; then what is new is due soon.
    with ThreadPoolExecutor(4) as agencies:
        assert list(agencies.map(deployed.ask, [AWAY_S] * 4)) == [ANSWERED] * 4
    assert deployed.ask() == ANSWERED
    deployed.broker.start()
    assert deployed.ask(AWAY_S) == ANSWERED
