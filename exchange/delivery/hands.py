"""A delivery in somebody's hands: who holds it for how long, and what is let go of in time."""

import asyncio
from collections.abc import Awaitable, Callable


class Hand:
    """Holds one delivery; after ``hold_s`` its record goes back, whatever else still goes on.

    ``release`` gives the record's place back to the bus. ``is_claimed``: a sweep took the row.
    ``is_doubtful``: the record is old or a repeat, so the row is asked before
    anybody calls.
    """

    def __init__(
        self,
        hold_s: float,
        release: Callable[[], None] | None = None,
        *,
        is_claimed: bool = False,
        is_doubtful: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._release = release
        self.is_claimed = is_claimed
        self.is_doubtful = is_doubtful
        self.under_lease: Callable[[], Awaitable[None]] | None = None
        """While a call goes on: writes into its row that it does."""
        self._hold_s = hold_s
        self._letting_go: asyncio.Task[None] | None = None
        self._until = self._loop.time() + hold_s
        self._timer = self._loop.call_at(self._until, self._let_go)

    @property
    def left_s(self) -> float:
        """For how long it may still be held."""
        return max(0.0, self._until - self._loop.time())

    def _let_go(self) -> None:
        if self.under_lease is None:
            self.release()
        else:
            self._letting_go = asyncio.create_task(self._park(self.under_lease()), name="park")

    async def _park(self, parking: Awaitable[None]) -> None:
        """Park, then release; a database that hangs holds back no record for long either."""
        late = self._loop.call_later(self._hold_s, self.release)
        try:
            await parking
        finally:
            late.cancel()
            self.release()

    def release(self) -> None:
        """Give the record's place back, once; the row says the rest."""
        release, self._release = self._release, None
        if release is not None:
            release()

    async def end(self) -> None:
        """The delivery is over for this process: nothing of it goes on after this."""
        self._timer.cancel()
        if self._letting_go is not None:
            await self._letting_go
        self.release()

    def drop(self) -> None:
        """The process ends: the record isn't given back, so that another reads it again."""
        self._timer.cancel()
        if self._letting_go is not None:
            self._letting_go.cancel()
