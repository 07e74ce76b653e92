"""Only a single SELECT is let in, and values are only ever bound."""

from datetime import date
from typing import Any

import pytest

from adapters.errors import AdapterSettingsInvalid
from adapters.sql.settings import ParamSettings
from adapters.sql.statement import ParamUnfit, Statement, check_query


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  select a from b where c = :d ;  ",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "SELECT 'insert; delete' AS word, \"update\" FROM t -- drop\n",
        "/* delete; */ SELECT replace(a, 'x', 'y') FROM t",
        "SELECT $$ ; drop $$",
        "SELECT 'it''s; update' FROM t",
    ],
)
def test_lets_a_single_select_in(sql: str) -> None:
    check_query(sql)
    assert Statement(sql, dict.fromkeys(["d"] if ":d" in sql else [], "/d")).clause is not None


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "DELETE FROM t",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE t",
        "SELECT 'a' ; DELETE FROM t --'",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "SELECT * INTO u FROM t",
        "SELECT * FROM t FOR UPDATE",
        "PRAGMA query_only = OFF",
        "ATTACH 'x.db' AS x",
        "EXPLAIN SELECT 1",
        "VALUES (1)",
        "SELECT 'open",
        "SELECT 1 /* open",
        "SELECT /* a */ b */ c",
        'SELECT "open',
        "SELECT E'\\'; DELETE FROM t --'",
        "SELECT $a$ open",
        "(SELECT 1)",
    ],
)
def test_refuses_everything_else(sql: str) -> None:
    with pytest.raises(AdapterSettingsInvalid):
        check_query(sql)


@pytest.mark.parametrize("params", [{}, {"a": "/a", "b": "/b"}, {"A": "/a"}])
def test_refuses_params_that_are_not_the_query_s(params: dict[str, str]) -> None:
    with pytest.raises(AdapterSettingsInvalid, match="don't match"):
        Statement("SELECT * FROM t WHERE a = :a", params)


def bind(value: Any, **setting: Any) -> Any:
    param = ParamSettings.model_validate({"from": "/v", **setting})
    return Statement("SELECT :v AS v", {"v": param}).bind({"v": value})["v"]


@pytest.mark.parametrize("value", ["x' OR '1'='1", 7, 1.5, True, 2**63 - 1])
def test_binds_scalars_as_they_are(value: Any) -> None:
    assert bind(value) == value


@pytest.mark.parametrize("value", [[], {}, ["x"], 2**63, "a\x00b"])
def test_refuses_what_no_database_takes(value: Any) -> None:
    with pytest.raises(ParamUnfit, match="/v"):
        bind(value)


def test_a_missing_value_is_refused_unless_optional() -> None:
    with pytest.raises(ParamUnfit, match="missing"):
        bind(None)
    assert bind(None, optional=True) is None


def test_reads_typed_values() -> None:
    assert bind("2026-11-22", type="date") == date(2026, 11, 22)
    assert bind(5, type="integer") == 5
    for value, kind in (("22.11.2026", "date"), ("5", "integer"), (5, "text"), ("x", "timestamp")):
        with pytest.raises(ParamUnfit):
            bind(value, type=kind)
