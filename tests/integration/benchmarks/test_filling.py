"""A log that was made long past the doors is one that the bus goes on from and an audit follows."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from benchmarks.filling import fill
from sealway.verify.audit import verify_folder
from sealway.verify.epoch_files import load_epoch_files
from sealway.verify.report import Report
from tests.support.recorded_bus import RecordedBus, exchange_one, record_bus, start

ADDED = 1_500
SHUT = "envelopes-not-readable"  # whoever audits without epoch keys is told so
SHAPES = {
    "message": "sender, shard, length(id), length(digest), length(leaf_hash), length(leaf_salt),"
    " length(envelope_key), length(content), length(content_key)",
    "exchange": "state, version, provider, service, wait_slot, length(answer)",
    "delivery": "recipient, state, service, owner, lease_until, attempt, misbehaved, cause, kind",
}


def shapes(made: RecordedBus) -> dict[str, set[tuple[Any, ...]]]:
    """What rows of answered exchanges look like, but for what each has of its own."""
    with closing(sqlite3.connect(made.data / "sealway.db")) as connection:
        return {
            table: set(connection.execute(f"SELECT {columns} FROM {table}"))
            for table, columns in SHAPES.items()
        }


def codes(report: Report) -> set[str]:
    """What an audit found."""
    return {code.value for code in report.findings.counts}


async def go_on(made: RecordedBus) -> None:
    """A start, an exchange, a clean stop."""
    bus = await start(made)
    try:
        await exchange_one(bus, made)
    finally:
        await bus.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecordedBus, dict[str, Any]]:
    """A filled folder, and the shapes of its rows before."""
    made = record_bus(tmp_path_factory.mktemp("filled") / "bus", 50)
    before = shapes(made)
    assert fill(made.folder, ADDED + 1) == ADDED
    return made, before


def test_filled_rows_look_like_those_that_were_there(
    filled: tuple[RecordedBus, dict[str, Any]],
) -> None:
    made, before = filled
    assert shapes(made) == before


def test_the_tree_is_true_and_signed_and_the_bus_goes_on_from_it(
    filled: tuple[RecordedBus, dict[str, Any]],
) -> None:
    made, _ = filled
    report = verify_folder(made.data, made.log_key, None)
    assert codes(report) == {"tail-unanchored", SHUT}
    asyncio.run(go_on(made))
    report = verify_folder(made.data, made.log_key, None)
    assert codes(report) == {SHUT}
    assert report.counts.messages == report.counts.receipts == ADDED + 103


def test_what_was_filled_does_not_open(filled: tuple[RecordedBus, dict[str, Any]]) -> None:
    made, _ = filled
    report = verify_folder(made.data, made.log_key, load_epoch_files([made.epoch_file]))
    assert report.verdict == "false"
