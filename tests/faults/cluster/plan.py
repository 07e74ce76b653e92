"""Which faults a run makes, in which order and which together: told by the seed alone.

Each kind that this engine has comes once before any comes again, when there are enough of them.
"""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from tests.faults.cluster.faults import Fault
from tests.faults.cluster.upheavals import FAULTS

TOGETHER_SHARE: Final = 0.3
"""How often a second fault comes while the first lasts."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault, on one victim."""

    fault: Fault
    victim: str


def possible(there: Collection[str]) -> list[Fault]:
    """The kinds of which everything is there."""
    return [one for one in FAULTS if one.needs <= set(there)]


def plan(count: int, there: Collection[str], chance: random.Random) -> Iterator[list[Planned]]:
    """``count`` faults, one or two at a time; two are never on the same victim."""
    kinds = possible(there)
    drawn = chance.sample(kinds, k=len(kinds))[:count]
    drawn += chance.choices(kinds, [one.weight for one in kinds], k=count - len(drawn))
    queue = [Planned(one, chance.choice(one.victims)) for one in drawn]
    while queue:
        first = queue.pop(0)
        second = _companion(first, queue) if chance.random() < TOGETHER_SHARE else None
        if second is not None:
            queue.remove(second)
        yield [first] if second is None else [first, second]


def _companion(first: Planned, queue: list[Planned]) -> Planned | None:
    if first.fault.alone:
        return None
    fit = (one for one in queue if not one.fault.alone and one.victim != first.victim)
    return next(fit, None)
