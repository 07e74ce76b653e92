"""Every engine there is; adding one is one line in `ENGINES`."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from exchange.storage.migrations import migrate
from exchange.storage.port import Store
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.sqlite.store import SqliteStore
from tests.conformance.storage.rows import HEAD, NOW
from tests.support import postgres as servers

BUS, INSTANCE = "sx.example", "sx"


class Engine(Protocol):
    """Opens stores on one database; a second opening is what a restart sees."""

    def __call__(self) -> AbstractAsyncContextManager[Store]:
        """A store, open; closed at the end."""


def sqlite(folder: Path) -> Engine:
    """SQLite on a file in this folder."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        store = SqliteStore(folder)
        await store.open(BUS, INSTANCE)
        try:
            yield store
        finally:
            await store.close()

    return opened


def postgres(dsn: str) -> Engine:
    """PostgreSQL, on a database of its own."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        store = PostgresStore(dsn, "me")
        await store.open(BUS, INSTANCE, NOW)
        try:
            yield store
        finally:
            await store.close()

    return opened


@pytest.fixture(scope="session")
def postgres_with_tables() -> Iterator[str]:
    """A database with our tables and nothing in them: to be copied for each test."""
    server = servers.server()

    async def make() -> str:
        made = await servers.new_database(server)
        await migrate(made, BUS, INSTANCE, NOW)
        return made

    made = asyncio.run(make())
    yield made
    asyncio.run(servers.drop_database(server, made))


@asynccontextmanager
async def on_sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """An empty file."""
    yield sqlite(request.getfixturevalue("tmp_path"))


@asynccontextmanager
async def on_postgres(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """A copy of the empty database; gone afterwards."""
    like = request.getfixturevalue("postgres_with_tables")
    server = servers.server()
    made = await servers.new_database(server, like)
    yield postgres(made)
    await servers.drop_database(server, made)


ENGINES = {"postgres": on_postgres, "sqlite": on_sqlite}


@pytest.fixture(params=sorted(ENGINES))
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine there is; what it needs for the whole run is made outside of a test's loop."""
    if request.param == "postgres":
        request.getfixturevalue("postgres_with_tables")
    return str(request.param)


@pytest.fixture
async def engine(
    engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Engine]:
    """An empty database."""
    async with ENGINES[engine_name](request) as empty:
        yield empty


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    """A store with an empty traffic log."""
    async with engine() as opened:
        await opened.open_log(HEAD)
        yield opened
