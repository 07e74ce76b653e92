"""From measured costs to machines: what so many exchanges a day need, and what breaks first.

    python benchmarks/model.py                          # the figures that the page was written with
    python benchmarks/model.py benchmarks/results/bench-….json --exchanges 10e6 --machines 3

Owns arithmetic only: costs come from a benchmark's JSON, and what no benchmark measures is an
`Assumption` with a reason. Every answer is a capacity beside a need, so that one can see which of
them is the first to be short.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

DAY_S: Final = 86_400
GIB: Final = 2**30
GROUP_S: Final = 0.003
"""From a group's begin to its mark: two fsyncs of a server's disk and a round trip."""


@dataclass(frozen=True, slots=True)
class Costs:
    """µs of CPU an exchange by role, on the cluster; what an audit does in a second of a core."""

    gateways_us: float
    deliverers_us: float
    postgres_us: float
    kafka_us: float
    audited_per_s: float
    entry_bytes: float
    """What an entry takes in the database: message, rows, indexes, leaf, hashes."""

    @property
    def bus_us(self) -> float:
        """All of it but the engines."""
        return self.gateways_us + self.deliverers_us


MEASURED: Final = Costs(710, 620, 130, 240, 6_000, 4_700)
"""Used where no JSON is given; docs/scaling.md says of which run."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What no benchmark here measures, each with its reason."""

    peak: float = 4.0
    """The busiest hour against the mean: offices are open for a third of the day."""
    cores: int = 16
    """Of one machine, bus and engines together; an ordinary server."""
    used_most: float = 0.5
    """Of a core at peak: beyond it latency grows, and a machine may be down."""
    lost: int = 1
    """Machines that may be down at peak."""
    disk_mb_per_s: float = 500.0
    """That one disk writes at peak, of which the write-ahead log is half."""
    copies: int = 3
    """Of Kafka's records; of the database, the primary and two standbys."""
    kafka_days: float = 1.0
    """Kafka carries; the database keeps."""
    days: int = 90
    """Payloads are erased after it; leaves stay (docs/how-to/retention.md)."""
    leaf_bytes: int = 350
    """What stays of an entry for ever: its leaf, its row's narrow part, its hash."""
    group_entries: int = 100
    """Of a commit at peak, of 256 at most."""
    database_entries_per_s: float = 25_000
    """That one PostgreSQL primary commits in groups: 36 µs a row, seen on two shared cores."""
    partition_entries_per_s: float = 2_000
    """That one partition's reader takes while it fetches in turn."""


@dataclass(frozen=True, slots=True)
class Need:
    """One resource: how much is needed at peak, how much there is; above 1 it is short."""

    name: str
    needed: float
    there: float
    unit: str
    remedy: str

    @property
    def load(self) -> float:
        """The part that is used."""
        return self.needed / self.there


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many exchanges a day come to."""

    exchanges_day: float
    machines: int
    peak_per_s: float
    cells: int
    """Buses that don't share a database, each with its members; 1 is the ordinary case."""
    shards: int
    partitions: int
    kept_gib: float
    for_ever_gib_year: float
    kafka_gib: float
    commits_per_s: float
    audit_core_hours_day: float
    needs: tuple[Need, ...]

    @property
    def first(self) -> Need:
        """What is used most: it breaks first."""
        return max(self.needs, key=lambda need: need.load)

    @property
    def holds(self) -> bool:
        """Whether there is enough of everything."""
        return self.first.load <= 1


def plan(
    exchanges_day: float, machines: int, costs: Costs = MEASURED, given: Assumptions | None = None
) -> Plan:
    """Work it out; two messages, and so two entries, an exchange."""
    a = given or Assumptions()
    peak = exchanges_day / DAY_S * a.peak
    entries = 2 * peak
    cells = max(1, math.ceil(entries / (a.database_entries_per_s * a.used_most)))
    process_per_s = 1e6 * a.used_most / costs.bus_us
    processes = math.ceil(peak / process_per_s)
    day_bytes = 2 * exchanges_day * costs.entry_bytes
    groups = entries / a.group_entries
    return Plan(
        exchanges_day=exchanges_day,
        machines=machines,
        peak_per_s=peak,
        cells=cells,
        shards=max(processes + a.lost, math.ceil(groups * GROUP_S)),
        partitions=_partitions(entries, processes, a),
        kept_gib=day_bytes * a.days * a.copies / GIB,
        for_ever_gib_year=2 * exchanges_day * 365 * a.leaf_bytes * a.copies / GIB,
        kafka_gib=day_bytes * a.kafka_days * a.copies / GIB,
        commits_per_s=groups,
        audit_core_hours_day=2 * exchanges_day / costs.audited_per_s / 3_600,
        needs=_needs(peak, machines, cells, costs, a),
    )


def _partitions(entries: float, processes: int, a: Assumptions) -> int:
    """A power of two, at least one for each process that reads."""
    wanted = max(entries / a.partition_entries_per_s, processes, 1)
    return 1 << math.ceil(math.log2(wanted))


def _needs(
    peak: float, machines: int, cells: int, costs: Costs, a: Assumptions
) -> tuple[Need, ...]:
    cores = max(0.0, machines - a.lost) * a.cores * a.used_most or 1e-9
    cpu_us = costs.bus_us + costs.postgres_us + costs.kafka_us * a.copies
    rows = a.database_entries_per_s * a.used_most
    written = 2 * peak * costs.entry_bytes * 2 / 1e6
    return (
        Need("cores", peak * cpu_us / 1e6, cores, "cores", "more machines; then the profile"),
        Need(
            "one database's commits",
            2 * peak / cells,
            rows,
            "entries/s",
            f"{cells + 1} buses side by side, members dealt out among them",
        ),
        Need(
            "writing to one disk",
            written / cells,
            a.disk_mb_per_s,
            "MB/s",
            "as for the database's commits",
        ),
    )


def costs_of(found: Mapping[str, Any]) -> Costs:
    """The costs in a benchmark's JSON: medians of the cluster's runs, P7, bytes on disk.

    Raises:
        KeyError: the run had no cluster, or no audit.
    """
    legs = [leg for leg in found["legs"] if leg["target"] == "cluster" and leg["round"] > 0]
    if not legs:
        raise KeyError("the run had no cluster")

    def us(role: str) -> float:
        return float(median(leg["cpu_s"].get(role, 0.0) / leg["count"] * 1e6 for leg in legs))

    audited = found["goals"]["P7"]["value"]
    return Costs(
        us("gateways"),
        us("deliverers"),
        us("postgres"),
        us("kafka"),
        float(audited),
        float(found["entry_bytes"]),
    )


def table(plans: Sequence[Plan]) -> list[str]:
    """The plans side by side, in Markdown; `docs/scaling.md` holds one."""
    rows = [
        ("exchanges a day", [f"{p.exchanges_day:,.0f}" for p in plans]),
        ("machines", [f"{p.machines:,}" for p in plans]),
        ("exchanges a second at peak", [f"{p.peak_per_s:,.0f}" for p in plans]),
        ("buses side by side", [f"{p.cells}" for p in plans]),
        ("traffic logs (shards)", [f"{p.shards:,}" for p in plans]),
        ("partitions of each topic", [f"{p.partitions:,}" for p in plans]),
        ("commits a second", [f"{p.commits_per_s:,.0f}" for p in plans]),
        ("database, 90 days, 3 copies", [f"{p.kept_gib / 1024:,.1f} TiB" for p in plans]),
        ("what stays for ever, a year", [f"{p.for_ever_gib_year / 1024:,.1f} TiB" for p in plans]),
        ("Kafka, 1 day, 3 copies", [f"{p.kafka_gib / 1024:,.2f} TiB" for p in plans]),
        ("core hours to audit a day", [f"{p.audit_core_hours_day:,.1f}" for p in plans]),
    ]
    for index in range(len(plans[0].needs)):
        used = [f"{p.needs[index].load:.0%}" for p in plans]
        rows.append((f"{plans[0].needs[index].name}: used at peak", used))
    rows.append(("breaks first", [p.first.name for p in plans]))
    lines = ["| " + " | ".join((name, *values)) + " |" for name, values in rows]
    return [lines[0], "|" + "---|" * (len(plans) + 1), *lines[1:]]


STORY: Final = ((10e6, 3), (100e6, 8), (1e9, 80))


def story(costs: Costs = MEASURED, given: Assumptions | None = None) -> list[Plan]:
    """The plans that docs/scaling.md tells of."""
    return [plan(exchanges, machines, costs, given) for exchanges, machines in STORY]


def main() -> int:
    """Print the plans; exit 1 when one doesn't hold."""
    parser = argparse.ArgumentParser(description="Machines for so many exchanges a day")
    parser.add_argument("results", type=Path, nargs="?", help="JSON of `make bench`")
    parser.add_argument("--exchanges", type=float, help="a day")
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--peak", type=float, default=Assumptions().peak)
    args = parser.parse_args()
    costs = costs_of(json.loads(args.results.read_text("utf-8"))) if args.results else MEASURED
    given = replace(Assumptions(), peak=args.peak)
    plans = story(costs, given)
    if args.exchanges:
        plans = [plan(args.exchanges, args.machines, costs, given)]
    print("\n".join(table(plans)))
    for one in plans:
        need = one.first
        print(
            f"{one.exchanges_day:,.0f} a day: {need.name} {need.load:.0%} used"
            f" ({need.needed:,.1f} of {need.there:,.1f} {need.unit}); then: {need.remedy}"
        )
    return 0 if all(one.holds for one in plans) else 1


if __name__ == "__main__":
    sys.exit(main())
