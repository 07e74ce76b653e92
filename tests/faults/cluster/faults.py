"""The faults: each does its worst for a while and puts things right, as operators would.

A fault says what it touches, so that two at a time never put the same thing right twice; a text
tells the row what was done. What only some engines have is left out elsewhere.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from tests.faults.cluster.office import OFFICE
from tests.faults.cluster.running import Cluster, restart
from tests.faults.cluster.site import DELIVERERS, GATEWAYS, LEASE_S, PROCESSES, WEB_PROVIDERS
from tests.faults.journal import Journal

SESSION_S: Final = 10.0
"""How long Kafka waits for a reader that says nothing."""
DELAY_S: Final = (0.02, 0.25)
DELAY_FOR_S: Final = (1.0, 3.0)
COMMIT_WAIT_S: Final = 5.0
"""How long a process may take until its next commit; idle ones have none."""
FULL: Final = "whole cluster"


@dataclass
class Stage:
    """What faults act on: the cluster, chance, and the journal of what was done."""

    cluster: Cluster
    chance: random.Random
    journal: Journal
    notes: dict[str, float] = field(default_factory=dict)
    """Figures that faults leave for the run's last lines."""

    def pick(self, *names: str) -> str:
        """One of them."""
        return self.chance.choice(names)

    async def wait(self, least_s: float, most_s: float) -> float:
        """Let some time pass; how much."""
        seconds = self.chance.uniform(least_s, most_s)
        await asyncio.sleep(seconds)
        return seconds


Do = Callable[[Stage, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: how often among others, on what, and what it needs to be there."""

    name: str
    weight: float
    do: Do
    victims: tuple[str, ...] = ("",)
    needs: frozenset[str] = frozenset()
    alone: bool = False
    """Whether nothing else may happen at the same time."""


async def kill_process(stage: Stage, name: str) -> str:
    """kill -9 and start again; a process of the bus sometimes once more within its start."""
    cluster = stage.cluster
    cluster.kill(name)
    down = await stage.wait(0.0, 1.5)
    if name in PROCESSES and stage.chance.random() < 0.2:
        cluster.start_bus(name)
        await stage.wait(0.3, 1.5)
        cluster.kill(name)
    await restart(cluster, name, stage.chance.randrange(1 << 16))
    return f"down {down:.1f} s"


async def kill_kafka(stage: Stage, _: str) -> str:
    """kill -9 and restart the broker."""
    broker = stage.cluster.kafka
    assert broker is not None
    await asyncio.to_thread(broker.kill)
    down = await stage.wait(0.2, 3.0)
    await asyncio.to_thread(broker.start)
    return f"down {down:.1f} s"


async def kill_postgres(stage: Stage, _: str) -> str:
    """kill -9 and restart the database."""
    server = stage.cluster.postgres
    assert server is not None
    await asyncio.to_thread(server.kill)
    down = await stage.wait(0.0, 2.0)
    await asyncio.to_thread(server.start)
    return f"down {down:.1f} s"


async def pause_process(stage: Stage, name: str) -> str:
    """SIGSTOP past the lease or the session, then SIGCONT: it wakes up believing what was."""
    cluster = stage.cluster
    past = LEASE_S if name in GATEWAYS or cluster.kafka is None else SESSION_S
    cluster.pause(name)
    try:
        asleep = await stage.wait(past + 0.5, past + 2.5)
    finally:
        cluster.resume(name)
    return f"asleep {asleep:.1f} s"


async def cut_database(stage: Stage, name: str) -> str:
    """Every connection of one process to the database ends; new ones are refused for a while."""
    proxy = stage.cluster.database[name]
    proxy.down = stage.chance.random() < 0.5
    count = proxy.cut_all()
    down = await stage.wait(0.2, 2.0)
    proxy.down = False
    return f"{count // 2} connections, {down:.1f} s"


async def cut_commit(stage: Stage, name: str) -> str:
    """The connection ends between COMMIT and its reply."""
    proxy = stage.cluster.database[name]
    proxy.cut_next("reply", is_commit)
    before, until = proxy.cuts, time.monotonic() + COMMIT_WAIT_S
    while proxy.cuts == before and time.monotonic() < until:  # noqa: ASYNC110 - it only counts
        await asyncio.sleep(0.02)
    return "no commit came" if proxy.cut_none() else "its reply was lost"


def is_commit(chunk: bytes) -> bool:
    """Whether these bytes ask the database to commit a group: its leaves are in it, or COMMIT."""
    return b'{"v":1,"k":"' in chunk or b"COMMIT;" in chunk


async def cut_kafka(stage: Stage, name: str) -> str:
    """One process loses Kafka: cut off with a word, or a cable pulled."""
    proxy = stage.cluster.carriers[name]
    silent = stage.chance.random() < 0.5
    if silent:
        proxy.hold()
    else:
        proxy.down = True
        proxy.cut_all()
    try:
        down = await stage.wait(0.5, 4.0)
    finally:
        proxy.down = False
        proxy.pass_on()
    return f"{'silent' if silent else 'refused'} {down:.1f} s"


async def delay(stage: Stage, name: str) -> str:
    """Everything between one process and the engines arrives late."""
    proxies = [stage.cluster.database[name], *filter(None, [stage.cluster.carriers.get(name)])]
    late = stage.chance.uniform(*DELAY_S)
    for proxy in proxies:
        proxy.delay_s = late
    try:
        lasting = await stage.wait(*DELAY_FOR_S)
    finally:
        for proxy in proxies:
            proxy.delay_s = 0.0
    return f"{late * 1000:.0f} ms for {lasting:.1f} s"


KAFKA: Final = frozenset({"kafka"})
POSTGRES: Final = frozenset({"postgres"})
COMMON: Final = (
    Fault("kill gateway", 5, kill_process, GATEWAYS),
    Fault("kill deliverer", 5, kill_process, DELIVERERS),
    Fault("kill provider", 3, kill_process, (*WEB_PROVIDERS, OFFICE)),
    Fault("kill kafka", 2, kill_kafka, ("kafka",), KAFKA),
    Fault("kill postgres", 3, kill_postgres, ("postgres",), POSTGRES, alone=True),
    Fault("stop gateway", 2, pause_process, GATEWAYS),
    Fault("stop deliverer", 2, pause_process, DELIVERERS),
    Fault("cut database", 4, cut_database, PROCESSES),
    Fault("cut commit reply", 6, cut_commit, PROCESSES),
    Fault("cut kafka", 3, cut_kafka, PROCESSES, KAFKA),
    Fault("delay", 3, delay, PROCESSES),
)
