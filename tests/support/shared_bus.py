"""A bus of several processes on one PostgreSQL, each as `open_bus` wires it, all in this one.

Without Kafka: what a process doesn't know it finds by its short poll.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from exchange.operation.initialise import Names, initialise
from exchange.operation.preparing import prepare_logs
from exchange.operation.roles import BOTH, Role
from exchange.operation.settings import load_settings
from exchange.storage.migrations import migrate
from signing.certificates import der_to_pem
from signing.keys import private_key_pem
from tests.support import agencies
from tests.support.agencies import CIVIL
from tests.support.bus import HASTE, RunningBus
from tests.support.postgres import drop_database, new_database, server

Start = Callable[..., Awaitable[RunningBus]]


async def make_site(folder: Path, database: str, shards: int) -> RunningBus:
    """A bus that is initialised and migrated; nobody is registered yet."""
    now_ms = time.time_ns() // 1_000_000
    keys = agencies.everybody(now_ms)
    new = initialise(folder, Names(database=database, shards=shards), now_ms)
    with new.settings.open("a", encoding="utf-8") as file:
        file.write(HASTE)
    (new.keys / "civil-registry.pem").write_bytes(private_key_pem(keys[CIVIL].key))
    (new.keys / "civil-registry.pem").chmod(0o600)
    (new.keys / "civil-registry.crt").write_bytes(der_to_pem(keys[CIVIL].der))
    settings = load_settings(new.settings, {})
    await migrate(database, settings.bus, settings.instance, now_ms)
    await prepare_logs(settings)
    return RunningBus(folder, keys)


@pytest.fixture
async def database() -> AsyncIterator[str]:
    """A database of one's own, empty."""
    made = await new_database(await asyncio.to_thread(server))
    yield made
    await drop_database(server(), made)


@pytest.fixture
async def start(tmp_path: Path, database: str) -> AsyncIterator[Start]:
    """Starts processes of one bus, with the agencies registered; stops them in the end."""
    site = await make_site(tmp_path / ".sealway", database, 3)
    started: list[RunningBus] = []

    async def begin(*roles: Role) -> RunningBus:
        process = RunningBus(site.folder, site.keys)
        process.roles = frozenset(roles) or BOTH
        await process.open()
        if not started:
            await process.change(*agencies.country(site.keys))
        started.append(process)
        return process

    yield begin
    for process in reversed(started):
        await process.close()
