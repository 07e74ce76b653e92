"""The stage of many processes: two gateways and two deliverers on PostgreSQL, with Kafka.

Owns the engines, which are processes of the run with empty folders of their own, and the peers that
carry messages for a living. A peer or an engine that isn't here is left out, with a line that says
what would bring it.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.legs import ITSELF
from benchmarks.network import Country, make_country, register
from benchmarks.peers.nats import NatsPeer
from benchmarks.peers.rabbitmq import RabbitPeer
from benchmarks.peers.server import PeerMissing
from benchmarks.processes import free_ports
from benchmarks.stage import (
    Stage,
    Target,
    durability,
    migrate,
    room,
    start_bus,
    start_load,
    start_provider,
    wait_until_ready,
)
from tests.support.kafka_broker import KafkaBroker, KafkaMissing, is_fetched, java, library
from tests.support.postgres_process import PostgresProcess
from tests.support.postgres_server import PostgresMissing

GATEWAYS: Final = 2
DELIVERERS: Final = 2
PEERS: Final = (RabbitPeer, NatsPeer)


class EngineMissing(Exception):
    """Kafka or PostgreSQL can't be had here; the text says what would bring it."""


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[PostgresProcess]:
    """PostgreSQL with an empty database, synced as it is by default. Raises EngineMissing."""
    try:
        server = PostgresProcess(folder)
    except PostgresMissing as missing:
        raise EngineMissing(f"PostgreSQL {missing}") from missing
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def kafka(folder: Path) -> Iterator[KafkaBroker]:
    """Kafka, one broker with an empty folder. Raises EngineMissing."""
    try:
        java()
    except KafkaMissing as missing:
        raise EngineMissing(f"Apache Kafka {missing}") from missing
    if not is_fetched():
        raise EngineMissing("Apache Kafka isn't here yet; `make kafka` gets it")
    broker = KafkaBroker(folder / "kafka", library())
    broker.format()
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextlib.contextmanager
def cluster(
    *, with_kafka: bool = True, without: Sequence[str] = ()
) -> Iterator[tuple[Stage, list[str]]]:
    """The stage with the target `cluster` and its peers; and a line for each peer that isn't here.

    Peers ``without`` whom the run does are not started.

    Raises:
        EngineMissing: PostgreSQL or Kafka can't be had here.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(room())
        database = stack.enter_context(postgres(folder))
        roles = {"postgres": [database.pid]}
        engines = {"database": database.dsn}
        if with_kafka:
            broker = stack.enter_context(kafka(folder))
            engines["kafka"] = broker.bootstrap
            roles["kafka"] = [broker.pid]
        ports = free_ports(GATEWAYS + DELIVERERS + 1)
        provider = start_provider(stack, ports[-1])
        country = make_country(folder / "bus", ports[0], ports[-1], "ES256", engines)
        migrate(country)
        bus, log = _start(stack, country, ports)
        register(country)
        load = start_load(stack, country, {"cluster": ports[:GATEWAYS]}, plain=[])
        pids = [process.pid for process in bus]
        roles = {
            ITSELF: pids,
            "gateways": pids[:GATEWAYS],
            "deliverers": pids[GATEWAYS:],
            **roles,
            "provider": [provider.pid],
        }
        targets = {"cluster": Target(load, roles, is_bus=True)}
        left_out = _start_peers(stack, folder, targets, without)
        yield Stage(country, targets, durability(log), bus), left_out


def _start(
    stack: contextlib.ExitStack, country: Country, ports: list[int]
) -> "tuple[list[subprocess.Popen[str]], Path]":
    """All four processes side by side; return when each is ready, with a gateway's log."""
    started = []
    for number, port in enumerate(ports[: GATEWAYS + DELIVERERS]):
        words = ["deliver", "--health-port", str(port)]
        if number < GATEWAYS:
            url = f"http://127.0.0.1:{port}"
            words = ["gateway", "--port", str(port), "--public-url", url]
        started.append((port, *start_bus(stack, country, *words)))
    for port, process, log in started:
        wait_until_ready(process, port, log)
    return [process for _, process, _ in started], started[0][2]


def _start_peers(
    stack: contextlib.ExitStack, folder: Path, targets: dict[str, Target], without: Sequence[str]
) -> list[str]:
    left_out = []
    for kind in (kind for kind in PEERS if kind.name not in without):
        try:
            peer = kind(folder / kind.name)
        except PeerMissing as missing:
            left_out.append(f"{kind.name} is left out: {missing}")
            continue
        targets[kind.name] = peer.start(stack)
    return left_out
