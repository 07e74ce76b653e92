"""Asking a peer over one connection: who waits, since when, and what the run comes to.

Owns the closed loop for peers that match answers by id. An exchange counts when the server has
confirmed that it holds the request, and the answer is here.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import uvloop

from benchmarks.lanes import GIVE_UP_S, Round, told

ID_BYTES: Final = 8


class Client(Protocol):
    """One connection to a peer."""

    def begin(self, asking: "Asking") -> None:
        """Take a run's questions; confirms and answers go to it."""

    def ask(self, number: int, id_: bytes) -> None:
        """Send a request under an id."""


@dataclass(slots=True)
class Asking:
    """One run: keeps so many exchanges under way until its time is over."""

    client: Client
    first: int
    round: Round = field(default_factory=lambda: Round(()))
    waiting: dict[bytes, tuple[float, int]] = field(default_factory=dict)
    """Since when, and how much of confirm and answer is still missing."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self) -> None:
        """Begin one exchange, or end the run when nothing is under way any more."""
        now_s = time.perf_counter()
        if now_s >= self.round.until_s:
            if not self.waiting:
                self.over.set()
            return
        number = self.first + self.round.next
        self.round.next += 1
        id_ = b"%0*d" % (ID_BYTES, number)
        self.waiting[id_] = (now_s, 2)
        self.client.ask(number, id_)

    def confirmed(self, id_: bytes) -> None:
        """The server holds the request."""
        self._part(id_)

    def answered(self, id_: bytes) -> None:
        """The answer is here."""
        self._part(id_)

    def _part(self, id_: bytes) -> None:
        since_s, missing = self.waiting[id_]
        if missing > 1:
            self.waiting[id_] = (since_s, missing - 1)
            return
        del self.waiting[id_]
        self.round.latencies_s.append(time.perf_counter() - since_s)
        self.ask()


async def run(client: Client, first: int, concurrency: int, seconds: float) -> dict[str, Any]:
    """One run; what it comes to, in the words of every load."""
    asking = Asking(client, first)
    client.begin(asking)
    gc.collect()
    gc.disable()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    asking.round.until_s = began_s + seconds
    for _ in range(concurrency):
        asking.ask()
    await asyncio.wait_for(asking.over.wait(), seconds + GIVE_UP_S)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    gc.enable()
    return {**told(asking.round, took_s, cpu_s), "checked": 0, "asked": asking.round.next}


def serve_commands(connect: Callable[[], Awaitable[Client]]) -> None:
    """Carry out `run` commands until standard input ends; one connection for all of them."""
    asked = 0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        client = runner.run(_connected(connect))
        for line in sys.stdin:
            command = json.loads(line)
            said = runner.run(run(client, asked, command["concurrency"], command["seconds"]))
            asked += said.pop("asked")
            print(json.dumps(said), flush=True)


async def _connected(connect: Callable[[], Awaitable[Client]]) -> Client:
    return await connect()
