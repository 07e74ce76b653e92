"""`make bench`: every figure of the goals next to its peer, in one invocation.

    python benchmarks/bench.py --rounds 5 --seconds 3

Embedded against the plain proxy and the direct call, with a sweep of concurrencies; PostgreSQL
alone; Kafka + PostgreSQL against RabbitMQ and NATS JetStream, closed loop and open; AS2; the
audit; imports and starts; logs and directories that are large. Takes some ten minutes. Prints one
table and writes JSON; exits with 0 when nothing failed, whatever was reached.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks import goals, legs, measured, outside, report, scale
from benchmarks.cluster import EngineMissing, cluster
from benchmarks.directories import Size
from benchmarks.goals import Figure
from benchmarks.processes import DidNotStart, python
from benchmarks.quick import CLUSTER_CONCURRENCY, Quick
from benchmarks.rounds import peer_rounds, sweep
from benchmarks.stage import RunFailed, Stage

SWEPT: Final = (1, 4, 16, 48)  # a bus lets one system wait for 64 answers at once
ENTRIES: Final = (1_000, 20_000)
P8_NOTE: Final = "attachments beyond one part have not landed"


class Full(Quick):
    """What the quick run does, and the rest."""

    def __init__(self, rounds: int, seconds: float) -> None:
        super().__init__(rounds, seconds)
        self.as2_us: float | None = None
        self.clients: dict[str, Any] = {}

    def after_embedded(self, on: Stage) -> None:
        """The sweep, before the bus is stopped and audited."""
        self.legs += sweep(on, ("proxy", "bus"), SWEPT, self.seconds / 2)

    def starts(self) -> None:
        """P10, the other half."""
        self.figures.append(outside.starting())

    def postgres_alone(self) -> None:
        """The same two gateways and two deliverers without Kafka: no goal, a row of the table."""
        with cluster(with_kafka=False, without=("rabbitmq", "nats")) as (on, _):
            self._saw("PostgreSQL alone", on.durability)
            on.targets = {"cluster": on.targets["cluster"]}
            for number in range(self.rounds + 1):
                leg = on.leg(
                    "cluster", CLUSTER_CONCURRENCY, self.seconds, number, label=measured.ALONE
                )
                self.legs += [leg] if number else []

    def cluster(self) -> None:
        """P3 and P4, with RabbitMQ and NATS in the same rounds."""
        with cluster() as (on, left_out):
            self._saw("Kafka + PostgreSQL", on.durability)
            print("\n".join(left_out), end="\n" if left_out else "")
            seconds, many = self.seconds, CLUSTER_CONCURRENCY
            found = peer_rounds(on, list(on.targets), self.rounds, seconds, many)
            rate = legs.row(found, "cluster", many).rate * measured.P4_PART
            found += [
                on.leg("cluster", many, seconds, number, rate=rate, label=measured.OPEN)
                for number in range(1, self.rounds + 1)
            ]
        self.legs += found
        self.figures += measured.of_cluster(found, many)

    def on_engines(self) -> None:
        """PostgreSQL alone, then with Kafka; an engine that isn't here leaves P3 and P4 open."""
        try:
            self.postgres_alone()
            self.cluster()
        except EngineMissing as missing:
            self.figures += [Figure(goal, None, str(missing)) for goal in ("P3", "P4")]

    def as2(self) -> None:
        """CPU of an AS2 message with its receipt, where its library installs and runs."""
        run = outside.ran(python("benchmarks.peers.as2", "--seconds", "2"))
        if run.code != 0:
            print(f"as2 is left out: {run.out.strip().splitlines()[-1]}")
            return
        self.as2_us = float(json.loads(run.out)["cpu_us"])

    def scale(self) -> None:
        """P6, P9 and a thousand clients."""
        self.clients = scale.many_clients(scale.CLIENTS, self.seconds)
        self.figures.append(scale.long_log(ENTRIES, self.rounds, self.seconds))
        self.figures.append(scale.large_directory(Size(), self.rounds, self.seconds))

    def as_json(self) -> dict[str, Any]:
        """With what only the whole run has."""
        more = {"as2_cpu_us": self.as2_us, "clients": self.clients}
        return {**super().as_json(), **more}


def main() -> int:
    """Run everything; what can't be had here says so in its line."""
    parser = argparse.ArgumentParser(description="Every figure next to its peer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run at full load")
    args = parser.parse_args()
    began_s, run = time.monotonic(), Full(args.rounds, args.seconds)
    parts = (run.validation, run.embedded, run.imports, run.starts, run.as2, run.scale)
    failed = [part.__name__ for part in (*parts, run.on_engines) if not _held(part)]
    run.figures.append(Figure("P8", None, P8_NOTE))
    print("\n".join(legs.table(run.rows(), measured.NAMES)))
    if run.as2_us:
        print(f"AS2 message with signed receipt: {run.as2_us:,.0f} µs of CPU at both ends, no HTTP")
    print()
    print("\n".join(goals.table(sorted(run.figures, key=goals.order))))
    print("\n".join(run.told()))
    path = report.write("bench", run.as_json())
    print(measured.exchanged(run.legs))
    print(f"{path.relative_to(path.parents[2])}, after {time.monotonic() - began_s:.0f} s")
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    print(goals.last_line("bench", run.figures))
    return 1 if failed else 0


def _held(part: Callable[[], None]) -> bool:
    """Carry out a part; one that fails leaves its figures out, and the others go on."""
    try:
        part()
    except (DidNotStart, RunFailed) as error:
        print(f"{part.__name__}: {error}", file=sys.stderr, flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
