"""From runs to rows: medians, ratios within a round, CPU of each process, and their table.

Owns the arithmetic of runs. Refuses to measure, and to use a run whose load may have been the
limit. Invariant: a ratio is taken within one round, between runs that followed each other, and the
median of the rounds' ratios is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from benchmarks.histogram import Histogram

CLIENT_CORE_MAX: Final = 0.60
ITSELF: Final = "itself"
"""The role of the target's own processes, among those whose CPU is taken down."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One run against one target; CPU in seconds over the run, by role."""

    target: str
    concurrency: int
    round: int
    count: int
    failed: int
    checked: int
    took_s: float
    client_cpu_s: float
    cpu_s: dict[str, float]
    latencies: list[tuple[int, int]] = field(repr=False)
    rate_wanted: float | None = None
    peak_mib: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Exchanges a second."""
        return self.count / self.took_s

    @property
    def client_core(self) -> float:
        """The part of one core that the load's process used."""
        return self.client_cpu_s / self.took_s

    @property
    def histogram(self) -> Histogram:
        """The latencies of this run."""
        return Histogram.from_json(self.latencies)

    def cpu_us(self, role: str = ITSELF) -> float:
        """µs of CPU that a role used for each exchange."""
        return self.cpu_s.get(role, 0.0) / max(1, self.count) * 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One target at one concurrency: medians of its runs, latencies of all of them."""

    target: str
    concurrency: int
    rate: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    cpu_us: dict[str, float]
    client_cpu_us: float
    client_core: float
    peak_mib: dict[str, float]

    @property
    def is_client_bound(self) -> bool:
        """Whether the load used so much of a core that it may have been the limit."""
        return self.client_core > CLIENT_CORE_MAX


def row(legs: Sequence[Leg], target: str, concurrency: int) -> Row:
    """The figures of a target's runs at one concurrency."""
    mine = _of(legs, target, concurrency)
    assert mine, f"no run of {target} at {concurrency}"
    together = sum((leg.histogram for leg in mine), Histogram())
    roles = {role for leg in mine for role in leg.cpu_s}
    return Row(
        target,
        concurrency,
        rate=median(leg.rate for leg in mine),
        p50_ms=median(leg.histogram.quantile_ms(0.5) for leg in mine),
        p99_ms=together.quantile_ms(0.99),
        p999_ms=together.quantile_ms(0.999),
        cpu_us={role: median(leg.cpu_us(role) for leg in mine) for role in sorted(roles)},
        client_cpu_us=median(leg.client_cpu_s / max(1, leg.count) * 1e6 for leg in mine),
        client_core=median(leg.client_core for leg in mine),
        peak_mib={
            role: max(leg.peak_mib.get(role, 0.0) for leg in mine) for role in mine[0].peak_mib
        },
    )


def ratios(legs: Sequence[Leg], target: str, peer: str, concurrency: int) -> list[float]:
    """A target's rate over its peer's, round by round."""
    rates = {(leg.round, leg.target): leg.rate for leg in legs if leg.concurrency == concurrency}
    rounds = sorted({leg.round for leg in _of(legs, target, concurrency)})
    return [rates[number, target] / rates[number, peer] for number in rounds]


def added_p50_ms(legs: Sequence[Leg], target: str, peer: str) -> list[float]:
    """What a target adds to its peer's p50 at concurrency 1, round by round."""
    p50 = {
        (leg.round, leg.target): leg.histogram.quantile_ms(0.5)
        for leg in legs
        if leg.concurrency == 1
    }
    rounds = sorted({leg.round for leg in _of(legs, target, 1)})
    return [p50[number, target] - p50[number, peer] for number in rounds]


def client_bound(legs: Sequence[Leg], targets: Sequence[str], concurrency: int) -> list[str]:
    """Which of these targets the load may have limited: their figures are not used."""
    return [name for name in targets if row(legs, name, concurrency).is_client_bound]


def table(rows: Sequence[Row], names: dict[str, str]) -> list[str]:
    """The lines that a person reads."""
    titles = ("at once", "rate", "p50", "p99", "p99.9", "CPU µs an exchange")
    lines = ["{:40} {:>7} {:>9} {:>9} {:>9} {:>9}  {}".format("", *titles)]
    for one in rows:
        cpu = ", ".join(f"{role} {us:.0f}" for role, us in one.cpu_us.items())
        bound = "  client-bound" if one.is_client_bound else ""
        lines.append(
            f"{names.get(one.target, one.target):40} {one.concurrency:7} {one.rate:7,.0f}/s"
            f" {one.p50_ms:6.2f} ms {one.p99_ms:6.1f} ms {one.p999_ms:6.1f} ms"
            f"  {cpu}, client {one.client_cpu_us:.0f}{bound}"
        )
    return lines


def _of(legs: Sequence[Leg], target: str, concurrency: int) -> list[Leg]:
    return [leg for leg in legs if (leg.target, leg.concurrency) == (target, concurrency)]
