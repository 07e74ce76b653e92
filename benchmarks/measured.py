"""From legs to the figures of the goals, each with what it was held against.

Owns which legs make which figure. Refuses a figure whose load may have been the limit.
"""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from benchmarks.goals import Figure, cut
from benchmarks.legs import ITSELF, Leg, added_p50_ms, client_bound, ratios, row
from benchmarks.rounds import ACCEPTING

FSYNCS_ON_PATH: Final = 4  # two commits, two marks
P4_PART: Final = 0.5
OPEN: Final = "cluster, open loop"
ALONE: Final = "postgres alone"
NAMES: Final = {
    "bus": "Sealway, embedded",
    "proxy": "plain proxy (FastAPI + aiohttp)",
    "direct": "direct call, nothing between",
    ACCEPTING: "Sealway, embedded, accepting only",
    "cluster": "Sealway, 2 + 2 processes, Kafka",
    ALONE: "Sealway, 2 + 2 processes, no Kafka",
    OPEN: "2 + 2 processes, open loop, half its rate",
    "rabbitmq": "RabbitMQ, persistent confirmed RPC",
    "nats": "NATS JetStream, on disk but not synced",
}


def of_embedded(legs: Sequence[Leg], concurrency: int, fsyncs_us: Sequence[float]) -> list[Figure]:
    """P1, P2 and P5 from the embedded rounds."""
    bound = client_bound(legs, ("bus", "proxy"), concurrency)
    each = ratios(legs, "bus", "proxy", concurrency)
    cpu_us = row(legs, "bus", concurrency).cpu_us[ITSELF]
    told = f"rounds {', '.join(cut(one) for one in each)}"
    p1 = Figure("P1", median(each), told, peer=NAMES["proxy"])
    if bound:
        p1 = Figure("P1", None, f"client-bound: {', '.join(bound)}", peer=NAMES["proxy"])
    return [p1, Figure("P1 CPU", cpu_us), _p2(legs, fsyncs_us), _p5(legs, concurrency)]


def _p2(legs: Sequence[Leg], fsyncs_us: Sequence[float]) -> Figure:
    each = added_p50_ms(legs, "bus", "direct")
    beyond = [
        added - FSYNCS_ON_PATH * sync / 1000 for added, sync in zip(each, fsyncs_us, strict=True)
    ]
    note = f"{median(each):.2f} ms with {FSYNCS_ON_PATH} fsyncs of {median(fsyncs_us):.0f} µs"
    return Figure("P2", max(0.0, median(beyond)), note, peer=NAMES["direct"])


def _p5(legs: Sequence[Leg], concurrency: int) -> Figure:
    accepted = row(legs, ACCEPTING, concurrency)
    cpu_us = accepted.cpu_us[ITSELF]
    note = f"{accepted.rate:,.0f}/s as measured; per core = 1 / {cpu_us:.0f} µs of CPU"
    if accepted.is_client_bound:
        return Figure("P5", None, "client-bound")
    if not cpu_us:
        return Figure("P5", None, "too short a run for the kernel's clock")
    return Figure("P5", 1e6 / cpu_us, note)


def of_cluster(legs: Sequence[Leg], concurrency: int) -> list[Figure]:
    """P3 and, where there are legs of it, P4."""
    if not any(leg.target == "rabbitmq" for leg in legs):
        figures = [Figure("P3", None, "RabbitMQ was not here")]
    elif bound := client_bound(legs, ("cluster", "rabbitmq"), concurrency):
        figures = [Figure("P3", None, f"client-bound: {', '.join(bound)}")]
    else:
        each = ratios(legs, "cluster", "rabbitmq", concurrency)
        told = f"rounds {', '.join(cut(one) for one in each)}"
        figures = [Figure("P3", median(each), told, peer=NAMES["rabbitmq"])]
    if any(leg.target == OPEN for leg in legs):
        opened = row(legs, OPEN, concurrency)
        note = f"{opened.rate:,.0f}/s, p50 {opened.p50_ms:.1f} ms, from when each was due"
        figures.append(Figure("P4", opened.p99_ms, note))
    return figures


def leg_json(leg: Leg) -> dict[str, Any]:
    """A leg as it is written, with its rate."""
    return {**asdict(leg), "rate": leg.rate}


def exchanged(legs: Sequence[Leg]) -> str:
    """How much went over buses, and how much of it was checked."""
    mine = [leg for leg in legs if leg.target in ("bus", "cluster", OPEN, ALONE, "bus swept")]
    count, checked = sum(leg.count for leg in mine), sum(leg.checked for leg in mine)
    return f"{count:,} exchanges over the bus, {checked} checked with their receipts, 0 failed"
