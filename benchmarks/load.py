"""The load: a bare HTTP/1.1 client in a process of its own.

Owns connections, the clock around each exchange, and nothing else while a run goes on: requests
are bytes made before, of a response only status and length are read. Closed loop: a connection
sends its next request when the last one's response is complete.

Driven by lines of JSON (`processes.Worker`): `prepare`, then `run`.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from benchmarks.bodies import request_body
from benchmarks.messages import BODIES, DELIVERY, Checker, Desk, Sent, check_plain, plain_request

SAMPLE_EVERY: Final = 100
ERRORS_KEPT: Final = 5
GIVE_UP_S: Final = 30.0  # above WAIT_S, so that a 202 still arrives and is counted

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\ncontent-length:"


@dataclass(slots=True)
class Round:
    """One run: what is left to send, and what came back."""

    requests: Sequence[bytes]
    until_s: float
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
        if response.startswith(b"HTTP/1.1 200"):
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
    """One connection, one exchange at a time."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._pending = b""
        self._number = 0
        self._sent_s = 0.0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; `begin` starts sending."""
        self._transport = cast("asyncio.Transport", transport)

    def begin(self) -> None:
        """Send the next request, or end."""
        number = self._round.take()
        if number is None:
            self._end()
            return
        self._number = number
        self._sent_s = time.perf_counter()
        self._transport.write(self._round.requests[number])

    def data_received(self, data: bytes) -> None:
        """Take bytes in until the response is as long as its head says."""
        if self._pending:
            data = self._pending + data
        if _is_whole(data):
            self._pending = b""
            self._round.came_back(self._number, time.perf_counter() - self._sent_s, data)
            self.begin()
        else:
            self._pending = data

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that the server closed costs one exchange."""
        if not self.over.done():
            self._round.failed_with(f"connection lost: {exc!r}")
            self._end()

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
        self._transport.close()


def _is_whole(data: bytes) -> bool:
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
    requests: Sequence[bytes], port: int, concurrency: int, seconds: float
) -> tuple[Round, dict[str, Any]]:
    """Keep ``concurrency`` exchanges under way for ``seconds``, or until none is left."""
    loop = asyncio.get_running_loop()
    round_ = Round(requests, until_s=float("inf"))
    lanes = []
    for _ in range(concurrency):
        _, lane = await loop.create_connection(lambda: Lane(round_), "127.0.0.1", port)
        lanes.append(lane)
    gc.collect()
    gc.disable()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    round_.until_s = began_s + seconds
    for lane in lanes:
        lane.begin()
    await asyncio.wait_for(asyncio.gather(*(lane.over for lane in lanes)), seconds + GIVE_UP_S)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    gc.enable()
    return round_, {"took_s": took_s, "client_cpu_s": cpu_s, **_latency(round_.latencies_s)}


def _latency(latencies_s: list[float]) -> dict[str, Any]:
    ordered = sorted(latencies_s)
    if not ordered:
        return {"count": 0, "p50_ms": 0.0, "p99_ms": 0.0}
    p50, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99))
    return {"count": len(ordered), "p50_ms": p50, "p99_ms": p99}


class Load:
    """What the process holds between commands."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._ports: dict[str, int] = settings["ports"]
        self._form: str = settings["form"]
        key, certificate = Path(settings["key"]), Path(settings["certificate"])
        self._desk = Desk(self._ports["bus"], key, certificate, self._form)
        self._checker = Checker(Path(settings["provider"]), settings["log_key"])
        self._made: list[tuple[bytes, Sent]] = []

    def prepare(self, count: int) -> dict[str, Any]:
        """Compose and sign until ``count`` requests to the bus are ready."""
        began_s = time.perf_counter()
        missing = max(0, count - len(self._made))
        self._made += [self._desk.compose(number) for number in range(missing)]
        return {"made": missing, "took_s": time.perf_counter() - began_s}

    async def run(self, target: str, concurrency: int, seconds: float) -> dict[str, Any]:
        """One run against ``target``; what was sent to the bus is used up."""
        if target == "bus":
            requests: Sequence[bytes] = [request for request, _ in self._made]
        else:
            port = self._ports[target]
            bodies = [plain_request(port, request_body(number)) for number in range(BODIES)]
            requests = bodies * (1 + int(20_000 * seconds) // BODIES)
        round_, result = await run_round(requests, self._ports[target], concurrency, seconds)
        result["checked"] = self._check(target, round_)
        if target == "bus":
            result["ran_out"] = round_.next == len(self._made)
            del self._made[: round_.next]
        return {**result, "failed": round_.failed, "errors": round_.errors}

    def _check(self, target: str, round_: Round) -> int:
        if target != "bus":
            check_plain([response for _, response in round_.samples])
        elif self._form == DELIVERY:
            for number, response in round_.samples:
                self._checker.check(self._made[number][1], response)
        else:
            return 0
        return len(round_.samples)


def main() -> None:
    """Carry out commands until standard input ends."""
    load = Load(json.loads(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            command = json.loads(line)
            if command.pop("do") == "prepare":
                result = load.prepare(**command)
            else:
                result = runner.run(load.run(**command))
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
