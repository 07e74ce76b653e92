"""Reads of one row each that are asked for at once, as one statement.

A sweep begins many deliveries in one turn of the event loop, and a poll wakes many who wait: each
of them reads rows of its own, and one by one the round trips cost more than the exchanges.

Invariant: a statement is sent after everything in it was asked for, so each asker sees what had
committed by then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

K = TypeVar("K")
R = TypeVar("R")
Read = Callable[[Sequence[K]], Awaitable[Mapping[K, R]]]

KEYS_MAX: Final = 32
"""In one statement: a row may hold as much as the largest message."""


class Together(Generic[K, R]):
    """Gathers what is asked for in one turn of the event loop; ``read`` answers it by key."""

    def __init__(self, read: Read[K, R], keys_max: int = KEYS_MAX) -> None:
        self._read = read
        self._keys_max = keys_max
        self._asked: dict[K, asyncio.Future[R | None]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def one(self, key: K) -> R | None:
        """What ``read`` finds under a key; None: nothing. Raises what ``read`` raises."""
        future = self._asked.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            if not self._asked:
                loop.call_soon(self._begin)
            future = self._asked[key] = loop.create_future()
        return await asyncio.shield(future)  # others may wait for the same row

    def _begin(self) -> None:
        asked, self._asked = self._asked, {}
        keys = list(asked)
        for first in range(0, len(keys), self._keys_max):
            some = {key: asked[key] for key in keys[first : first + self._keys_max]}
            task = asyncio.create_task(self._answer(some), name="read-together")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _answer(self, asked: Mapping[K, "asyncio.Future[R | None]"]) -> None:
        try:
            found = await self._read(list(asked))
        except BaseException as error:
            for future in asked.values():
                _fail(future, error)
            if not isinstance(error, Exception):
                raise
            return
        for key, future in asked.items():
            if not future.done():
                future.set_result(found.get(key))


def _fail(future: "asyncio.Future[R | None]", error: BaseException) -> None:
    """Hand on a failure; whoever asked and left needn't hear of it."""
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
    elif not future.done():
        future.set_exception(error)
        future.exception()
