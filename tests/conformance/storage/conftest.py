"""Every engine there is; adding one is one line in `ENGINES`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

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


def postgres(folder: Path) -> Engine:
    """PostgreSQL, on a database of its own, made with the first opening."""
    made: list[str] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        if not made:
            made.append(await servers.new_database(servers.server()))
        store = PostgresStore(made[0], "me")
        await store.open(BUS, INSTANCE, NOW)
        try:
            yield store
        finally:
            await store.close()

    return opened


ENGINES: dict[str, Callable[[Path], Engine]] = {"postgres": postgres, "sqlite": sqlite}


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database."""
    if request.param == "postgres":
        servers.server()  # outside of the test's loop and its time
    return ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    """A store with an empty traffic log."""
    async with engine() as opened:
        await opened.open_log(HEAD)
        yield opened
