"""`make bench-quick`: P1, P2, P3, P5, P7 and P10 of the goals, in under two minutes.

    python benchmarks/quick.py --rounds 5 --seconds 1.6 --without cluster

Rounds of proxy, bus, direct call, each at concurrency 32 and at 1; the bus's folder audited; the
SDK imported; rounds of the cluster and RabbitMQ. Every 100th answer is checked: signature, parts,
receipt. Exits with 0 when P1 was measured and is 0.25 or more.
"""

import argparse
import sys
import time
from statistics import median
from typing import Any, Final

from benchmarks import goals, legs, measured, outside, report, validation
from benchmarks.cluster import EngineMissing, cluster
from benchmarks.goals import Figure
from benchmarks.legs import Leg
from benchmarks.processes import DidNotStart
from benchmarks.rounds import embedded_rounds, peer_rounds
from benchmarks.stage import RunFailed, Stage, embedded

CONCURRENCY: Final = 32
CLUSTER_CONCURRENCY: Final = 64
CLUSTER_S: Final = 1.2
FLOOR: Final = 0.25


class Quick:
    """One run: figures and legs as they come in."""

    def __init__(self, rounds: int, seconds: float, alg: str = "ES256") -> None:
        self.rounds, self.seconds, self._alg = rounds, seconds, alg
        self.figures: list[Figure] = []
        self.legs: list[Leg] = []
        self.durability: dict[str, Any] = {}
        self.fsync_us = 0.0
        self.entry_bytes = 0.0
        self.validation_us = 0.0

    def embedded(self) -> None:
        """P1, P2, P5 against the plain proxy and the direct call; then P7 on what that left."""
        with embedded(self._alg) as on:
            self._saw("embedded", on.durability)
            found, fsyncs_us = embedded_rounds(on, self.rounds, self.seconds, CONCURRENCY)
            self.fsync_us = median(fsyncs_us)
            print(f"fsync here: {self.fsync_us:.0f} µs; keys of the consumer: {self._alg}")
            self.legs += found
            self.figures += measured.of_embedded(found, CONCURRENCY, fsyncs_us)
            self.after_embedded(on)
            on.stop_bus()
            audited = outside.audit(on.country)
            self.figures += audited
            self.entry_bytes = outside.entry_bytes(on.country, audited[0].count)

    def after_embedded(self, on: Stage) -> None:
        """What else a run does with the embedded bus before it is stopped: nothing here."""

    def validation(self) -> None:
        """The 2 kB message against its schema."""
        self.validation_us = validation.validation_us()

    def told(self) -> list[str]:
        """Lines below the table, for whoever looks for one figure."""
        lines = outside.fsck_lines(self.figures)
        return [*lines, validation.line(self.validation_us)] if self.validation_us else lines

    def imports(self) -> None:
        """P10."""
        self.figures.append(outside.imports())

    def cluster(self) -> None:
        """P3 against RabbitMQ."""
        try:
            with cluster(without=("nats",)) as (on, left_out):
                self._saw("Kafka + PostgreSQL", on.durability)
                print("\n".join(left_out), end="\n" if left_out else "")
                seconds = min(self.seconds, CLUSTER_S)
                found = peer_rounds(on, list(on.targets), self.rounds, seconds, CLUSTER_CONCURRENCY)
        except EngineMissing as missing:
            self.figures.append(Figure("P3", None, str(missing)))
            return
        self.legs += found
        self.figures += measured.of_cluster(found, CLUSTER_CONCURRENCY)

    def _saw(self, what: str, durability: dict[str, str]) -> None:
        self.durability[what] = durability
        print(f"durability as read back, {what}: {report.told(durability)}", flush=True)

    def rows(self) -> list[legs.Row]:
        """A row for each target and concurrency, in the order they were first run."""
        pairs = dict.fromkeys((leg.target, leg.concurrency) for leg in self.legs)
        return [legs.row(self.legs, *pair) for pair in pairs]

    def as_json(self) -> dict[str, Any]:
        """What is written beside the tables."""
        return {
            "goals": goals.as_json(self.figures),
            "surroundings": {
                **report.surroundings(),
                "fsync_us": self.fsync_us,
                "durability": self.durability,
                "alg": self._alg,
            },
            "entry_bytes": self.entry_bytes,
            "validation_us": self.validation_us,
            "legs": [measured.leg_json(leg) for leg in self.legs],
        }


def main() -> int:
    """Run, print, write the JSON; the exit code says whether the floor held."""
    args = _arguments().parse_args()
    began_s = time.monotonic()
    run = Quick(args.rounds, args.seconds, args.alg)
    try:
        run.validation()
        run.embedded()
        if "imports" not in args.without:
            run.imports()
        if "cluster" not in args.without:
            run.cluster()
    except (DidNotStart, RunFailed) as error:
        print(error, file=sys.stderr)
        print(goals.last_line("bench-quick", run.figures))
        return 1
    print("\n".join(legs.table(run.rows(), measured.NAMES)))
    print()
    print("\n".join(goals.table(sorted(run.figures, key=goals.order))))
    print("\n".join(run.told()))
    path = report.write("quick", run.as_json())
    print(measured.exchanged(run.legs))
    print(f"{path.relative_to(path.parents[2])}, after {time.monotonic() - began_s:.0f} s")
    print(goals.last_line("bench-quick", run.figures))
    p1 = next(figure.value for figure in run.figures if figure.goal == "P1")
    return 0 if p1 is not None and p1 >= FLOOR else 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The bus against its peers, in one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.6, help="of each run at full load")
    parser.add_argument("--alg", choices=("ES256", "Ed25519"), default="ES256")
    parser.add_argument("--without", nargs="*", choices=("cluster", "imports"), default=[])
    return parser


if __name__ == "__main__":
    sys.exit(main())
