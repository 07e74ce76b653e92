"""In an open loop a stall is charged to all who would have called meanwhile."""

import asyncio
from typing import Any

from benchmarks.histogram import Histogram
from benchmarks.lanes import Round, run_round

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n."
STALL_S = 0.3
RUN_S = 0.6


class StallsOnce(asyncio.Protocol):
    """A server that answers at once, but for one request that holds up everybody."""

    def __init__(self, free: asyncio.Event, asked: list[int]) -> None:
        self._free = free
        self._asked = asked
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer, the fifth after a pause."""
        self._asked.append(1)
        if len(self._asked) == 5:
            self._free.clear()
            asyncio.get_running_loop().call_later(STALL_S, self._free.set)
        task = asyncio.create_task(self._answer())
        self._tasks.add(task)

    async def _answer(self) -> None:
        await self._free.wait()
        self._transport.write(ANSWER)


async def measured(rate: float | None) -> Histogram:
    free, asked = asyncio.Event(), list[int]()
    free.set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: StallsOnce(free, asked), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        requests = [b"GET / HTTP/1.1\r\n\r\n"] * 100_000
        said = await run_round(Round(requests), [port], 2, RUN_S, rate)
    assert said["failed"] == 0
    return Histogram.from_json(said["latencies"])


async def test_an_open_loop_charges_a_stall_to_every_request_that_was_due() -> None:
    opened = await measured(rate=100)
    assert 50 <= opened.count <= 61
    slow = sum(count for bucket, count in opened.to_json() if bucket > _bucket_above(0.1))
    assert slow >= 15, "of 30 requests due in the stall, 20 waited more than 100 ms"


async def test_a_closed_loop_charges_it_to_those_under_way() -> None:
    closed = await measured(rate=None)
    assert closed.quantile_ms(0.9) < 50


def _bucket_above(seconds: float) -> int:
    (pair,) = Histogram.of([seconds]).to_json()
    return pair[0]
