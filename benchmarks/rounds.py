"""Rounds: the runs whose figures are held against each other, in the order that makes it fair.

Owns which target follows which. Everything is warmed up first; each round runs each target once
at each concurrency, so that whatever else the machine does falls on all alike.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.legs import Leg
from benchmarks.messages import ACCEPT
from benchmarks.outside import fsync_us
from benchmarks.stage import Stage

WARM_S: Final = 1.5
ALONE_S: Final = 0.6
"""Seconds of a run at concurrency 1: some hundred exchanges, enough for a median."""
ACCEPTING: Final = "accepting"
"""What runs of the bus are called that only hand messages in."""


def embedded_rounds(
    on: Stage, rounds: int, seconds: float, concurrency: int
) -> tuple[list[Leg], list[float]]:
    """Proxy, bus, direct call, the bus accepting, then each alone; the rounds' legs in order.

    With them, for each round, the µs of a synced append right before the runs at concurrency 1.
    """
    for target in on.targets:
        on.leg(target, concurrency, min(WARM_S, seconds), 0)
    accepting(on, min(WARM_S, seconds) / 2, 0)
    legs: list[Leg] = []
    fsyncs_us: list[float] = []
    for number in range(1, rounds + 1):
        proxy = on.leg("proxy", concurrency, seconds, number)
        bus = on.leg("bus", concurrency, seconds, number)
        legs += [proxy, bus, on.leg("direct", concurrency, seconds / 3, number)]
        fsyncs_us.append(fsync_us(on.country.folder))
        legs += [on.leg(target, 1, min(ALONE_S, seconds), number) for target in on.targets]
        legs.append(accepting(on, seconds / 3, number))
        print(
            f"round {number}: bus {bus.rate:,.0f}/s, proxy {proxy.rate:,.0f}/s,"
            f" ratio {bus.rate / proxy.rate:.2f}",
            flush=True,
        )
    return legs, fsyncs_us


def accepting(on: Stage, seconds: float, number: int, concurrency: int = 32) -> Leg:
    """One run that hands messages in for a mailbox, and waits for nothing but the receipt."""
    return on.leg("bus", concurrency, seconds, number, kind=ACCEPT, label=ACCEPTING)


def peer_rounds(
    on: Stage, targets: Sequence[str], rounds: int, seconds: float, concurrency: int
) -> list[Leg]:
    """Each target in turn, round by round; and once each alone for the latency of one."""
    for target in targets:
        on.leg(target, concurrency, min(WARM_S, seconds), 0)
    legs: list[Leg] = []
    for number in range(1, rounds + 1):
        legs += [on.leg(target, concurrency, seconds, number) for target in targets]
        told = ", ".join(f"{leg.target} {leg.rate:,.0f}/s" for leg in legs[-len(targets) :])
        print(f"round {number}: {told}", flush=True)
    return legs


def alone(on: Stage, targets: Iterable[str], rounds: int, seconds: float) -> list[Leg]:
    """Runs at concurrency 1."""
    return [
        on.leg(target, 1, seconds, number) for number in range(1, rounds + 1) for target in targets
    ]


def sweep(
    on: Stage, targets: Sequence[str], concurrencies: Iterable[int], seconds: float
) -> list[Leg]:
    """One run of each target at each concurrency, to see where more stops helping."""
    return [
        on.leg(target, many, seconds, 1, label=f"{target} swept")
        for many in concurrencies
        for target in targets
    ]
