"""What a block promises to print, and whether what was printed keeps the promise.

White space is compared loosely. `…` in a line stands for anything, a line of its own with only `…`
for any number of lines.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

ANYTHING = "…"
_PROMISE = re.compile(r"#\s*→\s*(?P<text>.*)$")
_EXIT = re.compile(r"#\s*exit (?P<code>\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a console block, the exit code and the lines it promises."""

    command: str
    exit_code: int
    promised: tuple[str, ...]


def _is_whole(command: str) -> bool:
    if command.rstrip("\n").endswith("\\"):
        return False
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def read_console(text: str) -> list[Step]:
    """Split a console block into its commands (`$ …`, continued by `\\` or an open quote)."""
    steps: list[Step] = []
    commands: list[str] = []
    promised: list[list[str]] = []
    for line in text.splitlines():
        if commands and not _is_whole(commands[-1]):
            commands[-1] += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            commands.append(line[2:])
            promised.append([])
        elif commands:
            arrow = _PROMISE.match(line)
            promised[-1].append(arrow["text"] if arrow else line)
    for command, lines in zip(commands, promised, strict=True):
        code = _EXIT.search(command)
        while lines and not lines[-1].strip():
            lines.pop()
        steps.append(Step(command, int(code["code"]) if code else 0, tuple(lines)))
    return steps


def promises_in_comments(text: str) -> tuple[str, ...]:
    """List the `# → text` comments of a script."""
    return tuple(found["text"] for line in text.splitlines() if (found := _PROMISE.search(line)))


def _matches(promised: str, printed: str) -> bool:
    pieces = ["".join(piece.split()) for piece in promised.split(ANYTHING)]
    pattern = ".*".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, "".join(printed.split())) is not None


def keeps(promised: Sequence[str], printed: Sequence[str]) -> bool:
    """Say whether the printed lines are the promised ones, from first to last."""
    if not promised:
        return not printed
    if promised[0].strip() == ANYTHING:
        return any(keeps(promised[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and _matches(promised[0], printed[0]) and keeps(promised[1:], printed[1:])


def keeps_in_order(promised: Sequence[str], printed: Sequence[str]) -> bool:
    """Say whether each promised line is printed, in this order, whatever stands between."""
    rest = iter(printed)
    return all(any(_matches(line, seen) for seen in rest) for line in promised)
