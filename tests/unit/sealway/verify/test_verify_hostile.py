"""A database made to break its reader gives findings, never a traceback, and ends in time."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealway.verify.database import FILE_NAME, TABLES
from tests.support.recorded_bus import RecordedBus, record_bus
from tests.unit.sealway.verify.conftest import Edit, Verify

UNPROVEN = {"one", "log", "owner", "epoch", "lease_until", "relayed_to", "code", "until"}
"""Columns that no leaf speaks of: the bus's own bookkeeping."""
VALUES = [None, 2**62, 1.5, "\x1b[2J", b""]
EXCHANGES = 150  # 302 leaves: one full tile


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    return record_bus(tmp_path_factory.mktemp("bus") / "bus", EXCHANGES)


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table_is_a_finding(table: str, edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        connection.execute(f"DROP TABLE {table}")
    report = verify()
    assert report.findings.counts["database-unreadable"] >= 1
    assert report.verdict != "proven"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("keys", [True, False])
def test_an_empty_table_is_a_finding(table: str, keys: bool, edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        connection.execute(f"DELETE FROM {table}")
    assert verify(keys=keys).verdict == "false"


@pytest.mark.parametrize("table", TABLES)
def test_values_of_other_types_are_findings(table: str, edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        ddl = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        connection.execute(f"CREATE TABLE {table} ({ddl})")  # no types, no keys, no checks
        connection.execute(f"INSERT INTO {table} SELECT * FROM old_{table}")
    assert verify().verdict == "proven"
    for column in sorted(set(columns) - UNPROVEN):
        for value in VALUES:
            if value is None and (table, column) == ("record", "key"):
                continue  # a directory's record has none
            with edit() as connection:
                (number, before) = connection.execute(
                    f'SELECT rowid, "{column}" FROM {table} ORDER BY rowid DESC LIMIT 1'
                ).fetchone()
                _set(connection, table, column, value, number)
            report = verify()
            with edit() as connection:
                _set(connection, table, column, before, number)
            assert report.findings.listed, (column, value)


def _set(connection: Any, table: str, column: str, value: object, number: int) -> None:
    connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (value, number))


def test_a_view_in_the_place_of_a_table_is_a_finding(edit: Edit, verify: Verify) -> None:
    endless = "WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n) SELECT"
    with edit() as connection:
        connection.execute("DROP TABLE system_number")
        connection.execute(f"CREATE VIEW system_number AS {endless} i AS n, 'x' AS system FROM n")
    report = verify()
    assert any("system_number" in one.text for one in report.findings.listed)


def test_a_huge_value_is_a_finding(edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        connection.execute("UPDATE message SET content = zeroblob(40000000) WHERE idx = 30")
    report = verify()
    assert report.findings.counts["database-unreadable"] == 1
    assert report.counts.receipts == 2 * EXCHANGES


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_never_passes_and_never_crashes(
    seed: int, data: Path, verify: Verify
) -> None:
    dice = random.Random(seed)
    file = data / FILE_NAME
    whole = bytearray(file.read_bytes())
    for _ in range(60):
        at = dice.randrange(100, len(whole))
        whole[at : at + 16] = dice.randbytes(16)
    file.write_bytes(whole)
    assert verify().verdict != "proven"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: b"no database at all" * 100,
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:100] + bytes(len(whole) - 100),
    ],
    ids=["empty", "text", "half", "zeros"],
)
def test_a_file_that_is_no_database_is_a_finding(
    spoil: Callable[[bytes], bytes], data: Path, verify: Verify
) -> None:
    file = data / FILE_NAME
    file.write_bytes(spoil(file.read_bytes()))
    report = verify()
    assert report.findings.listed
    assert report.verdict != "proven"
