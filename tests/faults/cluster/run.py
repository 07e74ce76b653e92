"""A cluster under load, with faults of every kind; then count what was lost, doubled or forked.

Called by ``python tests/faults/run.py --engine kafka`` (or ``database``). A row for each fault;
ends with one line of figures; answers whether everything held.
"""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.cluster.breaks import DATABASE, EVIDENCE, break_database
from tests.faults.cluster.engines import EngineMissing, Engines, engines
from tests.faults.cluster.evidence import FAULTS
from tests.faults.cluster.faults import Stage
from tests.faults.cluster.inflight import InFlight
from tests.faults.cluster.load import DISTURBED
from tests.faults.cluster.network import CONSUMERS
from tests.faults.cluster.office import OFFICE
from tests.faults.cluster.plan import Planned, plan
from tests.faults.cluster.running import Cluster, NotReady
from tests.faults.cluster.site import (
    GATEWAYS,
    NAMES,
    PROCESSES,
    WEB_PROVIDERS,
    ClusterSite,
    make_cluster_site,
    process_environment,
)
from tests.faults.cluster.watch import WATCH
from tests.faults.journal import Journal
from tests.faults.site import ROOT

PHASE_S: Final = 5.0
"""How long healthy services are measured without, and then with, those that are not."""
WARM_S: Final = 2.0
BETWEEN_S: Final = (0.2, 1.2)
TAKEN_S: Final = 45.0
"""How long after a fault the next message may be taken at the latest."""
LOADS: Final = tuple(f"load-{NAMES[system]}" for system in CONSUMERS)
FINISH_S: Final = 120.0
"""How long senders may take to get an outcome for what they began."""
EXIT_MISSING: Final = 3
BROKEN_SETTLE_S: Final = 1
"""How long to wait for what was broken to come right by itself."""


@dataclass(slots=True)
class Tally:
    """What the faults hit."""

    faults: int = 0
    in_flight: int = 0


class Run:
    """One run on one cluster."""

    def __init__(self, there: Engines, faults: int, seed: int) -> None:
        self.site = there.site
        self.cluster = Cluster(there.site, there.postgres, there.kafka)
        self.seed = seed
        self.chance = random.Random(seed)
        self.planned = [*plan(faults, there.there, self.chance)]
        self.tally = Tally()
        self._flying = InFlight(*(self.site.journal(name) for name in LOADS))

    async def work(self) -> None:
        """Start everybody, measure, do the worst, let all end well, ask, stop."""
        cluster = self.cluster
        await cluster.migrate()
        await cluster.start_all(self.seed)
        self._start_loads()
        await self._measure()
        stage = Stage(cluster, self.chance, Journal(self.site.journal(FAULTS)))
        for batch in self.planned:
            await asyncio.sleep(self.chance.uniform(*BETWEEN_S))
            await self._do(stage, batch)
        for name in LOADS:
            self._ended_well(name, await cluster.stop(name, FINISH_S))
        await ask(self.site)
        for name in (WATCH, OFFICE, *WEB_PROVIDERS, *PROCESSES):
            self._ended_well(name, await cluster.stop(name))

    def _start_loads(self) -> None:
        folder = str(self.site.folder)
        self.cluster.start(WATCH, "-m", "tests.faults.cluster.watch", folder)
        for number, system in enumerate(CONSUMERS):
            words = [folder, system, GATEWAYS[number % len(GATEWAYS)], str(self.seed + number)]
            self.cluster.start(LOADS[number], "-m", "tests.faults.cluster.load", *words)

    async def _measure(self) -> None:
        """Note the moments between which healthy services are alone, and then aren't."""
        await self._taken_since(time.monotonic())
        await asyncio.sleep(WARM_S)
        moments = {"calm": (began := time.monotonic(), began + PHASE_S)}
        await asyncio.sleep(PHASE_S)
        (self.site.folder / DISTURBED).touch()
        await asyncio.sleep(WARM_S)
        moments["disturbed"] = (began := time.monotonic(), began + PHASE_S)
        await asyncio.sleep(PHASE_S)
        (self.site.folder / "phases.json").write_text(json.dumps(moments))

    async def _do(self, stage: Stage, batch: list[Planned]) -> None:
        calls, messages = self._flying.at(time.monotonic())
        self.tally.in_flight += calls
        began = time.monotonic()
        told = await asyncio.gather(*(one.fault.do(stage, one.victim) for one in batch))
        for one, text in zip(batch, told, strict=True):
            self.tally.faults += 1
            stage.journal.write("fault", name=one.fault.name, victim=one.victim, began=began)
            print(
                f"{self.tally.faults:4} {one.fault.name:<16} {one.victim:<12} {text:<40}"
                f" {calls} calls in flight, {messages} messages without an outcome",
                flush=True,
            )
        ended = time.monotonic()
        for name in (OFFICE, *WEB_PROVIDERS):
            if self.cluster.revive(name, self.seed):
                print(f"       {name} had ended by itself, and was started again", flush=True)
        await self.cluster.wait_ready(*PROCESSES)
        await self._taken_since(ended)
        print(
            f"       {ended - began:5.1f} s, well {time.monotonic() - ended:.1f} s later",
            flush=True,
        )

    async def _taken_since(self, moment: float) -> None:
        """Wait until a message was taken. Raises NotReady."""
        while self._flying.taken_at <= moment:
            if time.monotonic() > moment + TAKEN_S:
                raise NotReady(f"nothing was accepted for {TAKEN_S:.0f} s")
            await asyncio.sleep(0.1)
            self._flying.at(time.monotonic())

    def _ended_well(self, name: str, code: int) -> None:
        if code != 0:
            raise NotReady(f"{name} ended with {code}; see {name}.log")


async def ask(site: ClusterSite, *words: str) -> None:
    """Ask the running bus about every message, in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.cluster.asking", str(site.folder), *words]
    environment = process_environment(site)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
    if await process.wait() != 0:
        raise NotReady("asking the bus about its messages failed")


def check(site: ClusterSite, *words: str) -> tuple[bool, dict[str, Any]]:
    """Judge a stopped run, in a process of its own; whether all is well, and the figures."""
    command = [sys.executable, "-m", "tests.faults.cluster.check", str(site.folder), *words]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=process_environment(site),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines, "the checker itself failed"
    print("\n".join(lines[:-1]), flush=True)
    return done.returncode == 0, json.loads(lines[-1])


async def run_cluster(
    folder: Path, engine: str, faults: int, seed: int, broken: list[str]
) -> tuple[bool, str]:
    """One run; whether everything held, and the last line."""
    async with engines(folder, engine) as there:
        await asyncio.to_thread(make_cluster_site, there.site)
        for line in (*(f"engine: {one}" for one in there.names), *there.left_out):
            print(f"  {line}", flush=True)
        run = Run(there, faults, seed)
        async with run.cluster:
            await run.work()
            held, found = await asyncio.to_thread(check, run.site)
            tell(found)
            for name in broken:
                held, found = await break_and_check(run, name)
    last = (
        f"faults: {run.tally.faults} faults, {run.tally.in_flight} in flight,"
        f" {found['receipts']} receipts, {found['lost']} lost, {found['double']} double,"
        f" {found['fork']} forks"
    )
    return held, last


async def break_and_check(run: Run, name: str) -> tuple[bool, dict[str, Any]]:
    """Break a stopped run in one way and judge it again; only a broken database is put right."""
    if name in EVIDENCE:
        EVIDENCE[name].do(run.site)
        sort = EVIDENCE[name].sort
        held, found = await asyncio.to_thread(check, run.site, "again")
    else:
        sort = DATABASE[name].sort
        async with put_right_after(run.cluster):
            await break_database(run.site, DATABASE[name])
            for gateway in GATEWAYS:
                run.cluster.start_bus(gateway)
            await run.cluster.wait_ready(*GATEWAYS)
            await ask(run.site, str(BROKEN_SETTLE_S))
            for gateway in GATEWAYS:
                await run.cluster.stop(gateway)
            held, found = await asyncio.to_thread(check, run.site)
    seen = "seen" if not held and found[sort] else "NOT SEEN"
    print(f"  break {name}: {seen}: {found[sort]} {sort}", flush=True)
    return held, found


@asynccontextmanager
async def put_right_after(cluster: Cluster) -> AsyncIterator[None]:
    """Whatever is done to the database and the marks meanwhile is undone."""
    server, state = cluster.postgres, cluster.site.bus / "state"
    assert server is not None, "the named database is not ours to break"
    kept = state.with_name("state-kept")
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.keep)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(shutil.copytree, state, kept)
    yield
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.put_back)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(shutil.rmtree, state)
    await asyncio.to_thread(kept.rename, state)


def tell(found: dict[str, Any]) -> None:
    """The figures besides the last line's."""
    slower = "not measured" if found["ratio"] is None else f"{found['ratio']:.2f} times"
    print(
        f"  {found['messages']} messages, {found['unknown']} unknown to their senders,"
        f" {found['refused']} refused, {found['shown_lost']} receipts shown-lost,"
        f" {found['calls']} calls, {found['logs']} logs; {found['states']}\n"
        f"  healthy services beside slow, failing and hanging ones: {slower} the median latency"
        f" ({found['measured'][1]} against {found['measured'][0]} exchanges)",
        flush=True,
    )


def main(folder: Path, engine: str, faults: int, seed: int, broken: list[str]) -> int:
    """One run from the command line; 0 when everything held."""
    try:
        held, last = asyncio.run(run_cluster(folder, engine, faults, seed, broken))
    except EngineMissing as missing:
        print(f"faults: {missing}")
        return EXIT_MISSING
    except NotReady as why:
        print(f"faults: the run broke off: {why}")
        return 2
    print(last)
    return 0 if held else 1
