"""Retention on SQLite: some rows a transaction, so that groups commit between; open ones stay.

Without partitions nothing has to move: what is still open stays where it is, and a later call
takes it when it is over.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from exchange.storage.sqlite.group import select_in

IDS_A_BATCH: Final = 250  # some milliseconds of the writer's time
# The plus keeps these on the primary key: few ids, whatever is open elsewhere.
_OPEN: Final = "SELECT id FROM exchange WHERE +state = 'open' AND id"
_UNDELIVERED: Final = (
    "SELECT id FROM delivery WHERE +state IN ('ready', 'queued', 'leased', 'in-flight', 'dead')"
    " AND id"
)
_STRAY_STEPS: Final = (
    "DELETE FROM step WHERE n IN (SELECT n FROM step WHERE id < ? AND NOT EXISTS"
    " (SELECT 1 FROM message WHERE message.id = step.id) LIMIT ?)"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction looked at."""

    gone: list[bytes]
    kept: list[bytes]

    @property
    def last(self) -> bytes:
        """Where the next one begins."""
        return max(self.gone + self.kept)


def retire_some(connection: sqlite3.Connection, after: bytes, end: bytes) -> Batch:
    """Delete the next messages between two ids, with all their rows, unless they are open."""
    ids = [
        id_
        for (id_,) in connection.execute(
            "SELECT id FROM message WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
            (after, end, IDS_A_BATCH),
        )
    ]
    kept = {id_ for ask in (_OPEN, _UNDELIVERED) for (id_,) in select_in(connection, ask, ids)}
    gone = [id_ for id_ in ids if id_ not in kept]
    for table in ("step", "delivery", "exchange", "message"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(id_,) for id_ in gone])
    return Batch(gone, sorted(kept))


def retire_stray_steps(connection: sqlite3.Connection, end: bytes) -> bool:
    """Delete some lines of timelines whose message is gone; False when there were none."""
    return connection.execute(_STRAY_STEPS, (end, IDS_A_BATCH)).rowcount > 0
