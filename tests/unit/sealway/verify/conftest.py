"""One bus that has lived, made once; each test gets a copy of its data folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealway.verify.audit import verify_folder
from sealway.verify.database import FILE_NAME
from sealway.verify.epoch_files import load_epoch_files
from sealway.verify.report import Report
from tests.support.recorded_bus import RecordedBus, record_bus

EXCHANGES = 300  # 602 leaves: two full tiles and a partial one

Edit = Callable[[], AbstractContextManager[Any]]
Verify = Callable[..., Report]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    return record_bus(tmp_path_factory.mktemp("bus") / "bus", EXCHANGES)


@pytest.fixture
def data(recorded: RecordedBus, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    copy.mkdir()
    for file in recorded.data.iterdir():
        if file.name.startswith(FILE_NAME) and not file.name.endswith("-shm"):
            shutil.copyfile(file, copy / file.name)
    return copy


@pytest.fixture
def edit(data: Path) -> Edit:
    """Opens the copy for changes, and leaves no write-ahead log behind."""
    import sqlite3

    @contextmanager
    def opened() -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(data / FILE_NAME, isolation_level=None)
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=OFF")
        try:
            yield connection
        finally:
            connection.close()

    return opened


@pytest.fixture
def verify(recorded: RecordedBus, data: Path) -> Verify:
    """Verifies the copy, with the epoch key unless told otherwise."""

    def run(*, keys: bool = True, log_key: str | None = None) -> Report:
        epochs = load_epoch_files([recorded.epoch_file] if keys else [])
        return verify_folder(data, log_key or recorded.log_key, epochs)

    return run
