"""`make bench-quick`: P1 of the performance goals, the bus against a plain proxy in one run.

    python benchmarks/quick.py --rounds 5 --seconds 3.5

Rounds of proxy, bus, direct call, each at concurrency 32 and at 1, so that whatever else the
machine does falls on all alike; the median of the rounds' ratios is the figure. Every 100th answer
is checked: signature, parts, receipt. Exits with 0 when the ratio is 0.25 or more.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import figures
from benchmarks.figures import Leg
from benchmarks.processes import DidNotStart
from benchmarks.stage import RESULTS, RunFailed, Stage, stage

CONCURRENCY: Final = 32
WARM_S: Final = 1.5
ALONE_S: Final = 0.6
"""Seconds of a run at concurrency 1: some hundred exchanges, enough for a median."""
FSYNCS: Final = 50


def main() -> int:
    """Run, print, write the JSON; the exit code says whether the floor held."""
    args = _arguments().parse_args()
    began_s = time.monotonic()
    try:
        with stage(args.alg) as on:
            _show_surroundings(on, args.alg)
            around = _surroundings(on, args.alg)
            legs = measure(on, args.rounds, args.seconds, args.concurrency)
    except (DidNotStart, RunFailed) as error:
        print(error, file=sys.stderr)
        print("bench-quick: P1 not measured")
        return 1
    print("\n".join(figures.table(legs, args.concurrency)))
    path = _write(figures.as_json(legs, args.concurrency, around))
    print(f"{path.relative_to(path.parents[2])}, after {time.monotonic() - began_s:.0f} s")
    return _conclude(legs, args.concurrency)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The bus against a plain proxy, in one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.5, help="of each run at full load")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY)
    parser.add_argument("--alg", choices=("ES256", "Ed25519"), default="ES256")
    return parser


def measure(on: Stage, rounds: int, seconds: float, concurrency: int) -> list[Leg]:
    """Warm everything up, then go round; the rounds' legs in the order they were run."""
    for target in figures.TARGETS:
        on.leg(target, concurrency, min(WARM_S, seconds), 0)
    legs = []
    for number in range(1, rounds + 1):
        legs += [
            on.leg("proxy", concurrency, seconds, number),
            on.leg("bus", concurrency, seconds, number),
            on.leg("direct", concurrency, seconds / 3, number),
            *(on.leg(target, 1, min(ALONE_S, seconds), number) for target in figures.TARGETS),
        ]
        bus, proxy = legs[-5], legs[-6]
        print(
            f"round {number}: bus {bus.rate:,.0f}/s, proxy {proxy.rate:,.0f}/s,"
            f" ratio {bus.rate / proxy.rate:.2f}",
            flush=True,
        )
    return legs


def _show_surroundings(on: Stage, alg: str) -> None:
    durability = on.ready.get("durability", {})
    if durability.get("synchronous") not in ("FULL", "EXTRA"):
        raise RunFailed(f"The bus doesn't sync its commits: {durability}. Nothing to measure.")
    told = ", ".join(f"{name} {value}" for name, value in sorted(durability.items()))
    print(f"durability as read back: {told}")
    print(f"fsync here: {_fsync_us(on.country.folder):.0f} µs; keys of the consumer: {alg}")


def _surroundings(on: Stage, alg: str) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "fsync_us": _fsync_us(on.country.folder),
        "durability": on.ready.get("durability", {}),
        "alg": alg,
    }


def _fsync_us(folder: Path) -> float:
    """What a synced append of a page costs on the disk that the bus uses."""
    took = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4_096))
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began_s)
    path.unlink()
    return median(took) * 1e6


def _write(found: dict[str, Any]) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = RESULTS / f"quick-{stamp}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return path


def _conclude(legs: Sequence[Leg], concurrency: int) -> int:
    ratio = figures.p1(legs, concurrency)
    cpu_us = figures.row(legs, "bus", concurrency).cpu_us
    checked = sum(leg.checked for leg in legs if leg.target == "bus")
    exchanges = sum(leg.count for leg in legs if leg.target == "bus")
    print(f"{exchanges:,} exchanges over the bus, {checked} checked with their receipts, 0 failed")
    print(f"CPU of the bus: {cpu_us:.0f} µs an exchange of {figures.CPU_GOAL_US:.0f}")
    if ratio < figures.FLOOR:
        print(f"P1 is below {figures.FLOOR:.2f}: not done", file=sys.stderr)
    elif ratio < figures.GOAL:
        print(f"P1 is below its goal of {figures.GOAL:.2f}", file=sys.stderr)
    print(f"bench-quick: P1 {figures.shown(ratio)} of {figures.GOAL:.2f}")
    return 0 if ratio >= figures.FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
