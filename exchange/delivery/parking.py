"""Parking: giving deliveries back to their rows, many in one transaction.

No timer: what has gathered while the last batch was written is the next batch, in order.
"""

import asyncio
from typing import Final

from exchange.storage.errors import StorageUnavailable
from exchange.storage.port import Store
from exchange.storage.rows import Park
from signing.errors import SealwayError

BATCH_MAX: Final = 500  # rows in one statement: some 20 ms


class Parking:
    """Writes parks in the order they came; the last of one delivery counts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Park, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def park(self, one: Park) -> None:
        """Return when the row is written.

        Raises:
            StorageUnavailable: it is not; its row is as it was, and a sweep finds it.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="parking")
        await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
            failed: SealwayError | None = None
            try:
                await self._store.park([park for park, _ in batch])
            except SealwayError as error:
                failed = error
            except Exception as error:
                failed = StorageUnavailable("Rows can't be written now.", cause=repr(error))
            for _, future in batch:
                _settle(future, failed)
        self._writing = None


def _settle(future: "asyncio.Future[None]", failed: SealwayError | None) -> None:
    if future.done():
        return
    if failed is None:
        future.set_result(None)
    else:
        future.set_exception(failed)
