"""P6, P9 and many clients: does an exchange cost the same when everything else is large?

    python benchmarks/scale.py --entries 1000 100000 --rounds 5
    python benchmarks/scale.py --entries 1000 100000 1000000 10000000    # 50 GB of disk

Two buses side by side, a small one and a large one, loaded by turns; the figure is the median of
the rounds' ratios of CPU an exchange. A log is lengthened while its bus is stopped (`filling.py`),
after exchanges that went through the front door; then both buses start anew.
"""

import argparse
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from benchmarks import goals, report
from benchmarks.directories import Size, fill_directory
from benchmarks.goals import Figure, cut
from benchmarks.legs import ITSELF, Leg
from benchmarks.processes import ROOT, DidNotStart, python
from benchmarks.stage import RunFailed, Stage, embedded, start_bus, wait_until_ready
from exchange.storage.sqlite.connection import FILE_NAME as DATABASE

CONCURRENCY: Final = 32
REAL_S: Final = 0.2  # some hundred exchanges through the front door, for the others to be like
IDLE_DISK: Final = ("ionice", "-c3") if shutil.which("ionice") else ()
SETTLE_S: Final = 1.0
CLIENTS: Final = 1_000
CLIENTS_OF_A_SYSTEM: Final = 25  # a bus lets each system wait for 64 answers at once
SIZE: Final = Size()
PARTS: Final = ("clients", "log", "directory")


def compared(small: Stage, large: Stage, rounds: int, seconds: float) -> list[tuple[Leg, Leg]]:
    """Runs of both by turns; who goes first changes with each round. Round 0 warms up."""
    pairs = []
    for number in range(rounds + 1):
        order = (small, large) if number % 2 else (large, small)
        legs = {
            id(on): on.leg("bus", CONCURRENCY, seconds if number else SETTLE_S, number)
            for on in order
        }
        pairs.append((legs[id(small)], legs[id(large)]))
    return pairs


def cost_ratio(pairs: Sequence[tuple[Leg, Leg]]) -> float:
    """CPU an exchange in the large one over the small one: the median of the rounds from 1 on."""
    return median(large.cpu_us() / small.cpu_us() for small, large in pairs if small.round)


def lengthen(large: Stage, entries: int) -> int:
    """Make the stopped bus's log so long, as far as the disk has room; how many it holds then.

    Raises:
        RunFailed: it could not be filled.
    """
    missing = entries - log_size(large)
    if missing > 1:
        folder = str(large.country.folder)
        command = python("benchmarks.filling", folder, "--entries", str(missing))
        if subprocess.run([*IDLE_DISK, *command], cwd=ROOT, check=False).returncode != 0:
            raise RunFailed("The log could not be filled.")
    return log_size(large)


def log_size(on: Stage) -> int:
    """How many entries the traffic log of a stopped bus holds."""
    database = on.country.folder / "data" / DATABASE
    with closing(sqlite3.connect(database)) as connection:
        (size,) = connection.execute("SELECT size FROM log_shard WHERE shard = 1").fetchone()
    return int(size)


def start_again(stack: ExitStack, on: Stage) -> float:
    """Start a stopped bus; seconds until it was ready."""
    began_s = time.perf_counter()
    bus, log = start_bus(stack, on.country, "serve")
    wait_until_ready(bus, on.country.port, log)
    took_s = time.perf_counter() - began_s
    on.bus[:] = [bus]
    target = on.targets["bus"]
    target.roles = {**target.roles, ITSELF: [bus.pid]}
    return took_s


def long_log(entries: Sequence[int], rounds: int, seconds: float) -> Figure:
    """P6: the largest ratio of the lengths asked for, each against a log that is short."""
    told, worst = [], 0.0
    with embedded() as small, embedded() as large, ExitStack() as stack:
        for on in (small, large):
            on.leg("bus", CONCURRENCY, REAL_S, 0)
        for wanted in sorted(entries):
            for on in (small, large):
                on.stop_bus()
            held = lengthen(large, wanted)
            started_s = [start_again(stack, on) for on in (small, large)]
            pairs = compared(small, large, rounds, seconds)
            ratio = cost_ratio(pairs)
            worst = max(worst, ratio)
            told.append(f"{cut(ratio)} from {held:,}")
            print("\n".join(_told(held, started_s, pairs)), flush=True)
    return Figure("P6", worst, "; ".join(told), peer="a short log, by turns")


def _told(held: int, started_s: Sequence[float], pairs: Sequence[tuple[Leg, Leg]]) -> list[str]:
    """What a length of log came to; small before large."""
    measured = [pair for pair in pairs if pair[0].round]
    each = sorted(cost_ratio([pair]) for pair in measured)
    us, mib, p50_ms = (
        [median(of(leg) for leg in legs) for legs in zip(*measured, strict=True)]
        for of in (Leg.cpu_us, _peak_mib, _p50_ms)
    )
    spread = f"rounds from {cut(each[0])} to {cut(each[-1])}"
    costs = (
        f"{us[0]:.0f}, {us[1]:.0f} µs of CPU an exchange; p50 {p50_ms[0]:.1f}, {p50_ms[1]:.1f} ms"
    )
    began = f"ready after {started_s[0]:.2f}, {started_s[1]:.2f} s"
    return [
        f"log of {held:,} entries: {cut(cost_ratio(pairs))} ({spread})",
        f"  short, long: {costs}; {mib[0]:.0f}, {mib[1]:.0f} MiB; {began}",
    ]


def _peak_mib(leg: Leg) -> float:
    return leg.peak_mib[ITSELF]


def _p50_ms(leg: Leg) -> float:
    return leg.histogram.quantile_ms(0.5)


def large_directory(size: Size, rounds: int, seconds: float) -> Figure:
    """P9: two systems among many against two systems alone."""
    with embedded() as small, embedded() as large:
        changes = fill_directory(large.country, size)
        pairs = compared(small, large, rounds, seconds)
    told = ", ".join(f"{value:,} {name}" for name, value in asdict(size).items())
    note = f"{told}, {changes:,} changes; the load is between two systems"
    return Figure("P9", cost_ratio(pairs), note, peer="a directory of two systems, by turns")


def many_clients(clients: int, seconds: float) -> dict[str, Any]:
    """So many clients at once, each with a connection of its own, of several systems.

    Raises:
        RunFailed: one of them got anything but its answer.
    """
    with embedded(consumers=max(1, clients // CLIENTS_OF_A_SYSTEM)) as on:
        on.leg("bus", CONCURRENCY, SETTLE_S, 0)
        leg = on.leg("bus", clients, seconds, 1)
    p99_ms = leg.histogram.quantile_ms(0.99)
    print(
        f"{clients:,} clients: {leg.count:,} exchanges, {leg.failed} failed,"
        f" {leg.rate:,.0f}/s, p99 {p99_ms:,.0f} ms, peak {leg.peak_mib['itself']:.0f} MiB"
    )
    return {"clients": clients, "count": leg.count, "failed": leg.failed, "p99_ms": p99_ms}


def main() -> int:
    """Run what was asked for; exit 0 when nothing failed."""
    args = _arguments().parse_args()
    size = Size(args.systems, args.grants, args.schemas)
    figures: list[Figure] = []
    found: dict[str, Any] = {}
    try:
        if "clients" in args.parts:
            found["clients"] = many_clients(args.clients, args.seconds)
        if "log" in args.parts:
            figures.append(long_log(args.entries, args.rounds, args.seconds))
        if "directory" in args.parts:
            figures.append(large_directory(size, args.rounds, args.seconds))
    except (DidNotStart, RunFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(goals.table(figures)))
    found |= {"goals": goals.as_json(figures), "surroundings": report.surroundings()}
    path = report.write("scale", found)
    print(path.relative_to(path.parents[2]))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Cost of an exchange in a large bus")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--systems", type=int, default=SIZE.systems)
    parser.add_argument("--grants", type=int, default=SIZE.grants)
    parser.add_argument("--schemas", type=int, default=SIZE.schemas)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
