"""The folder of receipts: whole lines, one file a day, one agent."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from adapters.agent.receipts import Kept, ReceiptBook, ReceiptsNotKept
from adapters.errors import AdapterSettingsInvalid
from sealway.client import Client
from tests.support.fake_bus import FakeBus

DAY_MS = 86_400_000
NOON_MS = 1_795_003_200_000


class Clock:
    now_ms = NOON_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> Any:
    made = ReceiptBook(tmp_path / "receipts", clock)
    made.open()
    yield made
    made.close()


@pytest.fixture
def kept(consumer: Client, bus: FakeBus) -> Any:
    def make() -> Kept:
        exchange = consumer.send("sx/GOV/2002/civil-registry", "person-status", {}, "child-benefit")
        return Kept("asked", bus.kept[exchange.id].message.envelope, exchange._question._receipt)  # type: ignore[arg-type]

    return make


def files(tmp_path: Path) -> list[tuple[str, int]]:
    found = sorted((tmp_path / "receipts").glob("*.jsonl"))
    return [(file.name, file.read_text().count("\n")) for file in found]


async def test_each_day_has_its_file(book: Any, clock: Clock, kept: Any, tmp_path: Path) -> None:
    await book.keep(kept(), kept())
    clock.now_ms += DAY_MS
    await book.keep(kept())
    assert files(tmp_path) == [("2026-11-18.jsonl", 2), ("2026-11-19.jsonl", 1)]


async def test_keeping_returns_once_it_is_synced(
    book: Any, kept: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    synced: list[int] = []
    really = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (really(file), synced.append(file))[0])
    await book.keep(kept())
    assert len(synced) == 1
    assert files(tmp_path) == [("2026-11-18.jsonl", 1)]


async def test_a_write_that_fails_leaves_no_half_line(
    book: Any, kept: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = kept()
    really = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: really(file, data[:10]))
        with pytest.raises(ReceiptsNotKept):
            await book.keep(one)
    assert files(tmp_path) == [("2026-11-18.jsonl", 0)]
    assert book.trouble
    await book.keep(one)
    assert files(tmp_path) == [("2026-11-18.jsonl", 1)]
    assert book.trouble is None


async def test_a_line_torn_by_a_crash_is_ended(clock: Clock, kept: Any, tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    file = tmp_path / "receipts/2026-11-18.jsonl"
    file.write_bytes(b'{"kept":"2026-')
    book = ReceiptBook(tmp_path / "receipts", clock)
    book.open()
    await book.keep(kept())
    book.close()
    torn, whole = file.read_bytes().splitlines()
    assert torn == b'{"kept":"2026-'
    assert whole.endswith(b"}")


async def test_many_at_once_are_whole_lines(book: Any, kept: Any, tmp_path: Path) -> None:
    await asyncio.gather(*(book.keep(kept()) for _ in range(20)))
    assert files(tmp_path) == [("2026-11-18.jsonl", 20)]


def test_a_second_agent_is_refused_the_folder(book: Any, clock: Clock, tmp_path: Path) -> None:
    with pytest.raises(AdapterSettingsInvalid, match="another agent"):
        ReceiptBook(tmp_path / "receipts", clock).open()


def test_a_folder_that_cannot_be_made_is_told(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AdapterSettingsInvalid, match="can't be kept"):
        ReceiptBook(tmp_path / "file" / "receipts", clock).open()


async def test_a_caller_that_is_cancelled_lets_nobody_write_beside_it(
    book: Any, kept: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    goes_on, began, inside = threading.Event(), threading.Event(), []
    really = ReceiptBook._append

    def slowly(self: ReceiptBook, day: str, data: bytes) -> None:
        inside.append(len(inside))
        began.set()
        assert goes_on.wait(5)
        really(self, day, data)

    monkeypatch.setattr(ReceiptBook, "_append", slowly)
    first = asyncio.create_task(book.keep(kept()))
    await asyncio.to_thread(began.wait, 5)
    for _ in range(2):
        first.cancel()
        await asyncio.sleep(0.01)
    second = asyncio.create_task(book.keep(kept()))
    await asyncio.sleep(0.05)
    assert len(inside) == 1
    goes_on.set()
    await second
    assert first.cancelled()
    assert files(tmp_path) == [("2026-11-18.jsonl", 2)]
