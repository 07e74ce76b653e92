"""The same country on engines that carry one: two gateways and two deliverers share a bus.

Owns what an operator does otherwise than with one process: engines named to `init`, `migrate`
before the first start, four processes with an address each, a profile for each gateway (tokens are
bound to an address), and what an auditor is given of a database.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from demonstration.commands import SEALWAY, get
from demonstration.country import BENEFITS, Country
from demonstration.engines import Engines
from demonstration.processes import free_port
from demonstration.screen import Screen
from demonstration.stores import PostgresCopy, Store

LEASE_S = 5
"""How soon somebody else may take the log of a process that died: 15 s unless told otherwise."""
SHARDS = 6  # four processes hold one each; two wait for whoever loses his
KAFKA_TABLE = "[kafka]\n"
DATABASE_TABLE = "[database]\n"
TAKEN = "log.taken"  # the event with which a process says that it writes a log from now on
SECOND = "benefits-2"  # the profile of the same system for the second gateway
FOUNDER_2 = "founder-2"


@dataclass(frozen=True)
class BusProcess:
    """One process of the bus: its name here, its verb with options, where it says how it is."""

    name: str
    words: tuple[str, ...]
    url: str


class Cluster(Country):
    """A bus of four processes on Kafka and PostgreSQL, with the agencies around it."""

    hand = "psql"

    def __init__(self, folder: Path, engines: Engines) -> None:
        super().__init__(folder, free_port())
        self.engines = engines
        self.database = ""
        second, *health = free_port(), free_port(), free_port()
        self.url_2 = f"http://127.0.0.1:{second}"
        at_second = ("--port", str(second), "--public-url", self.url_2)
        self.gateways = (
            BusProcess("gateway 1", ("gateway",), self.url),
            BusProcess("gateway 2", ("gateway", *at_second), self.url_2),
        )
        self.deliverers = tuple(
            BusProcess(
                f"deliverer {n}",
                ("deliver", "--health-port", str(port)),
                f"http://127.0.0.1:{port}",
            )
            for n, port in enumerate(health, start=1)
        )

    @property
    def bus_processes(self) -> tuple[BusProcess, ...]:
        """All four."""
        return (*self.gateways, *self.deliverers)

    @property
    def urls(self) -> tuple[str, ...]:
        """The gateways' addresses."""
        return (self.url, self.url_2)

    def init_words(self) -> tuple[str, ...]:
        """As an operator names engines."""
        self.database = self.engines.postgres.new_database()
        engines = ("--database", self.database, "--kafka", self.engines.kafka.bootstrap)
        return ("--port", str(self.port), *engines, "--shards", str(SHARDS), "--founder")

    def complete_settings(self, text: str) -> str:
        """A shorter lease, so that nobody waits long here; own topics on a shared cluster."""
        assert DATABASE_TABLE in text, "init wrote no database"
        assert KAFKA_TABLE in text, "init wrote no Kafka"
        text = text.replace(DATABASE_TABLE, f"{DATABASE_TABLE}lease_s = {LEASE_S}\n")
        return text.replace(KAFKA_TABLE, f'{KAFKA_TABLE}prefix = "{self.engines.kafka.prefix}"\n')

    def prepare_store(self, screen: Screen) -> None:
        """`sealway migrate`."""
        with screen.preparing("sealway migrate:") as more:
            said = self.commands.must("migrate", str(self.home), "--json").json
            more.append("; ".join(f"{step['about']}: {step['text']}" for step in said["steps"]))

    def profiles(self) -> list[tuple[str, str, str]]:
        """As elsewhere, and the benefits agency's for the second gateway."""
        return [*super().profiles(), (SECOND, BENEFITS, self.url_2)]

    def add_second_founder(self) -> None:
        """The founder's profile for the second gateway."""
        token = ("--token", str(self.home / "founder.token"), "--log-key", self.log_key)
        self.commands.must("profile", "add", self.url_2, "--name", FOUNDER_2, *token)

    def start_bus(self) -> None:
        """All four, side by side, until each says that it is ready."""
        self.start(*self.bus_processes)

    def start(self, *some: BusProcess) -> None:
        """Some of them, side by side, until each says that it is ready."""
        for one in some:
            verb, *options = one.words
            self.processes.start(one.name, [SEALWAY, verb, str(self.home), *options])
        for one in some:
            self.processes.wait_until_ready(one.name, f"{one.url}/readyz")

    def stop_bus(self) -> dict[str, int]:
        """SIGTERM to each, and how it ended."""
        return self.processes.stop_together(*(one.name for one in self.bus_processes))

    def holder_of(self, log: str) -> BusProcess | None:
        """Which process writes this log: the last whose own log says that it took it."""
        taken: dict[str, BusProcess] = {}
        for one in self.bus_processes:
            for event in self.processes.events(one.name, TAKEN):
                taken[event["origin"]] = one
        return taken.get(log)

    def readiness(self) -> dict[str, str]:
        """What `/readyz` of each process says."""
        return {one.name: _readiness(one.url) for one in self.bus_processes}

    def store_to_verify(self, scratch: Path) -> Path:
        """The bus's folder: its settings name the database."""
        return self.home

    def store_to_tamper_with(self, scratch: Path) -> Store:
        """A copy of the database, and a folder with settings that name the copy."""
        folder = scratch / "tampered"
        folder.mkdir()
        copy = self.engines.postgres.new_database(like=self.database)
        settings = (self.home / "sealway.toml").read_text("utf-8")
        assert self.database in settings, "the settings hold the address itself"
        (folder / "sealway.toml").write_text(settings.replace(self.database, copy), "utf-8")
        for name in ("keys", "state"):
            shutil.copytree(self.home / name, folder / name)
        return PostgresCopy(folder, self.engines.postgres, copy)


def number_of(log: str) -> int:
    """A log's number from its name."""
    found = re.search(r"/log/(\d+)$", log)
    assert found, f"{log} is no log's name"
    return int(found[1])


def _readiness(url: str) -> str:
    try:
        reply = get(f"{url}/readyz", timeout_s=5)
    except (URLError, OSError) as error:
        return f"not reached ({type(error).__name__})"
    said = reply.json
    return str(said.get("state") or f"{reply.status} {said.get('code')}: {said.get('detail')}")
