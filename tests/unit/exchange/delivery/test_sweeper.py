"""Several sweepers on one database: each takes what it can begin, one writes off."""

import asyncio
from typing import Any

from exchange.delivery.sweeper import Sweeper, SweepTimes


class Rows:
    """A store with so many rows due, and so many exchanges over."""

    def __init__(self, due: int = 0) -> None:
        self.due = due
        self.claims: list[int] = []
        self.over: list[bytes] = []

    async def claim_due(self, owner: str, now_ms: int, until_ms: int, count_max: int) -> list[Any]:
        self.claims.append(count_max)
        taken = min(self.due, count_max)
        self.due -= taken
        return [object()] * taken

    async def due_to_expire(self, before_ms: int, count_max: int) -> list[bytes]:
        return self.over


class Slots:
    """A deliverer that has room for so many."""

    def __init__(self, free: int) -> None:
        self.free = free

    def sweep(self, row: object) -> None:
        self.free -= 1


class Sweeping(Sweeper):
    """Remembers what it wrote off."""

    def __init__(self, rows: Rows, slots: Slots, owner: str, times: SweepTimes) -> None:
        nothing: Any = None
        self.now_ms = 1_000_000
        self.written: list[tuple[bytes, int]] = []
        super().__init__(
            *(rows, nothing, slots, nothing, nothing, nothing, nothing),  # type: ignore[arg-type]
            clock=lambda: self.now_ms,
            owner=owner,
            times=times,
        )

    async def _write_off(self, id_: bytes, now_ms: int) -> None:
        self.written.append((id_, now_ms))


async def test_claims_no_more_than_it_has_room_for() -> None:
    rows, slots = Rows(due=100), Slots(free=30)
    sweeper = Sweeping(rows, slots, "one", SweepTimes(rows_max=20))
    assert await sweeper.deliver_due(), "there may be more"
    assert await sweeper.deliver_due()
    assert not await sweeper.deliver_due(), "no room, no claim"
    assert rows.claims == [20, 10]
    assert rows.due == 70


async def test_looks_steadily_and_does_not_burn() -> None:
    rows = Rows()
    sweeper = Sweeping(rows, Slots(10), "one", SweepTimes(every_s=0.02))
    sweeper.start()
    await asyncio.sleep(0.4)
    await sweeper.stop()
    assert 10 <= len(rows.claims) <= 28


async def test_a_backlog_does_not_wait_for_the_clock() -> None:
    rows = Rows(due=95)
    sweeper = Sweeping(rows, Slots(1_000), "one", SweepTimes(every_s=60, rows_max=10))
    sweeper.start()
    await asyncio.sleep(0.05)
    await sweeper.stop()
    assert rows.due == 0


async def test_alone_it_writes_off_at_once() -> None:
    rows = Rows()
    rows.over = [b"a" * 16, b"b" * 16]
    sweeper = Sweeping(rows, Slots(1), "one", SweepTimes())
    await sweeper.expire()
    assert [id_ for id_, _ in sweeper.written] == rows.over


async def test_several_write_off_an_exchange_at_different_times() -> None:
    rows = Rows()
    rows.over = [number.to_bytes(16, "big") for number in range(50)]
    times = SweepTimes(expire_spread_ms=5_000)
    sweepers = [Sweeping(rows, Slots(1), f"host:{number}", times) for number in range(3)]
    first: dict[bytes, dict[str, int]] = {}
    for at_ms in range(0, 6_000, 500):
        for sweeper in sweepers:
            sweeper.now_ms = 1_000_000 + at_ms
            await sweeper.expire()
            for id_, _ in sweeper.written:
                first.setdefault(id_, {}).setdefault(sweeper._owner, at_ms)
    assert len(first) == 50, "each of them in the end"
    together = [len(set(when.values())) < 3 for when in first.values()]
    assert sum(together) < 25, "most of them by one process at a time"
