"""The country of deploy/ on real engines: two gateways and two deliverers behind the balancer."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.balanced_country import (
    BalancedCountry,
    process,
    sealway,
    surround,
    until_ready,
)
from tests.support.kafka_broker import free_port

STOP_S = 60


@dataclass
class Member:
    """One process of the bus: how it is started, where it says how it is, and the process."""

    words: tuple[str, ...]
    port: int
    running: subprocess.Popen[bytes] | None = None

    @property
    def health(self) -> str:
        """Its page of readiness."""
        return f"http://127.0.0.1:{self.port}/readyz"


class DeployedCluster:
    """The processes by name; what is started again ends with the rest."""

    def __init__(self, country: BalancedCountry, stack: ExitStack) -> None:
        self.country = country
        self.members: dict[str, Member] = {}
        self._stack = stack
        bus = str(country.folder / "bus")
        for verb, option in (("gateway", "--port"), ("deliver", "--health-port")):
            for number in (1, 2):
                port = free_port()
                words = (sealway(), verb, bus, option, str(port))
                self.members[f"{verb}_{number}"] = Member(words, port)

    def start(self, *names: str) -> None:
        """Start processes, and return when they are ready."""
        for name in names:
            member = self.members[name]
            member.running = self._stack.enter_context(process(self.country, *member.words))
        for name in names:
            until_ready(self.members[name].health)

    def stop(self, name: str) -> int:
        """Tell a process to end; its exit code."""
        running = self.members[name].running
        assert running is not None
        running.send_signal(signal.SIGTERM)
        return running.wait(STOP_S)


@contextmanager
def running_cluster(country: BalancedCountry, dsn: str, kafka: str) -> Iterator[DeployedCluster]:
    """Everything that compose would start, on these engines; registered and ready."""
    country.agencies.mkdir()
    assert (made := country.script("prepare")).returncode == 0, made.stderr
    country.write_cluster_settings(dsn, kafka)
    done = country.run(sealway(), "migrate", str(country.folder / "bus"))
    assert done.returncode == 0, done.stdout + done.stderr
    with ExitStack() as stack:
        cluster = DeployedCluster(country, stack)
        cluster.start(*cluster.members)
        gateways = {
            name: one.port for name, one in cluster.members.items() if name.startswith("gateway")
        }
        surround(country, stack, **gateways)
        yield cluster
