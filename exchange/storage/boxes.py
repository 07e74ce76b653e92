"""What waits in mailboxes: which of them is meant, what an answer adds, how many there are.

Plain frozen data, part of what crosses the storage port.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signing.identifiers import ServiceCode, SystemId
from signing.values import value_type

Box = tuple[SystemId, ServiceCode | None]
"""Requests that wait for a system's service; without a service, answers that wait for it."""

FIGURE_AGE_MAX_S: Final = 1.0  # delivery.md, *Mailboxes*: a figure 1 s old plus one's own
FIGURES_MAX: Final = 10_000  # boxes remembered; more than systems with a mailbox


@value_type
class NewDelivery:
    """An answer to put into its consumer's mailbox."""

    id: bytes
    recipient: SystemId
    service: ServiceCode
    due_at_ms: int
    kind: str

    @property
    def box(self) -> Box:
        """The mailbox it is for."""
        return self.recipient, None


@dataclass(frozen=True, slots=True)
class MailboxDepth:
    """One service's mailbox, counted."""

    service: ServiceCode
    waiting: int
    leased: int
    dead: int
    oldest_at_ms: int | None
    kind: str = "request"
    """What waits there: requests, or answers of one kind."""


class BoxFigures:
    """How many wait in each mailbox: at most 1 s old, plus what was added here since."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._figures: dict[Box, tuple[float, int]] = {}

    def fresh(self, box: Box) -> int | None:
        """The figure, unless it is too old."""
        found = self._figures.get(box)
        if found is None or self._now() - found[0] > FIGURE_AGE_MAX_S:
            return None
        return found[1]

    def keep(self, box: Box, count: int) -> None:
        """Remember what was just counted."""
        if len(self._figures) >= FIGURES_MAX:
            self._figures.clear()
        self._figures[box] = (self._now(), count)

    def one_more(self, box: Box) -> None:
        """Something was put into a mailbox after it was counted."""
        if (found := self._figures.get(box)) is not None:
            self._figures[box] = (found[0], found[1] + 1)
