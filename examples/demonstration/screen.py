"""What the demo shows, and whether it held.

Owns the look: a heading a step, what went out and what came back with the time it took, and each
thing that was checked. Plain text where there is no terminal. Invariant: a step holds only if it
checked something and every check held; what it raises is a check that did not.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

WIDTH_MAX = 100
INDENT = 7  # number of the step, mark, a space each
TIME_ROOM = 9  # at the right edge, where a line says how long it took
_STYLES = {"bold": "1", "dim": "2", "good": "32", "bad": "1;31", "name": "36", "no": "33"}


def shorten(value: Any, chars_max: int = 160) -> str:
    """A JSON value on one line, cut where it gets long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


@dataclass
class Step:
    """One numbered thing that is shown."""

    screen: Screen
    checks: int = 0
    failed: list[str] = field(default_factory=list)

    def out(self, text: str) -> None:
        """What somebody asks."""
        self.screen.lines("→", text, "name")

    def back(self, text: str, took_s: float | None = None) -> None:
        """What comes back, and after how long."""
        self.screen.lines("←", text, "", took_s)

    def note(self, text: str) -> None:
        """A word beside it."""
        self.screen.lines(" ", text, "dim")

    def check(self, held: object, text: str, otherwise: object = "") -> None:
        """Something that must be so; `otherwise` is printed when it is not."""
        self.checks += 1
        if held:
            self.screen.lines("✔", text, "good")
        else:
            self.failed.append(text)
            because = f" (instead: {shorten(otherwise)})" if otherwise != "" else ""
            self.screen.lines("✘", f"{text}{because}", "bad")

    @property
    def held(self) -> bool:
        """Whether all of it was as it must be."""
        return self.checks > 0 and not self.failed


class Screen:
    """Standard output, and the count of what was shown and what held."""

    def __init__(self) -> None:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        self.shown = 0
        self.held = 0
        self._began_s = time.perf_counter()
        self._colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._width = min(shutil.get_terminal_size((WIDTH_MAX, 24)).columns, WIDTH_MAX)

    def elapsed_s(self) -> float:
        """Seconds since the demo began."""
        return time.perf_counter() - self._began_s

    def styled(self, text: str, style: str) -> str:
        """`text` in a style, where the terminal has any."""
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._colours else text

    def print(self, text: str = "") -> None:
        """One line, at once."""
        print(text, flush=True)

    def title(self, text: str, below: str) -> None:
        """The first lines."""
        self.print(self.styled(text, "bold"))
        self.print(self.styled(below, "dim"))
        self.print()

    @contextmanager
    def preparing(self, text: str) -> Iterator[list[str]]:
        """Something that must be done first; words appended to the list are printed behind it."""
        more: list[str] = []
        began_s = time.perf_counter()
        yield more
        self.lines("·", " ".join([text, *more]), "dim", time.perf_counter() - began_s)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """One numbered step; an exception is a check that did not hold, and the demo goes on."""
        self.shown += 1
        clock = f"{self.elapsed_s():6.2f} s"
        room = max(self._width - 5 - len(title) - len(clock), 1)
        number = self.styled(f"{self.shown:>2}", "name")
        heading = self.styled(title, "bold") + " " * room + self.styled(clock, "dim")
        self.print(f"\n{number}   {heading}")
        step = Step(self)
        try:
            yield step
        except Exception as error:
            step.check(False, f"{type(error).__name__}: {shorten(str(error), 400)}")
        self.held += step.held

    def lines(self, mark: str, text: str, style: str = "", took_s: float | None = None) -> None:
        """A marked text, wrapped below itself, with a time at the right edge of its last line."""
        room = self._width - INDENT - (TIME_ROOM if took_s is not None else 0)
        rows = [row for line in text.splitlines() for row in _wrapped(line, room)]
        for number, row in enumerate(rows):
            sign = self.styled(mark, style) if number == 0 and mark.strip() else " "
            line = f"{sign} {self.styled(row, style if style in ('dim', 'bad') else '')}"
            if took_s is not None and number == len(rows) - 1:
                took = _took(took_s)
                gap = " " * (self._width - INDENT - len(row) - len(took))
                line += gap + self.styled(took, "dim")
            self.print(" " * (INDENT - 2) + line)

    def total(self, more: str = "") -> int:
        """The last line, with `more` behind the figures; the exit code."""
        self.print(f"\ndemo: {self.shown} shown, {self.held} held" + (more and f"; {more}"))
        return 0 if self.shown and self.held == self.shown else 1


def _wrapped(line: str, room: int) -> list[str]:
    rows = textwrap.wrap(line, room, subsequent_indent="  ", break_on_hyphens=False)
    return rows or [""]


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
