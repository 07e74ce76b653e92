"""Every engine there is; adding one is one line in `ENGINES`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from exchange.storage.port import Store
from exchange.storage.sqlite.store import SqliteStore
from tests.conformance.storage.rows import HEAD

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


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": sqlite}


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database."""
    return ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    """A store with an empty traffic log."""
    async with engine() as opened:
        await opened.open_log(HEAD)
        yield opened
