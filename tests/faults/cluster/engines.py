"""The engines of a run: a PostgreSQL and a Kafka of our own, or those that the environment names.

A named one is used as it is: nobody kills it, and what would need that is left out, with a line.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.cluster.site import PROCESSES, ClusterSite, new_ports
from tests.faults.cluster.upheavals import fake_time
from tests.support.kafka_broker import KafkaBroker, KafkaMissing, fetch
from tests.support.postgres import GIVEN, drop_database, new_database
from tests.support.postgres_process import PostgresProcess
from tests.support.postgres_server import PostgresMissing

GIVEN_KAFKA: Final = "SEALWAY_TEST_KAFKA"


class EngineMissing(Exception):
    """An engine can't be had here; the text is one line."""


@dataclass(frozen=True, slots=True)
class Engines:
    """What runs under a site, and what of it may be killed."""

    site: ClusterSite
    postgres: PostgresProcess | None
    kafka: KafkaBroker | None

    @property
    def there(self) -> frozenset[str]:
        """What faults may need and can have."""
        named = {
            "postgres": self.postgres is not None,
            "kafka": self.kafka is not None,
            "faketime": fake_time() is not None,
        }
        return frozenset(name for name, is_there in named.items() if is_there)

    @property
    def left_out(self) -> list[str]:
        """A line for each engine or tool whose faults are left out."""
        lines = []
        if self.postgres is None:
            lines.append(f"PostgreSQL is the one in {GIVEN}: it is not killed, no copy put back")
        if self.site.has_kafka and self.kafka is None:
            lines.append(f"Kafka is the one in {GIVEN_KAFKA}: it is not killed or cut off")
        if fake_time() is None:
            lines.append("no libfaketime (Debian: apt-get install faketime): clocks stay right")
        return lines

    @property
    def names(self) -> list[str]:
        """A line for each engine that runs."""
        lines = []
        if self.postgres is not None:
            lines.append(f"PostgreSQL {self.postgres.version}, pid {self.postgres.pid}")
        if self.kafka is not None:
            lines.append(f"Apache Kafka {self.kafka.version}, pid {self.kafka.pid}")
        return lines


@asynccontextmanager
async def engines(folder: Path, engine: str) -> AsyncIterator[Engines]:
    """Start what isn't named, with an empty database; end what was started.

    Raises:
        EngineMissing: one can neither be found nor started.
    """
    ports = new_ports()
    postgres = kafka = None
    dsn = bootstrap = ""
    try:
        given = os.environ.get(GIVEN)
        if given is None:
            postgres = await asyncio.to_thread(_start_postgres, folder)
        server = (given or postgres.dsn).replace("+asyncpg", "", 1)  # type: ignore[union-attr]
        dsn = await new_database(server)
        if engine == "kafka":
            bootstrap = os.environ.get(GIVEN_KAFKA, "")
            if not bootstrap:
                fronts = [ports[f"kafka:{name}"] for name in PROCESSES]
                kafka = await asyncio.to_thread(_start_kafka, folder / "kafka", fronts)
                bootstrap = kafka.bootstrap
        yield Engines(ClusterSite(folder, engine, ports, dsn, bootstrap), postgres, kafka)
    except (PostgresMissing, KafkaMissing) as missing:
        raise EngineMissing(str(missing)) from None
    finally:
        if kafka is not None:
            await asyncio.to_thread(kafka.kill)
        if postgres is not None:
            await asyncio.to_thread(postgres.close)
        elif dsn:
            await drop_database(server, dsn)


def _start_postgres(folder: Path) -> PostgresProcess:
    server = PostgresProcess(folder)
    server.start()
    return server


def _start_kafka(folder: Path, fronts: list[int]) -> KafkaBroker:
    broker = KafkaBroker(folder, fetch(), fronts)
    broker.format()
    broker.start()
    return broker
