"""A thread of one's own: blocking calls in their order, awaited from the event loop.

Leaner than an executor: one queue, one wake-up each way. Cancelling a caller doesn't cancel its
call.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

T = TypeVar("T")
Done = Callable[[object, BaseException | None], None]
"""Gets a call's result, or what it raised; on the event loop."""


class OneThread:
    """Runs calls one after the other; starts with the first `run`, ends with `stop`."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], Done] | None]
        self._calls = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """Run one call and wait for it; raises what it raises."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._thread.start()
        future: asyncio.Future[object] = self._loop.create_future()
        self._calls.put((call, partial(settle, future)))
        return cast(T, await future)

    @property
    def is_running(self) -> bool:
        """Whether calls may be posted."""
        return self._loop is not None

    def post(self, call: Callable[[], object], done: Done) -> None:
        """Queue one call from any thread; ``done`` is told on the event loop."""
        assert self.is_running
        self._calls.put((call, done))

    def stop(self) -> None:
        """End after the calls that were asked for; returns when they are done."""
        if self._loop is not None:
            self._calls.put(None)
            self._thread.join()

    def _run(self) -> None:
        assert self._loop is not None
        while (asked := self._calls.get()) is not None:
            call, done = asked
            result: object = None
            error: BaseException | None = None
            try:
                result = call()
            except BaseException as problem:
                error = problem
            self._loop.call_soon_threadsafe(done, result, error)
            del asked, call, done, result, error


def settle(future: "asyncio.Future[object]", result: object, error: BaseException | None) -> None:
    """End a future, unless its waiter has gone."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
