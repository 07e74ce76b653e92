"""Connections of the load: a bare HTTP/1.1 client that sends bytes made before.

Owns connections, the clock around each exchange, and nothing else while a run goes on: of a
response only status and length are read. Two ways to load: closed, where a connection sends its
next request when the last response is complete; open, where requests are due at fixed times and a
latency counts from when its request was due, so that a target that stalls is charged for all the
requests that would have come meanwhile (no coordinated omission).
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from benchmarks.histogram import Histogram

SAMPLE_EVERY: Final = 100
ERRORS_KEPT: Final = 5
GIVE_UP_S: Final = 30.0  # above WAIT_S, so that a 202 still arrives and is counted
TICK_S: Final = 0.001

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\ncontent-length:"


@dataclass(slots=True)
class Round:
    """One run: what is left to send, and what came back."""

    requests: Sequence[bytes]
    until_s: float = float("inf")
    good: bytes = b"HTTP/1.1 200"
    next: int = 0
    latencies_s: list[float] = field(default_factory=list)
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failed: int = 0

    def take(self) -> int | None:
        """The number of the next request, or None when the run is over."""
        number = self.next
        if number >= len(self.requests) or time.perf_counter() >= self.until_s:
            return None
        self.next = number + 1
        return number

    def came_back(self, number: int, took_s: float, response: bytes) -> None:
        """Take down one response."""
        if response.startswith(self.good):
            self.latencies_s.append(took_s)
            if number % SAMPLE_EVERY == 0:
                self.samples.append((number, response))
        else:
            self.failed_with(response[:400].decode("latin-1"))

    def failed_with(self, text: str) -> None:
        """Count an exchange that brought no answer."""
        self.failed += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(text)


class Lane(asyncio.Protocol):
    """One connection, one exchange at a time; closed loop unless a `Pace` owns it."""

    def __init__(self, round_: Round, pace: "Pace | None" = None) -> None:
        self._round = round_
        self._pace = pace
        self._pending = b""
        self._number = 0
        self._from_s = 0.0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; `begin` starts sending."""
        self._transport = cast("asyncio.Transport", transport)

    def begin(self) -> None:
        """Send the next request, or end."""
        number = self._round.take()
        if number is None:
            self.end()
        else:
            self.send(number, time.perf_counter())

    def send(self, number: int, from_s: float) -> None:
        """Send a request whose latency counts from ``from_s``."""
        self._number, self._from_s = number, from_s
        self._transport.write(self._round.requests[number])

    def data_received(self, data: bytes) -> None:
        """Take bytes in until the response is as long as its head says."""
        if self._pending:
            data = self._pending + data
        if not is_whole(data):
            self._pending = data
            return
        self._pending = b""
        self._round.came_back(self._number, time.perf_counter() - self._from_s, data)
        if self._pace is None:
            self.begin()
        else:
            self._pace.freed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that the server closed costs one exchange."""
        if not self.over.done():
            self._round.failed_with(f"connection lost: {exc!r}")
            self.end()

    def end(self) -> None:
        """Close; whoever waits for `over` goes on."""
        if not self.over.done():
            self.over.set_result(None)
        self._transport.close()


class Pace:
    """Open loop: request n is due at its time whatever has come back; late ones wait in line."""

    def __init__(self, round_: Round, rate: float) -> None:
        self._round = round_
        self._rate = rate
        self._idle: deque[Lane] = deque()
        self._due: deque[float] = deque()
        self._lanes: list[Lane] = []
        self._given = 0

    def start(self, lanes: list[Lane]) -> None:
        """Begin: the first request is due now."""
        self._lanes = lanes
        self._idle.extend(lanes)
        self._began_s = time.perf_counter()
        self._tick()

    def freed(self, lane: Lane) -> None:
        """A connection has its response: it takes what is longest due, or waits."""
        self._idle.append(lane)
        self._send_due()

    def _tick(self) -> None:
        now_s = min(time.perf_counter(), self._round.until_s)
        for _ in range(due_by(now_s - self._began_s, self._rate) - self._given):
            self._due.append(self._began_s + self._given / self._rate)
            self._given += 1
        self._send_due()
        if time.perf_counter() < self._round.until_s or self._due:
            asyncio.get_running_loop().call_later(TICK_S, self._tick)
        else:
            self._end_idle()

    def _send_due(self) -> None:
        while self._due and self._idle:
            number = self._round.next
            if number >= len(self._round.requests):
                self._due.clear()
                break
            self._round.next = number + 1
            self._idle.popleft().send(number, self._due.popleft())
        if not self._due and time.perf_counter() >= self._round.until_s:
            self._end_idle()

    def _end_idle(self) -> None:
        while self._idle:
            self._idle.popleft().end()


def due_by(elapsed_s: float, rate: float) -> int:
    """How many requests are due after so long; the first at once."""
    return int(elapsed_s * rate) + 1


def is_whole(data: bytes) -> bool:
    """Whether an HTTP response is complete. Raises ValueError if it names no length."""
    end = data.find(_HEAD_END)
    if end < 0:
        return False
    head = data[:end].lower()
    at = head.find(_LENGTH)
    if at < 0:
        raise ValueError("a response without content-length")
    stop = head.find(b"\r", at + 1)
    size = int(head[at + len(_LENGTH) : stop if stop > 0 else end])
    return len(data) >= end + len(_HEAD_END) + size


async def run_round(
    round_: Round, ports: Sequence[int], concurrency: int, seconds: float, rate: float | None
) -> dict[str, Any]:
    """Load ``ports`` over ``concurrency`` connections for ``seconds``; ``rate`` makes it open."""
    loop = asyncio.get_running_loop()
    pace = None if rate is None else Pace(round_, rate)
    lanes = []
    for number in range(concurrency):
        port = ports[number % len(ports)]
        _, lane = await loop.create_connection(lambda: Lane(round_, pace), "127.0.0.1", port)
        lanes.append(lane)
    gc.collect()
    gc.disable()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    round_.until_s = began_s + seconds
    if pace is None:
        for lane in lanes:
            lane.begin()
    else:
        pace.start(lanes)
    await asyncio.wait_for(asyncio.gather(*(lane.over for lane in lanes)), seconds + GIVE_UP_S)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    gc.enable()
    return told(round_, took_s, cpu_s)


def told(round_: Round, took_s: float, cpu_s: float) -> dict[str, Any]:
    """What a load's process says of a run."""
    return {
        "count": len(round_.latencies_s),
        "failed": round_.failed,
        "errors": round_.errors,
        "took_s": took_s,
        "client_cpu_s": cpu_s,
        "latencies": Histogram.of(round_.latencies_s).to_json(),
    }
