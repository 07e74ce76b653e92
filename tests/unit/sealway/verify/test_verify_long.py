"""A log of several tiles is proven entry by entry, in memory that does not grow with it."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

import sealway.verify.database
import sealway.verify.scan
import sealway.verify.traffic
from sealway.verify.audit import verify_folder
from tests.support.long_bus import LongBus


@pytest.mark.parametrize("entries", [1, 255, 256, 257, 700])
def test_a_log_of_any_size_is_proven(tmp_path: Path, entries: int) -> None:
    bus = LongBus()
    report = verify_folder(bus.fill(tmp_path / "data", entries), bus.log_keys(), bus.epochs)
    assert report.findings.listed == []
    assert report.verdict == "proven"
    assert report.counts.messages == report.counts.receipts == report.counts.envelopes == entries


def test_a_tile_that_was_altered_is_found(tmp_path: Path) -> None:
    bus = LongBus()
    folder = bus.fill(tmp_path / "data", 600)
    with closing(sqlite3.connect(folder / "sealway.db")) as connection, connection:
        connection.execute("UPDATE log_tile SET hashes = zeroblob(8192) WHERE number = 1")
    report = verify_folder(folder, bus.log_keys(), bus.epochs)
    assert [code.value for code in report.findings.counts] == ["tile-altered"]


def peak_bytes(folder: Path, entries: int) -> int:
    """The most that Python held while it verified such a log."""
    bus = LongBus()
    data, keys = bus.fill(folder / str(entries), entries), bus.log_keys()
    tracemalloc.start()
    try:
        report = verify_folder(data, keys, None)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert report.counts.messages == entries


def test_memory_does_not_grow_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("BATCH", 8), ("BATCH_OF_MANY", 1)):
        monkeypatch.setattr(sealway.verify.database, name, rows)
    for module in (sealway.verify.scan, sealway.verify.traffic):
        monkeypatch.setattr(module, "STRETCH_LEAVES", 256)
    short, long = peak_bytes(tmp_path, 520), peak_bytes(tmp_path, 1_540)
    assert long - short < 1_000 * 100, "less than any row or leaf that was kept"
