"""One database, and stores on it as two processes would have them."""

from collections.abc import AsyncIterator

import pytest

from exchange.storage.migrations import migrate
from exchange.storage.postgres.store import PostgresStore
from tests.conformance.storage.rows import HEAD, NOW
from tests.support import postgres as servers

BUS, INSTANCE = "sx.example", "sx"


@pytest.fixture(scope="session")
def dsn_of_server() -> str:
    """A server; skipped with the reason where there is none."""
    return servers.server()


@pytest.fixture
async def empty(dsn_of_server: str) -> AsyncIterator[str]:
    """A database without tables."""
    made = await servers.new_database(dsn_of_server)
    yield made
    await servers.drop_database(dsn_of_server, made)


@pytest.fixture
async def dsn(empty: str) -> str:
    """A database with empty tables."""
    await migrate(empty, BUS, INSTANCE, NOW)
    return empty


async def opened(dsn: str, owner: str, **more: float) -> PostgresStore:
    """A store, open."""
    store = PostgresStore(dsn, owner, **more)  # type: ignore[arg-type]
    await store.open(BUS, INSTANCE, NOW)
    return store


@pytest.fixture
async def ours(dsn: str) -> AsyncIterator[PostgresStore]:
    """This process's store, with log 1 in it."""
    store = await opened(dsn, "ours")
    await store.open_log(HEAD)
    yield store
    await store.close()


@pytest.fixture
async def theirs(ours: PostgresStore, dsn: str) -> AsyncIterator[PostgresStore]:
    """Another process's store on the same database."""
    store = await opened(dsn, "theirs")
    yield store
    await store.close()
