"""The plots of docs/performance.md: the goals' history, and where an exchange's time goes.

    python benchmarks/plots.py                                      # draw both anew
    python benchmarks/plots.py --add benchmarks/results/bench-….json   # take a run into the history

Owns `history.json`, which is in the repository, and two SVG files made of it and of `profile.json`.
The same figures give the same bytes, so a test can hold the plots to the figures.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from benchmarks.goals import GOALS, IN_LAST_LINE
from benchmarks.processes import ROOT

HISTORY: Final = Path(__file__).parent / "history.json"
PROFILE: Final = Path(__file__).parent / "profile.json"
PLOTS: Final = ROOT / "docs" / "plots"
COLOURS: Final = ("#1b6ca8", "#b3541e", "#2e7d4f", "#7b3fa0", "#8a6d00", "#a8324a")
WIDTH: Final = 760
MOST: Final = 2.0
"""Ratios above are drawn here: what is far beyond its goal must not press the others flat."""
STAGES_SHOWN: Final = 24
STAGE_LEAST_US: Final = 2.0


def point(found: dict[str, Any]) -> dict[str, Any]:
    """What the history keeps of a run's JSON: when, of which code, how busy, the ratios."""
    around = found["surroundings"]
    kept = {name: around[name] for name in ("at", "commit", "load_average")}
    ratios = {
        goal: round(one["ratio"], 3)
        for goal, one in found["goals"].items()
        if one["ratio"] is not None
    }
    return {**kept, "ratios": ratios}


def history_svg(points: Sequence[dict[str, Any]]) -> str:
    """A line for each goal of the last line: its ratio, run by run; 1 is reached."""
    left, top, wide, high = 46, 20, WIDTH - 46 - 130, 260
    step = wide / max(1, len(points) - 1)

    def y(ratio: float) -> float:
        return top + high * (1 - min(ratio, MOST) / MOST)

    shapes = []
    for ratio in (0.0, 0.5, 1.0, 1.5, 2.0):
        style = ' stroke="#222"' if ratio == 1 else ' stroke="#ccc"'
        shapes.append(f'<path d="M{left} {y(ratio):.1f}h{wide:.0f}"{style}/>')
        shapes.append(_text(left - 6, y(ratio) + 4, f"{ratio:.1f}", "end"))
    for number, goal in enumerate(IN_LAST_LINE):
        places = [
            (left + index * step, y(one["ratios"][goal]))
            for index, one in enumerate(points)
            if goal in one["ratios"]
        ]
        colour = COLOURS[number]
        line = " ".join(f"{x:.1f},{at:.1f}" for x, at in places)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes += [
            f'<circle cx="{x:.1f}" cy="{at:.1f}" r="3" fill="{colour}"/>' for x, at in places
        ]
        key = top + 16 * number + 12
        shapes.append(
            f'<rect x="{WIDTH - 118}" y="{key - 9}" width="10" height="10" fill="{colour}"/>'
        )
        shapes.append(_text(WIDTH - 102, key, f"{goal} (1 = {_goal(goal)})"))
    for index, one in enumerate(points):
        if index in (0, len(points) - 1):
            shapes.append(_text(left + index * step, top + high + 18, one["at"][:16], "middle"))
    return _svg(top + high + 30, "Ratio of each goal, run by run; 1 is reached", shapes)


def profile_svg(profile: dict[str, Any]) -> str:
    """A bar for each stage: µs of the bus's CPU an exchange."""
    stages = [(name, us) for name, us in profile["stages"].items() if us >= STAGE_LEAST_US][
        :STAGES_SHOWN
    ]
    left, row = 270, 19
    most = max((us for _, us in stages), default=1.0)
    shapes = []
    for number, (name, us) in enumerate(stages):
        y = 12 + row * number
        width = (WIDTH - left - 60) * us / most
        bar = (
            f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{row - 5}" fill="{COLOURS[0]}"/>'
        )
        shapes += [_text(left - 8, y + 11, name, "end"), bar]
        shapes.append(_text(left + width + 6, y + 11, f"{us:.0f}"))
    return _svg(row * len(stages) + 20, "µs of the bus's CPU an exchange, by stage", shapes)


def _goal(goal: str) -> str:
    wanted = GOALS[goal]
    return f"{wanted.value:g}{'' if wanted.unit == '' else ' '}{wanted.unit}"


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, title: str, shapes: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img"'
        f' font-family="sans-serif" font-size="11" fill="#222">'
    )
    body = "\n".join(shapes)
    paper = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
    return f"{head}\n<title>{escape(title)}</title>\n{paper}\n{body}\n</svg>\n"


def drawn() -> dict[Path, str]:
    """Each plot's file and its text, as the figures have it."""
    return {
        PLOTS / "history.svg": history_svg(json.loads(HISTORY.read_text("utf-8"))),
        PLOTS / "profile.svg": profile_svg(json.loads(PROFILE.read_text("utf-8"))),
    }


def main() -> int:
    """Take runs in, if some are named; draw."""
    parser = argparse.ArgumentParser(description="Plots of the goals' history and the profile")
    parser.add_argument("--add", type=Path, nargs="*", default=[], help="JSON of runs to take in")
    points = json.loads(HISTORY.read_text("utf-8")) if HISTORY.exists() else []
    for path in parser.parse_args().add:
        points.append(point(json.loads(path.read_text("utf-8"))))
    points.sort(key=lambda one: one["at"])
    HISTORY.write_text(json.dumps(points, indent=1) + "\n", "utf-8")
    for path, text in drawn().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
