"""A `MessageBus` that does on purpose what every bus may do: lose, repeat, delay, reorder.

Owns the mischief and its seed. Refuses to own a bus: it stands in front of a real one. Tests and
fault runs put it where the real one was; whatever breaks then was wrong before.

Invariant: what it hands on was published; it invents and alters nothing.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from exchange.bus.port import BusRecord, BusStopped, MessageBus, Subscription, Topic


@dataclass(frozen=True, slots=True)
class Faults:
    """How often, each as a probability per record."""

    lose: float = 0.1
    repeat: float = 0.1
    delay: float = 0.2
    delay_s_max: float = 0.05
    reorder: float = 0.5
    """Per batch: it is shuffled."""


class FaultyBus:
    """Wraps `inner`; the same `seed` gives the same faults for the same records published."""

    def __init__(self, inner: MessageBus, *, seed: int, faults: Faults | None = None) -> None:
        self._inner = inner
        self._faults = faults or Faults()
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable, not to be secret
        self._late: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"FaultyBus({self._inner!r}, seed={self._seed}, faults={self._faults})"

    @property
    def is_connected(self) -> bool:
        return self._inner.is_connected

    async def start(self) -> None:
        structlog.get_logger().warning("bus.faults_started", seed=self._seed)
        await self._inner.start()

    async def stop(self, *, drain_s: float = 0.0) -> None:
        late = list(self._late)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._inner.stop(drain_s=drain_s)

    async def publish(self, batch: Sequence[BusRecord]) -> None:
        now: list[BusRecord] = []
        for record in batch:
            for _ in range(self._copies()):
                if self._chance(self._faults.delay):
                    self._publish_later(record)
                else:
                    now.append(record)
        if self._chance(self._faults.reorder):
            self._random.shuffle(now)
        await self._inner.publish(now)

    async def subscribe(self, topic: Topic, group: str) -> Subscription:
        return await self._inner.subscribe(topic, group)

    def _copies(self) -> int:
        if self._chance(self._faults.lose):
            return 0
        return 2 if self._chance(self._faults.repeat) else 1

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _publish_later(self, record: BusRecord) -> None:
        delay_s = self._random.uniform(0, self._faults.delay_s_max)
        task = asyncio.create_task(self._wait_and_publish(record, delay_s))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _wait_and_publish(self, record: BusRecord, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        with suppress(BusStopped):
            await self._inner.publish([record])
