"""From runs to figures: medians, the ratio, what they cost, and how they are shown.

Owns arithmetic and the table. Refuses to measure. Invariant: a ratio is taken within one round,
between runs that followed each other, and the median of the rounds' ratios is reported.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

GOAL: Final = 0.40
FLOOR: Final = 0.25
CPU_GOAL_US: Final = 620.0
CLIENT_CORE_MAX: Final = 0.60
TARGETS: Final = ("bus", "proxy", "direct")

_NAMES: Final = {
    "bus": "Sealway, embedded",
    "proxy": "plain proxy (FastAPI + aiohttp)",
    "direct": "direct call, nothing between",
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One run against one target; CPU in seconds over the run, by process."""

    target: str
    concurrency: int
    round: int
    count: int
    failed: int
    checked: int
    took_s: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float
    target_cpu_s: float
    provider_cpu_s: float

    @property
    def rate(self) -> float:
        """Exchanges a second."""
        return self.count / self.took_s

    @property
    def client_core(self) -> float:
        """The part of one core that the load's process used."""
        return self.client_cpu_s / self.took_s


@dataclass(frozen=True, slots=True)
class Row:
    """One target at one concurrency: medians of its legs."""

    target: str
    concurrency: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    provider_cpu_us: float
    client_cpu_us: float
    client_core: float

    @property
    def is_client_bound(self) -> bool:
        """Whether the load used so much of a core that it may have been the limit."""
        return self.client_core > CLIENT_CORE_MAX


def row(legs: Sequence[Leg], target: str, concurrency: int) -> Row:
    """The medians of a target's legs at one concurrency."""
    mine = [leg for leg in legs if (leg.target, leg.concurrency) == (target, concurrency)]
    assert mine, f"no leg of {target} at {concurrency}"

    def per_exchange_us(cpu: str) -> float:
        return float(median(getattr(leg, cpu) / max(1, leg.count) * 1e6 for leg in mine))

    return Row(
        target,
        concurrency,
        rate=median(leg.rate for leg in mine),
        p50_ms=median(leg.p50_ms for leg in mine),
        p99_ms=median(leg.p99_ms for leg in mine),
        cpu_us=per_exchange_us("target_cpu_s") if target != "direct" else 0.0,
        provider_cpu_us=per_exchange_us("provider_cpu_s"),
        client_cpu_us=per_exchange_us("client_cpu_s"),
        client_core=median(leg.client_core for leg in mine),
    )


def ratios(legs: Sequence[Leg], concurrency: int) -> list[float]:
    """The bus's rate over the proxy's, round by round."""
    rates = {(leg.round, leg.target): leg.rate for leg in legs if leg.concurrency == concurrency}
    rounds = sorted({number for number, _ in rates})
    return [rates[number, "bus"] / rates[number, "proxy"] for number in rounds]


def p1(legs: Sequence[Leg], concurrency: int) -> float:
    """P1: the median of the rounds' ratios."""
    return median(ratios(legs, concurrency))


def shown(ratio: float) -> str:
    """A ratio with two digits, never rounded up over a limit that it doesn't reach."""
    return f"{math.floor(ratio * 100 + 1e-9) / 100:.2f}"


def table(legs: Sequence[Leg], concurrency: int, alone: int = 1) -> list[str]:
    """The lines that a person reads; ``alone`` is the concurrency of the unhurried runs."""
    titles = ("", "p50 at 1", f"at {concurrency}", "p50", "p99", "itself", "provider", "client")
    lines = ["{:32} {:>9}  {:>9} {:>8} {:>8}  CPU µs: {:>6} {:>8} {:>7}".format(*titles)]
    for target in TARGETS:
        many, one = row(legs, target, concurrency), row(legs, target, alone)
        own = f"{many.cpu_us:14.0f}" if many.cpu_us else f"{'–':>14}"
        lines.append(
            f"{_NAMES[target]:32} {one.p50_ms:6.2f} ms  {many.rate:7,.0f}/s"
            f" {many.p50_ms:5.1f} ms {many.p99_ms:5.1f} ms  {own} {many.provider_cpu_us:8.0f}"
            f" {many.client_cpu_us:7.0f}{'  client-bound' if many.is_client_bound else ''}"
        )
    return lines


def as_json(legs: Sequence[Leg], concurrency: int, surroundings: dict[str, Any]) -> dict[str, Any]:
    """What is written beside the table, for whoever draws the history."""
    rows = [asdict(row(legs, target, many)) for target in TARGETS for many in (concurrency, 1)]
    found = {
        "goal": GOAL,
        "ratio": p1(legs, concurrency),
        "ratios": ratios(legs, concurrency),
        "bus_cpu_us": row(legs, "bus", concurrency).cpu_us,
        "bus_cpu_goal_us": CPU_GOAL_US,
        "client_bound": any(
            row(legs, target, concurrency).is_client_bound for target in ("bus", "proxy")
        ),
    }
    return {
        "P1": found,
        "surroundings": surroundings,
        "rows": rows,
        "legs": [asdict(leg) for leg in legs],
    }
