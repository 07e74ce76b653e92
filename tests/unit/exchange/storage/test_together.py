"""Reads that were asked for in one turn go out as one, and each asker gets its own."""

import asyncio
from collections.abc import Sequence

import pytest

from exchange.storage.errors import StorageUnavailable
from exchange.storage.postgres.together import Together


class Rows:
    """Rows under every key but 0; remembers what it was asked, and may be away."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.is_away = False

    async def read(self, keys: Sequence[int]) -> dict[int, str]:
        self.asked.append(list(keys))
        self.begun.set()
        await self.gate.wait()
        if self.is_away:
            raise StorageUnavailable("Not now.")
        return {key: f"row {key}" for key in keys if key}


async def test_what_is_asked_in_one_turn_is_one_statement_without_repeats() -> None:
    rows = Rows()
    together = Together(rows.read)
    found = await asyncio.gather(*(together.one(key) for key in (3, 1, 0, 3)))
    assert found == ["row 3", "row 1", None, "row 3"]
    assert rows.asked == [[3, 1, 0]]


async def test_what_is_asked_while_another_is_read_is_read_anew() -> None:
    """A row may have been committed since the first statement began."""
    rows = Rows()
    together = Together(rows.read)
    rows.gate.clear()
    first = asyncio.create_task(together.one(1))
    await rows.begun.wait()
    second = asyncio.create_task(together.one(1))
    await asyncio.sleep(0.01)
    assert rows.asked == [[1], [1]]
    rows.gate.set()
    assert list(await asyncio.gather(first, second)) == ["row 1", "row 1"]


async def test_no_statement_asks_for_more_than_its_most() -> None:
    rows = Rows()
    together = Together(rows.read, keys_max=2)
    found = await asyncio.gather(*(together.one(key) for key in range(1, 6)))
    assert found == [f"row {key}" for key in range(1, 6)]
    assert rows.asked == [[1, 2], [3, 4], [5]]


async def test_all_hear_that_it_failed_and_the_next_asks_again() -> None:
    rows = Rows()
    together = Together(rows.read)
    rows.is_away = True
    failed = await asyncio.gather(*(together.one(key) for key in (1, 2)), return_exceptions=True)
    assert [type(one) for one in failed] == [StorageUnavailable] * 2
    rows.is_away = False
    assert await together.one(1) == "row 1"


async def test_who_leaves_takes_nothing_from_who_stays() -> None:
    rows = Rows()
    together = Together(rows.read)
    rows.gate.clear()
    leaves, stays = (asyncio.create_task(together.one(1)) for _ in range(2))
    await rows.begun.wait()
    leaves.cancel()
    await asyncio.sleep(0)
    rows.gate.set()
    assert await stays == "row 1"
    with pytest.raises(asyncio.CancelledError):
        await leaves
