"""The goals P1–P10, the figures measured against them, and how both are shown.

Owns the numbers to reach. Refuses to round a figure up to a goal that it doesn't reach.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

NOT_YET: Final = "not yet"
RATIO_MOST: Final = 9.99
"""What is shown of a ratio beyond it: a figure near zero has no other."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure to reach; ``more`` says whether a higher figure is a better one."""

    id: str
    title: str
    value: float
    unit: str = ""
    more: bool = True

    def reached(self, figure: float) -> float:
        """The figure against the goal: 1 or more is reached, whichever way it goes."""
        if self.more:
            return min(RATIO_MOST, figure / self.value)
        return min(RATIO_MOST, self.value / figure) if figure > 0 else RATIO_MOST


GOALS: Final = {
    goal.id: goal
    for goal in (
        Goal("P1", "embedded at 32, rate against the plain proxy", 0.40),
        Goal("P1 CPU", "the same, CPU of the bus an exchange", 620, "µs", more=False),
        Goal("P2", "embedded at 1, p50 above the direct call beyond fsyncs", 1.0, "ms", more=False),
        Goal("P3", "Kafka + PostgreSQL at 64, rate against RabbitMQ RPC", 0.45),
        Goal("P4", "the same, p99 at half its rate, open loop", 50, "ms", more=False),
        Goal("P5", "embedded, accepting only, per core", 3_000, "/s"),
        Goal("P6", "cost in a long log against a short one", 1.15, "×", more=False),
        Goal("P7", "audit verify with signatures, entries per core", 8_000, "/s"),
        Goal("P7 tree", "the tree only, entries per core", 150_000, "/s"),
        Goal("P8", "memory above idle while 5 GiB pass", 64, "MiB", more=False),
        Goal("P9", "cost in a large directory against a small one", 1.10, "×", more=False),
        Goal("P10", "import of the SDK against import httpx", 1.60, "×", more=False),
        Goal("P10 start", "start of sealway serve to ready", 1.5, "s", more=False),
    )
}
IN_LAST_LINE: Final = ("P1", "P2", "P3", "P5", "P7", "P10")


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured for a goal, or why nothing was; ``peer`` is what it was held against."""

    goal: str
    value: float | None
    note: str = ""
    peer: str = ""
    count: int = 0
    """Of how many entries it speaks, where that matters."""
    peak_mib: float = 0.0
    """The most memory that the program held, where that matters."""

    @property
    def reached(self) -> float | None:
        """The ratio against the goal; None without a figure."""
        return None if self.value is None else GOALS[self.goal].reached(self.value)


def order(figure: Figure) -> int:
    """Where a figure stands in the table."""
    return list(GOALS).index(figure.goal)


def cut(ratio: float) -> str:
    """A ratio with two digits, never rounded up over a limit that it doesn't reach."""
    return f"{math.floor(ratio * 100 + 1e-9) / 100:.2f}"


def amount(value: float, unit: str) -> str:
    """A figure with its unit, with the digits that it deserves."""
    digits = 0 if value >= 100 else 2
    return f"{value:,.{digits}f}{'' if unit in ('', '/s', '×') else ' '}{unit}"


def table(figures: Iterable[Figure]) -> list[str]:
    """Goal, figure, ratio: one line each."""
    lines = [f"{'':9} {'':56} {'goal':>11} {'figure':>11} {'ratio':>6}"]
    for figure in figures:
        goal = GOALS[figure.goal]
        ratio, value = figure.reached, figure.value
        shown = (NOT_YET, "–") if value is None else (amount(value, goal.unit), cut(ratio or 0.0))
        wanted = amount(goal.value, goal.unit)
        line = f"{goal.id:9} {goal.title:56} {wanted:>11} {shown[0]:>11} {shown[1]:>6}"
        lines.append(f"{line}  {figure.note}".rstrip())
    return lines


def last_line(name: str, figures: Sequence[Figure]) -> str:
    """One ratio against goal for each of six goals; 1.00 is reached."""
    by_goal = {figure.goal: figure for figure in figures}
    said = []
    for goal in IN_LAST_LINE:
        figure = by_goal.get(goal)
        ratio = None if figure is None else figure.reached
        said.append(f"{goal} {NOT_YET if ratio is None else cut(ratio)}")
    return f"{name}: of its goal, {', '.join(said)}"


def as_json(figures: Iterable[Figure]) -> dict[str, Any]:
    """What is written beside the table, for whoever draws the history."""
    return {
        figure.goal: {
            "goal": GOALS[figure.goal].value,
            "unit": GOALS[figure.goal].unit,
            "value": figure.value,
            "ratio": figure.reached,
            "note": figure.note,
            "peer": figure.peer,
        }
        for figure in figures
    }
