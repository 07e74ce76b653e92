"""From rows to JSON."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from adapters.errors import ProviderMisbehaved
from adapters.sql.rows import RowMapper
from adapters.sql.settings import SqlServiceSettings


def mapper(**settings: Any) -> RowMapper:
    return RowMapper(SqlServiceSettings.model_validate({"query": "SELECT 1", **settings}))


COLUMNS = {
    "KOOD": "person_code",
    "EESNIMI": "name.given",
    "PERENIMI": "name.family",
    "STAATUS": {"to": "status", "values": {"E": "alive", "1": "one"}},
}


def test_renames_nests_and_translates() -> None:
    rows = [("1", "Anu", "Kask", "E", "not named")]
    names = ("kood", "eesnimi", "perenimi", "staatus", "muu")
    assert mapper(columns=COLUMNS).objects(names, rows) == [
        {"person_code": "1", "name": {"given": "Anu", "family": "Kask"}, "status": "alive"}
    ]


def test_a_null_leaves_its_member_absent_or_makes_it_null() -> None:
    rows = [("1", None, None, 1)]
    names = ("KOOD", "EESNIMI", "PERENIMI", "STAATUS")
    assert mapper(columns=COLUMNS).objects(names, rows) == [{"person_code": "1", "status": "one"}]
    assert mapper(columns=COLUMNS, nulls="null").objects(names, rows) == [
        {"person_code": "1", "name": {"given": None, "family": None}, "status": "one"}
    ]


def test_without_columns_every_column_is_a_member() -> None:
    assert mapper().objects(("a", "b.c"), [(1, None), (2, "x")]) == [{"a": 1}, {"a": 2, "b.c": "x"}]


def test_a_code_without_a_meaning_misbehaves() -> None:
    with pytest.raises(ProviderMisbehaved) as caught:
        mapper(columns=COLUMNS).objects(
            ("KOOD", "EESNIMI", "PERENIMI", "STAATUS"), [("1",) * 3 + ("Q",)]
        )
    assert "Q" not in caught.value.detail


def test_a_column_that_is_not_there_misbehaves() -> None:
    with pytest.raises(ProviderMisbehaved):
        mapper(columns={"X": "x"}).objects(("a",), [(1,)])


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (date(2026, 11, 22), "2026-11-22"),
        (datetime(2026, 11, 22, 6, 40, tzinfo=UTC), "2026-11-22T06:40:00.000Z"),
        (
            datetime(2026, 11, 22, 6, 40, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-22T04:40:00.000Z",
        ),
        (datetime(2026, 11, 22, 6, 40), "2026-11-22T06:40:00"),  # noqa: DTZ001 - databases have them
        (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (Decimal("1E+3"), "1000"),
        (b"\x00\xff", "AP8="),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (1.5, 1.5),
        (True, True),
        (["a", None, Decimal("1.0")], ["a", None, "1.0"]),
    ],
)
def test_has_one_json_form_for_each_value(value: Any, json: Any) -> None:
    assert mapper().objects(("v",), [(value,)]) == [{"v": json}]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), timedelta(1), object()]
)
def test_a_value_without_a_json_form_misbehaves(value: Any) -> None:
    with pytest.raises(ProviderMisbehaved):
        mapper().objects(("v",), [(value,)])


def test_decimals_may_be_numbers() -> None:
    numbers = mapper(decimals="number")
    assert numbers.objects(("v",), [(Decimal("7.00"),), (Decimal("7.25"),)]) == [
        {"v": 7},
        {"v": 7.25},
    ]
