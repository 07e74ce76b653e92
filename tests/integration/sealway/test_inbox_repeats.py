"""Random repeats, crashes and concurrency: whatever happens, each id has exactly one effect.

`SEED=n` runs one story again; the seed of a failure is in its message.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sealway import Inbox, Reject
from signing.identifiers import new_message_id
from tests.support.postgres import drop_database, new_database, server

WORKERS = 4
IDS = 12
CALLS = 240
Connect = Callable[[], Any]


class Crash(Exception):
    """The process dies here: the connection goes, uncommitted."""


@pytest.fixture(params=["sqlite", "postgresql"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    if request.param == "sqlite":
        yield lambda: sqlite3.connect(tmp_path / "agency.db", timeout=20)
        return
    psycopg = pytest.importorskip("psycopg")
    dsn = server()
    made = asyncio.run(new_database(dsn))
    try:
        yield lambda: psycopg.connect(made)
    finally:
        asyncio.run(drop_database(dsn, made))


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SEED") or random.randrange(2**32))


class Story:
    """A provider that is asked the same questions over and over, and dies at any moment."""

    def __init__(self, connect: Connect, seed: int) -> None:
        chance = random.Random(seed)
        self.connect = connect
        self.inbox = Inbox()
        self.ids = [str(new_message_id(1_795_000_000_000)) for _ in range(IDS)]
        self.told: dict[str, list[Any]] = {one: [] for one in self.ids}
        self.calls = [
            (chance.choice(self.ids), chance.choice(("", "", "work", "commit", "answer")), number)
            for number in range(CALLS)
        ]
        self._turn = threading.Lock()

    def prepare(self) -> None:
        with closing(self.connect()) as connection:
            self.inbox.create(connection)
            connection.cursor().execute("CREATE TABLE effect (id VARCHAR(36), number INTEGER)")
            connection.commit()

    def ask(self, call: tuple[str, str, int]) -> None:
        """One attempt: it may die in its work, before its commit, or before its answer."""
        message_id, crash, _ = call
        with closing(self.connect()) as connection:
            try:
                said = self.inbox.once(connection, message_id, lambda: self._work(connection, call))
                if crash == "commit":
                    raise Crash
                connection.commit()
            except Crash:
                return
        if crash != "answer":
            with self._turn:
                self.told[message_id].append(said)

    def _work(self, connection: Any, call: tuple[str, str, int]) -> Any:
        message_id, crash, number = call
        connection.cursor().execute(f"INSERT INTO effect VALUES ('{message_id}', {number})")
        if crash == "work":
            raise Crash
        return Reject("no-data", str(number)) if number % 5 == 0 else {"number": number}

    def effects(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {one: [] for one in self.ids}
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT id, number FROM effect")
            for message_id, number in cursor.fetchall():
                found[message_id].append(number)
        return found


def test_each_id_has_one_effect_and_one_answer(connect: Connect, seed: int) -> None:
    print(f"seed {seed}")
    story = Story(connect, seed)
    story.prepare()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(story.ask, story.calls))
    for number, message_id in enumerate(story.ids):
        story.ask((message_id, "", CALLS + number))
    effects = story.effects()
    for message_id in story.ids:
        assert len(effects[message_id]) == 1, f"seed {seed}: {message_id} {effects[message_id]}"
        (number,) = effects[message_id]
        said = Reject("no-data", str(number)) if number % 5 == 0 else {"number": number}
        answers = story.told[message_id]
        assert all(one == said for one in answers), f"seed {seed}: {message_id} {answers}"


def test_on_postgresql_the_second_waits_for_the_first(tmp_path: Path) -> None:
    psycopg = pytest.importorskip("psycopg")
    dsn = server()
    made = asyncio.run(new_database(dsn))
    inbox, message_id = Inbox(), str(new_message_id(1_795_000_000_000))
    try:
        with psycopg.connect(made) as first:
            inbox.create(first)
            first.commit()
            assert inbox.once(first, message_id, lambda: {"first": True}) == {"first": True}
            said: list[Any] = []

            def second() -> None:
                with psycopg.connect(made) as connection:
                    said.append(inbox.once(connection, message_id, lambda: {"first": False}))

            thread = threading.Thread(target=second)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            assert said == []
            first.commit()
            thread.join(10)
        assert said == [{"first": True}]
        with psycopg.connect(made, autocommit=True) as connection:
            with connection.transaction():
                assert inbox.once(connection, message_id, dict) == {"first": True}
            with pytest.raises(Exception, match="begin a transaction"):
                inbox.once(connection, str(new_message_id(1_795_000_000_001)), dict)
    finally:
        asyncio.run(drop_database(dsn, made))
