"""Kill the bus at random moments under load, start it again, and count what was lost or doubled.

    python tests/faults/run.py --n 100 --seed 7

A kill counts only when calls were in flight at that moment; each row says how many. Ends with one
line of figures; exit code 0 only when nothing was lost, nothing doubled, and the load was heavy
enough. ``--break NAME`` breaks the stopped bus before the check, which must then fail.

With ``--engine kafka`` or ``database`` it is a cluster of processes on PostgreSQL, with Kafka or
without, and faults of every kind: see ``tests/faults/cluster``.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.breaks import BREAKS, keep_earlier
from tests.faults.journal import read_journal
from tests.faults.processes import Crowd, serve, wait_ready
from tests.faults.site import Site, apply_network, make_site, with_egress

ENGINES: Final = ("embedded", "kafka", "database")
SENDS_PER_S_MIN: Final = 50
UP_S: Final = (0.1, 0.75)
"""How long the bus lives between being ready and being killed."""
EARLY_SHARE: Final = 0.1
"""Of the kills, how many more fall into the start itself; they count for nothing."""


IDLE_MAX: Final = 10
"""So many kills with nothing in flight, and one more for each that counts, are bad luck."""
BROKEN_SETTLE_S: Final = 1
"""How long to wait for what was broken to come right by itself."""


@dataclass(slots=True)
class Tally:
    """What the kills hit."""

    kills: int = 0
    in_flight: int = 0
    lives: list[tuple[float, float]] = field(default_factory=list)
    """From being ready to being killed."""


class Run:
    """One run in one folder."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self.site = make_site(folder)
        with_egress(self.site)
        self.kills = kills
        self.seed = seed
        self.chance = random.Random(seed)
        self.tally = Tally()

    def work(self, crowd: Crowd) -> None:
        """Start everybody, kill, start again, let the load finish, stop."""
        site, folder = self.site, str(self.site.folder)
        bus = serve(crowd, site)
        wait_ready(site, bus)
        apply_network(site)
        crowd.start("letters", "-m", "tests.faults.letters", folder, str(self.seed))
        office = crowd.start("office", "-m", "tests.faults.office", folder)
        load = crowd.start("load", "-m", "tests.faults.load", folder, str(self.seed))
        self._wait_for_load(load)
        bus = self._kill_all(crowd, bus)
        assert crowd.stop(load) == 0, "the load failed; see load.log"
        check(site, "api")
        assert crowd.stop(office) == 0, "the office failed; see office.log"
        assert crowd.stop(bus) == 0, "the bus did not stop cleanly; see serve.log"

    def _wait_for_load(self, load: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + 20
        while not any(one["event"] == "receipt" for one in self._load()):
            assert load.poll() is None, "the load failed; see load.log"
            assert time.monotonic() < until, "nothing was accepted; see serve.log"
            time.sleep(0.1)

    def _kill_all(self, crowd: Crowd, bus: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
        tally, ready = self.tally, time.monotonic()
        while tally.kills < self.kills:
            idle = len(tally.lives) - tally.kills
            assert idle <= IDLE_MAX + self.kills, "the load doesn't get through; see load.jsonl"
            up_s = self.chance.uniform(*UP_S)
            time.sleep(max(0.0, ready + up_s - time.monotonic()))
            killed = crowd.kill(bus)
            self.tally.lives.append((ready, killed))
            self._row(killed, killed - ready)
            if len(self.tally.lives) == 1:
                keep_earlier(self.site)
            bus = self._start_again(crowd)
            ready = time.monotonic()
        return bus

    def _start_again(self, crowd: Crowd) -> "subprocess.Popen[bytes]":
        bus = serve(crowd, self.site)
        if self.chance.random() < EARLY_SHARE:
            after_s = self.chance.uniform(0.3, 1.5)
            time.sleep(after_s)
            crowd.kill(bus)
            print(f"     killed {after_s:.2f} s into its start; not counted", flush=True)
            bus = serve(crowd, self.site)
        wait_ready(self.site, bus)
        return bus

    def _row(self, killed: float, up_s: float) -> None:
        calls, exchanges = in_flight(self._load(), killed)
        counts = "" if calls else "; nothing in flight, not counted"
        if calls:
            self.tally.kills += 1
            self.tally.in_flight += calls
        print(
            f"{self.tally.kills:4} killed {up_s:.2f} s after it was ready:"
            f" {calls} calls in flight, {exchanges} messages without an outcome{counts}",
            flush=True,
        )

    def _load(self) -> Iterator[dict[str, Any]]:
        return read_journal(self.site.journal("load"))

    def sends_per_s(self) -> float:
        """Sends that got their reply while the bus was up, a second of that time."""
        times = [one["at"] for one in self._load() if one["event"] in ("receipt", "answer")]
        lives = self.tally.lives
        replies = sum(any(start <= at <= end for start, end in lives) for at in times)
        return replies / sum(end - start for start, end in lives)


def in_flight(lines: Iterator[dict[str, Any]], at: float) -> tuple[int, int]:
    """Calls without a reply at a moment, and messages without an outcome."""
    calls: set[str] = set()
    messages: set[str] = set()
    for line in lines:
        if line["at"] > at:
            break
        if line["event"] == "made":
            messages.add(line["id"])
        elif line["event"] == "sent":
            calls.add(line["id"])
        elif "id" in line:
            calls.discard(line["id"])
            if line["event"] in ("receipt", "answer", "refused"):
                messages.discard(line["id"])
    return len(calls), len(messages)


def check(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the checker, a process of its own."""
    from tests.faults.site import ROOT, environment

    command = [sys.executable, "-m", "tests.faults.check", str(site.folder), *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(site.bus), stdout=subprocess.PIPE, text=True, check=False
    )
    assert words == ("copy",) or done.returncode == 0, "the checker itself failed"
    return done


def check_copy(site: Site) -> tuple[bool, dict[str, Any]]:
    """Copy the stopped data and judge; whether all is well, and the figures."""
    copy = site.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(site.bus / "data", copy)
    done = check(site, "copy")
    lines = done.stdout.splitlines()
    print("\n".join(lines[:-1]))
    return done.returncode == 0, json.loads(lines[-1])


def break_and_check(site: Site, name: str) -> tuple[bool, dict[str, Any]]:
    """Break a stopped site, start the bus on it, and check everything again."""
    BREAKS[name].do(site)
    if not BREAKS[name].asks:
        return check_copy(site)
    with Crowd(site) as crowd:
        bus = serve(crowd, site)
        wait_ready(site, bus)
        check(site, "api", str(BROKEN_SETTLE_S))
        crowd.stop(bus)
    return check_copy(site)


@contextmanager
def folder_of(keep: Path | None) -> Iterator[Path]:
    """A folder for the run, gone afterwards unless it is to be kept."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="sealway-faults-") as folder:
        yield Path(folder)


def options(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="what it runs on")
    parser.add_argument("--n", type=int, default=30, help="kills that count, or faults")
    parser.add_argument("--seed", type=int, help="of the moments; a new one is printed")
    parser.add_argument("--keep", type=Path, help="a new folder to leave everything in")
    parser.add_argument("--break", dest="broken", help="what to break; on a cluster, with commas")
    asked = parser.parse_args(words)
    broken = asked.broken.split(",") if asked.broken else []
    known = tuple(BREAKS) if asked.engine == ENGINES[0] else cluster_breaks(asked.engine)
    if not set(broken) <= set(known) or (asked.engine == ENGINES[0] and len(broken) > 1):
        parser.error(f"--break takes {', '.join(known)}")
    return asked


def cluster_breaks(engine: str) -> tuple[str, ...]:
    """The ways to break a cluster's run; they need the server's libraries."""
    from tests.faults.cluster.breaks import BREAKS as KNOWN

    return KNOWN[engine]


def on_cluster(asked: argparse.Namespace, seed: int) -> int:
    """One run on Postgres, with Kafka or without."""
    from tests.faults.cluster.run import main as run_on

    print(f"faults: {asked.n} faults on {asked.engine}, SEED={seed}", flush=True)
    broken = asked.broken.split(",") if asked.broken else []
    with folder_of(asked.keep) as folder:
        return run_on(folder.resolve(), asked.engine, asked.n, seed, broken)


def main(words: list[str]) -> int:
    """One run; 0 when everything held."""
    asked = options(words)
    seed = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(3), "big")
    if asked.engine != ENGINES[0]:
        return on_cluster(asked, seed)
    print(f"faults: {asked.n} kills, SEED={seed}", flush=True)
    with folder_of(asked.keep) as folder:
        run = Run(folder.resolve(), asked.n, seed)
        with Crowd(run.site) as crowd:
            run.work(crowd)
        held, found = check_copy(run.site)
        if asked.broken:
            held, found = break_and_check(run.site, asked.broken)
        rate = run.sends_per_s()
    print(f"  {found['messages']} messages, {rate:.0f} a second while it was up; {found['states']}")
    if rate < SENDS_PER_S_MIN:
        print(f"  too few sends: {rate:.0f} a second, at least {SENDS_PER_S_MIN}")
    print(
        f"faults: {run.tally.kills} kills, {run.tally.in_flight} in flight,"
        f" {found['receipts']} receipts, {found['lost']} lost, {found['double']} double"
    )
    return 0 if held and rate >= SENDS_PER_S_MIN else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
