"""The sql adapter over SQLite files."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from adapters.egress import Egress
from adapters.errors import (
    AdapterSettingsInvalid,
    ProviderMisbehaved,
    ProviderTimeout,
    ProviderUnreachable,
)
from adapters.sql import SqlAdapter
from adapters.sql.sqlite import SqliteDatabase
from adapters.sql.statement import Statement

ONE: dict[str, Any] = {
    "query": "SELECT KOOD, NIMI, STAATUS FROM ISIKUD WHERE KOOD = :code",
    "params": {"code": "/person_code"},
    "columns": {
        "KOOD": "person_code",
        "NIMI": "name.full",
        "STAATUS": {"to": "status", "values": {"E": "alive", "S": "dead"}},
    },
}
MANY: dict[str, Any] = {
    "query": "SELECT KOOD FROM ISIKUD WHERE :s IS NULL OR STAATUS = :s ORDER BY KOOD",
    "params": {"s": {"from": "/status", "optional": True}},
    "result": "many",
    "list_member": "found.people",
    "echo": {"asked": "/status"},
    "rows_max": 3,
}
ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT count(*) AS c FROM n WHERE i > :code"
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people ?#%.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE ISIKUD (KOOD TEXT, NIMI TEXT, STAATUS TEXT)")
        rows = [
            ("1", "Anu", "E"),
            ("2", None, "S"),
            ("3", "Eha", "Q"),
            ("4", "a", "E"),
            ("4", "b", "E"),
        ]
        connection.executemany("INSERT INTO ISIKUD VALUES (?, ?, ?)", rows)
    connection.close()
    return file


def make(file: Path, service: dict[str, Any], **more: Any) -> SqlAdapter:
    table = {
        "kind": "sql",
        "url": "sqlite:///" + file.name.replace("?", "%3F").replace("#", "%23"),
        "services": {"person-status": service},
        **more,
    }
    return SqlAdapter.from_settings("civil", table, Egress([]), folder=file.parent)


def request(body: Any, **more: Any) -> AdapterRequest:
    return AdapterRequest(
        id="01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        sender="sx/GOV/1001/benefits",
        system="sx/GOV/2002/civil-registry",
        service=more.pop("service", "person-status"),
        attempt=1,
        body_type="application/json",
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        **more,
    )


async def ask(file: Path, service: dict[str, Any], body: Any, **more: Any) -> Any:
    adapter = make(file, service, **more)
    await adapter.start()
    try:
        got = await adapter.answer(request(body))
    finally:
        await adapter.close()
    return json.loads(got.body) if isinstance(got, Answer) else got


@pytest.fixture
def simple(people: Path) -> Path:
    return people.rename(people.with_name("people.db"))


async def test_answers_with_the_one_row(simple: Path) -> None:
    got = await ask(simple, ONE, {"person_code": "1"})
    assert got == {"person_code": "1", "name": {"full": "Anu"}, "status": "alive"}


async def test_leaves_out_what_is_null(simple: Path) -> None:
    assert await ask(simple, ONE, {"person_code": "2"}) == {"person_code": "2", "status": "dead"}
    assert await ask(simple, {**ONE, "nulls": "null"}, {"person_code": "2"}) == {
        "person_code": "2",
        "name": {"full": None},
        "status": "dead",
    }


async def test_no_row_is_no_data(simple: Path) -> None:
    got = await ask(simple, ONE, {"person_code": "9"})
    assert isinstance(got, Reject)
    assert got.code == "no-data"


async def test_two_rows_where_one_is_meant_misbehave(simple: Path) -> None:
    with pytest.raises(ProviderMisbehaved):
        await ask(simple, ONE, {"person_code": "4"})


async def test_a_code_without_a_meaning_misbehaves(simple: Path) -> None:
    with pytest.raises(ProviderMisbehaved):
        await ask(simple, ONE, {"person_code": "3"})


async def test_answers_with_many_rows(simple: Path) -> None:
    assert await ask(simple, MANY, {"status": "E"}) == {
        "found": {"people": [{"KOOD": "1"}, {"KOOD": "4"}, {"KOOD": "4"}]},
        "asked": "E",
    }
    assert await ask(simple, MANY, {"status": "X"}) == {"found": {"people": []}, "asked": "X"}


async def test_more_rows_than_allowed_are_refused_and_not_cut(simple: Path) -> None:
    got = await ask(simple, MANY, {})
    assert isinstance(got, Reject)
    assert got.code == "failure"


INJECTIONS = [
    "1' OR '1'='1",
    "1'; DROP TABLE ISIKUD; --",
    "1' UNION SELECT sql, sql, 'E' FROM sqlite_master --",
    '1" OR ""="',
    "1\\' OR 1=1 --",
    ":code",
    "%(code)s",
    "?",
    "1/**/OR/**/1=1",
    "\uff11",
]


@pytest.mark.parametrize("value", INJECTIONS)
async def test_a_value_is_never_sql(simple: Path, value: str) -> None:
    got = await ask(simple, ONE, {"person_code": value})
    assert isinstance(got, Reject)
    assert got.code == "no-data"
    with sqlite3.connect(simple) as connection:
        assert connection.execute("SELECT count(*) FROM ISIKUD").fetchone() == (5,)
    connection.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"person_code": None},
        {"person_code": ["1"]},
        {"person_code": {}},
        b"{",
        b"[]",
        {"person_code": 2**63},
    ],
)
async def test_a_request_that_does_not_fit_is_rejected(simple: Path, body: Any) -> None:
    got = await ask(simple, ONE, body)
    assert isinstance(got, Reject)
    assert got.code == "unknown-request"


WRITES = [
    "INSERT INTO ISIKUD VALUES ('9', 'x', 'E')",
    "DELETE FROM ISIKUD",
    "DROP TABLE ISIKUD",
    "CREATE TABLE T (a)",
    "PRAGMA query_only = OFF",
    "ATTACH DATABASE 'other.db' AS other",
    "VACUUM INTO 'copy.db'",
]


@pytest.mark.parametrize("sql", WRITES)
async def test_the_connection_itself_cannot_write(
    simple: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sql.statement.check_query", lambda _sql: None)
    before = simple.read_bytes()  # noqa: ASYNC240
    database = SqliteDatabase(simple, 1)
    try:
        await database.fetch(Statement("SELECT 1 AS a", {}).clause, {}, 1, 5.0)
        with pytest.raises((ProviderMisbehaved, ProviderUnreachable)):
            await database.fetch(Statement(sql, {}).clause, {}, 1, 5.0)
    finally:
        await database.close()
    assert simple.read_bytes() == before  # noqa: ASYNC240
    assert [file.name for file in simple.parent.iterdir()] == ["people.db"]


async def test_a_query_that_takes_too_long_is_stopped(simple: Path) -> None:
    service = {**ONE, "query": ENDLESS, "columns": None, "timeout_s": 0.2}
    began = time.monotonic()
    with pytest.raises(ProviderTimeout):
        await ask(simple, service, {"person_code": "1"}, connections_max=1)
    assert time.monotonic() - began < 5


async def test_a_connection_serves_again_after_a_time_limit(simple: Path) -> None:
    adapter = make(simple, ONE, connections_max=1, timeout_s=0.2)
    await adapter.start()
    slow = Statement(ENDLESS, {"code": "/x"})
    assert adapter._database is not None
    with pytest.raises(ProviderTimeout):
        await adapter._database.fetch(slow.clause, {"code": 1}, 1, 0.1)
    assert isinstance(await adapter.answer(request({"person_code": "1"})), Answer)
    await adapter.close()


async def test_waiting_for_a_thread_counts_as_time(simple: Path) -> None:
    database = SqliteDatabase(simple, 1)
    slow = Statement(ENDLESS, {"code": "/x"}).clause
    first = asyncio.create_task(database.fetch(slow, {"code": 1}, 1, 0.3))
    await asyncio.sleep(0.05)
    with pytest.raises(ProviderTimeout) as caught:
        await database.fetch(slow, {"code": 1}, 1, 0.1)
    assert not caught.value.maybe_sent
    with pytest.raises(ProviderTimeout):
        await first
    await database.close()


async def test_a_file_that_is_not_there_is_unreachable_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ProviderUnreachable):
        await ask(tmp_path / "none.db", ONE, {"person_code": "1"})
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def test_a_database_that_comes_back_is_used(simple: Path) -> None:
    away = simple.rename(simple.with_name("away.db"))  # noqa: ASYNC240
    adapter = make(simple, ONE)
    await adapter.start()
    with pytest.raises(ProviderUnreachable):
        await adapter.answer(request({"person_code": "1"}))
    away.rename(simple)
    assert isinstance(await adapter.answer(request({"person_code": "1"})), Answer)
    await adapter.close()


async def test_a_query_on_a_table_that_is_not_there_misbehaves(simple: Path) -> None:
    with pytest.raises(ProviderMisbehaved) as caught:
        await ask(
            simple, {**ONE, "query": "SELECT * FROM NOPE WHERE a = :code"}, {"person_code": "1"}
        )
    assert "NOPE" not in caught.value.detail


async def test_serves_many_at_once(simple: Path) -> None:
    adapter = make(simple, ONE)
    await adapter.start()
    asked = [request({"person_code": str(1 + at % 2)}) for at in range(100)]
    got = await asyncio.gather(*map(adapter.answer, asked))
    assert [json.loads(one.body)["person_code"] for one in got if isinstance(one, Answer)] == [
        "1",
        "2",
    ] * 50
    await adapter.close()


async def test_a_test_message_never_reaches_the_database(tmp_path: Path) -> None:
    adapter = make(tmp_path / "none.db", ONE)
    await adapter.start()
    got = await adapter.answer(request({"person_code": "1"}, test=True))
    assert isinstance(got, Reject)
    await adapter.close()


async def test_an_adapter_for_tests_answers_tests_alone(simple: Path) -> None:
    adapter = make(simple, ONE, test=True)
    await adapter.start()
    question = {"person_code": "38001085718"}
    tested = await adapter.answer(request(question, test=True))
    assert isinstance(tested, Reject)
    assert tested.code == "no-data", "the database was asked"
    real = await adapter.answer(request(question))
    assert isinstance(real, Reject)
    assert real.code == "failure"
    await adapter.close()


async def test_a_service_without_settings_is_a_failed_attempt(simple: Path) -> None:
    adapter = make(simple, ONE)
    await adapter.start()
    with pytest.raises(ProviderUnreachable):
        await adapter.answer(request({"person_code": "1"}, service="other"))
    await adapter.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "mysql://u:canary-7@h/d"}, "begins with"),
        ({"url": "sqlite://"}, "file"),
        ({"url": "sqlite:///x.db?mode=rw"}, "nothing after"),
        ({"url": "rubbish canary-7"}, "URL"),
        ({"urll": "x"}, "urll"),
        ({"services": {"a": {**ONE, "query": "DELETE FROM ISIKUD"}}}, "SELECT"),
        ({"services": {"a": {**ONE, "params": {}}}}, "code"),
        ({"services": {"a": {**ONE, "result": "many"}}}, "list_member"),
        ({"services": {"a": {**ONE, "rows_max": 0}}}, "rows_max"),
        ({"services": {"a": {**ONE, "columns": {"A": "a..b"}}}}, "member"),
        ({"password_file": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_settings_are_found_at_once(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    table = {"kind": "sql", "url": "sqlite:///x.db", "services": {"a": ONE}, **change}
    with pytest.raises(AdapterSettingsInvalid, match=says) as caught:
        SqlAdapter.from_settings("civil", table, Egress([]), folder=tmp_path)
    assert "canary-7" not in str(caught.value)


@pytest.fixture
async def odd_name(people: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(people, 1)
    yield database
    await database.close()


async def test_a_file_name_is_no_sqlite_uri_option(odd_name: SqliteDatabase) -> None:
    found = await odd_name.fetch(
        Statement("SELECT count(*) AS c FROM ISIKUD", {}).clause, {}, 1, 5.0
    )
    assert found.rows == [(5,)]
