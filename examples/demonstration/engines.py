"""The engines below many processes, for one demo: Apache Kafka and PostgreSQL.

Owns finding them, starting them as processes of the demo, and what their own tools show. Engines
that `SEALWAY_TEST_KAFKA` and `SEALWAY_TEST_POSTGRES` name are used, never stopped, and left
without what the demo made in them.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from demonstration.processes import Processes

from tests.support.kafka_broker import KafkaBroker, KafkaMissing, is_fetched, java, library
from tests.support.kafka_console import Shown, read_topic
from tests.support.postgres_server import PostgresMissing, PostgresServer

KAFKA_GIVEN = "SEALWAY_TEST_KAFKA"
POSTGRES_GIVEN = "SEALWAY_TEST_POSTGRES"
CONNECT_TRIES = 100


class EngineMissing(Exception):
    """An engine can't be had here; the text is one line with the command that installs it."""


class Engines:
    """Both; a context manager that leaves nothing of the demo behind."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Find them. Raises EngineMissing."""
        self._processes = Processes(folder / "engines", environment)
        self.kafka = Kafka(folder, self._processes)
        self.postgres = Postgres(self._processes)

    def __enter__(self) -> Engines:
        return self

    def start(self) -> None:
        """Start them, empty. Raises EngineMissing, ProcessFailed."""
        self.postgres.start()
        self.kafka.start(anew=True)

    def __exit__(self, *_: object) -> None:
        try:
            self.kafka.leave()
        finally:
            self.postgres.leave()
            self._processes.stop_all()

    def __str__(self) -> str:
        return f"{self.kafka.name}, {self.postgres.name}"


class Kafka:
    """A broker of the demo's own, or the cluster that is named. Restarts keep port and data."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self._processes = processes
        self._given = os.environ.get(KAFKA_GIVEN)
        self.prefix = f"demo-{secrets.token_hex(4)}" if self._given else "sealway"
        try:
            java()
        except KafkaMissing as missing:
            raise EngineMissing(f"Apache Kafka {missing}") from missing
        if not is_fetched():
            raise EngineMissing("Apache Kafka isn't here yet; `make kafka` gets it.")
        self._broker = None if self._given else KafkaBroker(folder / "kafka", library())

    @property
    def is_ours(self) -> bool:
        """Whether the demo may stop it."""
        return self._broker is not None

    @property
    def bootstrap(self) -> str:
        """Where it listens."""
        return self._given or self._own.bootstrap

    @property
    def name(self) -> str:
        """What it is, for the last line."""
        return f"kafka {self._broker.version}" if self._broker else f"kafka at {self._given}"

    @property
    def _own(self) -> KafkaBroker:
        assert self._broker is not None, "a cluster that is named is nobody's to stop"
        return self._broker

    def start(self, *, anew: bool = False) -> None:
        """Start it, with an empty folder if `anew`, and return when it takes connections."""
        if self._broker is None:
            return
        if anew:
            self._own.format()
        self._processes.start("kafka", self._own.command, ends_on=signal.SIGKILL)
        self._processes.wait_until_listening("kafka", self._own.port)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._processes.kill("kafka")

    def read(self, topic: str, enough: Callable[[Sequence[Shown]], bool]) -> list[Shown]:
        """What its own console consumer prints of a topic until it is enough, or a minute."""
        return read_topic(library(), self.bootstrap, topic, enough)

    def leave(self) -> None:
        """Delete what the demo made in a cluster that goes on."""
        if self._broker is None:
            asyncio.run(self._delete_topics())

    async def _delete_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            ours = [name for name in await admin.list_topics() if name.startswith(self.prefix)]
            await admin.delete_topics(ours)
        finally:
            await admin.close()


class Postgres:
    """A server of the demo's own, or the one that is named; in it a database for the demo."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._given = os.environ.get(POSTGRES_GIVEN, "").replace("+asyncpg", "")
        self._databases: list[str] = []
        self._version = ""
        try:
            self._server = None if self._given else PostgresServer()
        except PostgresMissing as missing:
            raise EngineMissing(f"PostgreSQL {missing}") from missing

    @property
    def name(self) -> str:
        """What it is, for the last line."""
        return f"postgresql {self._version}"

    @property
    def _first(self) -> str:
        return self._given or (self._server.url if self._server else "")

    def start(self) -> None:
        """Start it, and return when it takes connections. Raises EngineMissing."""
        if self._server is not None:
            try:
                self._server.lay_out()
            except PostgresMissing as missing:
                raise EngineMissing(f"PostgreSQL: {missing}") from missing
            own = {"user": self._server.account, "folder": self._server.folder}
            self._processes.start("postgres", self._server.command, ends_on=signal.SIGINT, **own)
            self._processes.wait_until_listening("postgres", self._server.port)
        version = self.fetch(self._first, "SELECT current_setting('server_version')")
        self._version = re.split(r"\s", str(version))[0]

    def new_database(self, like: str | None = None) -> str:
        """The address of an empty database, or of a copy of one that nobody uses just now."""
        name = f"sealway_demo_{secrets.token_hex(4)}"
        copied = f" TEMPLATE {_database(like)}" if like else ""
        self.execute(self._first, f"CREATE DATABASE {name}{copied}")
        self._databases.append(name)
        return urlunsplit(urlsplit(self._first)._replace(path=f"/{name}"))

    def fetch(self, url: str, query: str, *values: object) -> Any:
        """The one value that a query answers, or the row when it has several."""
        row = asyncio.run(_row(url, query, values))
        return row[0] if row is not None and len(row) == 1 else row

    def execute(self, url: str, statement: str, *values: object) -> None:
        """Carry out a statement."""
        asyncio.run(_execute(url, statement, values))

    def leave(self) -> None:
        """Take away what the demo made: its databases, or its server's folder."""
        if self._server is not None:
            if self._processes.is_running("postgres"):
                self._processes.stop("postgres")
            self._server.remove()
            return
        for name in self._databases:
            self.execute(self._first, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _database(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


async def _row(url: str, query: str, values: tuple[object, ...]) -> Any:
    connection = await _connected(url)
    try:
        return await connection.fetchrow(query, *values)
    finally:
        await connection.close()


async def _execute(url: str, statement: str, values: tuple[object, ...]) -> None:
    connection = await _connected(url)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def _connected(url: str) -> asyncpg.Connection:
    for _ in range(CONNECT_TRIES):
        try:
            return await asyncpg.connect(url)
        except asyncpg.CannotConnectNowError:  # it listens before it has looked at its files
            await asyncio.sleep(0.1)
    return await asyncpg.connect(url)
