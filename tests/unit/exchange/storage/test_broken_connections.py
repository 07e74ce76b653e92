"""A connection in a state that nobody knows is thrown away, and the caller told as of an outage."""

import asyncpg
import pytest

from exchange.storage.errors import StorageUnavailable
from exchange.storage.postgres.connection import Connections


class Connection:
    """Ends in the middle of something."""

    def __init__(self) -> None:
        self.is_terminated = False

    def is_closed(self) -> bool:
        return self.is_terminated

    def terminate(self) -> None:
        self.is_terminated = True


class Pool:
    """Hands out one connection and takes it back."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.out = 0

    async def acquire(self, timeout: float) -> Connection:  # noqa: ASYNC109 - as asyncpg has it
        self.out += 1
        return self.connection

    async def release(self, connection: Connection) -> None:
        self.out -= 1


async def test_a_connection_that_lost_its_place_is_an_outage_and_never_used_again() -> None:
    connections, pool = Connections("postgresql://nobody@nowhere/none"), Pool()
    connections._pool = pool

    async def work(connection: Connection) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12")

    with pytest.raises(StorageUnavailable):
        await connections.run(work)
    assert pool.connection.is_terminated
    assert pool.out == 0
