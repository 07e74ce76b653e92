"""Parking: many rows in one write, in order, and the truth to each who waits."""

import asyncio
from collections.abc import Sequence

import pytest

from exchange.delivery.parking import Parking
from exchange.storage.errors import StorageUnavailable
from exchange.storage.rows import Park
from tests.support.relaying import CIVIL


class Slow:
    """A store that takes its time, and fails when told so."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failure: Exception | None = None

    async def park(self, parks: Sequence[Park]) -> None:
        await asyncio.sleep(0.01)
        if self.failure is not None:
            raise self.failure
        self.batches.append([park.due_at_ms for park in parks])


def park(number: int) -> Park:
    return Park(number.to_bytes(16, "big"), CIVIL, number, 1, 0)


async def test_what_gathers_while_one_batch_is_written_is_the_next() -> None:
    store = Slow()
    parking = Parking(store)  # type: ignore[arg-type]
    first = asyncio.create_task(parking.park(park(0)))
    await asyncio.sleep(0.005)
    await asyncio.gather(first, *(parking.park(park(n)) for n in range(1, 50)))
    assert store.batches == [[0], list(range(1, 50))]
    await parking.park(park(50))
    assert store.batches[2] == [50]


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), ZeroDivisionError()])
async def test_everybody_whose_row_was_not_written_is_told(failure: Exception) -> None:
    store = Slow()
    store.failure = failure
    parking = Parking(store)  # type: ignore[arg-type]
    told = await asyncio.gather(*(parking.park(park(n)) for n in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [StorageUnavailable] * 3
    store.failure = None
    await parking.park(park(4))
    assert store.batches == [[4]]
