"""Denials: who was known and may not, counted by role, and told in the bus's log within bounds.

Invariant: however many calls are denied, at most `LINES_PER_MINUTE` lines a minute are written;
what was left out is counted in the next one.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import structlog

from exchange.api.roles import Role

log = structlog.get_logger()

LINES_PER_MINUTE: Final = 60  # a person reads no more, and a loop of a client writes no more
_MINUTE_MS: Final = 60_000


@dataclass(slots=True)
class Denials:
    """The denials of one process since its start."""

    by_role: Counter[str] = field(default_factory=Counter)
    _minute: int = 0
    _lines: int = 0
    _left_out: int = 0

    def note(self, role: Role, actor: str, method: str, path: str, now_ms: int) -> None:
        """Count one denial; write a line while this minute has room."""
        self.by_role[role.value] += 1
        minute = now_ms // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        if self._lines >= LINES_PER_MINUTE:
            self._left_out += 1
            return
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        log.info(
            "call.denied", actor=actor, role=role.value, method=method, path=path[:200],
            left_out=left_out,
        )  # fmt: skip
