"""P6, P9 and many clients: does an exchange cost the same when everything else is large?

    python benchmarks/scale.py --entries 1000 100000 --rounds 5
    python benchmarks/scale.py --entries 10000000        # about an hour and a quarter to fill

Two buses side by side, a small one and a large one, loaded by turns; the figure is the median of
the rounds' ratios of CPU an exchange. The log is filled through the front door, by exchanges like
those that are measured, since a shorter way would leave other rows behind.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from benchmarks import goals, report
from benchmarks.directories import Size, fill_directory
from benchmarks.goals import Figure, cut
from benchmarks.legs import Leg
from benchmarks.processes import DidNotStart
from benchmarks.stage import RunFailed, Stage, embedded

CONCURRENCY: Final = 32
ENTRIES_OF_AN_EXCHANGE: Final = 2
CHUNK_S: Final = 5.0
SETTLE_S: Final = 1.0
CLIENTS: Final = 1_000
CLIENTS_OF_A_SYSTEM: Final = 25  # a bus lets each system wait for 64 answers at once
SIZE: Final = Size()


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


def fill_log(on: Stage, entries: int) -> int:
    """Exchange until the log holds so many entries; how many it holds, but for its first few."""
    held = 0
    while held < entries:
        missing = (entries - held) / ENTRIES_OF_AN_EXCHANGE
        rate = max(leg_rate(on), 1.0)
        leg = on.leg("bus", CONCURRENCY, min(CHUNK_S, max(0.2, missing / rate)), 0)
        held += leg.count * ENTRIES_OF_AN_EXCHANGE
        print(f"  {held:,} of {entries:,} entries, {leg.cpu_us():.0f} µs", flush=True)
    return held


def leg_rate(on: Stage) -> float:
    """What the bus of a stage is expected to do, in exchanges a second."""
    return max(on.targets["bus"].rates.values(), default=1_000.0)


def long_log(entries: Sequence[int], rounds: int, seconds: float) -> Figure:
    """P6: the largest ratio of the lengths asked for, each against a log that is short."""
    told, worst = [], 0.0
    with embedded() as small, embedded() as large:
        held = 0
        for wanted in sorted(entries):
            held += fill_log(large, wanted - held)
            pairs = compared(small, large, rounds, seconds)
            ratio = cost_ratio(pairs)
            worst = max(worst, ratio)
            told.append(f"{cut(ratio)} from {held:,}")
            print(f"log of {held:,} entries: {cut(ratio)}", flush=True)
            # What was measured has made the log longer too.
            held += ENTRIES_OF_AN_EXCHANGE * sum(leg.count for _, leg in pairs)
    return Figure("P6", worst, "; ".join(told), peer="a short log, by turns")


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
    try:
        clients = many_clients(args.clients, args.seconds)
        figures = [
            long_log(args.entries, args.rounds, args.seconds),
            large_directory(size, args.rounds, args.seconds),
        ]
    except (DidNotStart, RunFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(goals.table(figures)))
    found = {"goals": goals.as_json(figures), "clients": clients}
    path = report.write("scale", {**found, "surroundings": report.surroundings()})
    print(path.relative_to(path.parents[2]))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Cost of an exchange in a large bus")
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--systems", type=int, default=SIZE.systems)
    parser.add_argument("--grants", type=int, default=SIZE.grants)
    parser.add_argument("--schemas", type=int, default=SIZE.schemas)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
