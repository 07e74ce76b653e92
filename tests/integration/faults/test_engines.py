"""PostgreSQL as a run kills it: what was committed stays, an older copy can be put back."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.kafka_fixtures import absent
from tests.support.postgres_process import PostgresProcess
from tests.support.postgres_server import PostgresMissing

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresProcess]:
    try:
        made = PostgresProcess(tmp_path)
    except PostgresMissing as missing:
        absent(str(missing))
    made.start()
    yield made
    made.close()


async def execute(server: PostgresProcess, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(server.dsn)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def test_what_was_committed_outlives_a_kill(server: PostgresProcess) -> None:
    await execute(server, "CREATE TABLE kept (n int)")
    await execute(server, "INSERT INTO kept VALUES (1)")
    first = server.pid
    server.kill()
    server.start()
    assert server.pid != first
    assert [tuple(row) for row in await execute(server, "SELECT n FROM kept")] == [(1,)]


async def test_an_older_copy_can_be_put_back_more_than_once(server: PostgresProcess) -> None:
    await execute(server, "CREATE TABLE kept (n int)")
    server.kill()
    server.keep()
    for number in (1, 2):
        server.start()
        assert await execute(server, "SELECT n FROM kept") == []
        await execute(server, f"INSERT INTO kept VALUES ({number})")
        server.kill()
        server.put_back()
    server.start()
    assert await execute(server, "SELECT n FROM kept") == []
