"""How many messages wait in a mailbox, counted only when it may matter.

Invariant: a bound is never below the count. Every message that comes to wait is written by the one
writer's groups, which raise it; what leaves a mailbox doesn't lower it, a fresh count does.
"""

import sqlite3

from exchange.storage.boxes import FIGURES_MAX, Box
from exchange.storage.rows import GroupWrite
from signing.identifiers import ServiceCode


class BoxBounds:
    """What each mailbox holds at most. For the thread that writes."""

    def __init__(self) -> None:
        self._bounds: dict[Box, int] = {}

    def figure(
        self, connection: sqlite3.Connection, box: Box, number: int, most: int, coming: int
    ) -> int:
        """A figure that is exact if ``coming`` more messages may bring the mailbox to ``most``."""
        bound = self._bounds.get(box)
        if bound is None or bound + coming > most:
            if len(self._bounds) >= FIGURES_MAX:
                self._bounds.clear()
            bound = self._bounds[box] = count_boxed(connection, number, box[1])
        return bound

    def add(self, write: GroupWrite) -> None:
        """Learn what a group puts into mailboxes; call it before its commit is known to succeed."""
        if write.settles:
            self._bounds.clear()  # a dead letter may go back to its mailbox
        for box in write.boxed():
            if box in self._bounds:
                self._bounds[box] += 1


def count_boxed(
    connection: sqlite3.Connection, number: int | None, service: ServiceCode | None
) -> int:
    """How many requests wait for a system's service; without one, how many answers for it."""
    of = "service = ? AND kind = 'request'" if service is not None else "kind <> 'request'"
    (count,) = connection.execute(
        "SELECT count(*) FROM delivery INDEXED BY delivery_boxed WHERE recipient = ?"
        f" AND {of} AND state IN ('ready', 'leased')",
        (number,) if service is None else (number, service),
    ).fetchone()
    return int(count)
