"""Anchors on SQLite: the file's lock says that this process alone asks."""

import sqlite3
from dataclasses import replace

from exchange.storage.notes import joined_notes
from exchange.storage.rows import AnchoringState, AnchorRow

COLUMNS = "log, size, note, heads_idx, heads_at, cosigned_at, token, stamped_at"
_KEEP = (
    f"INSERT INTO anchor({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (log, size) DO UPDATE SET"
    " note = excluded.note,"
    " heads_idx = coalesce(heads_idx, excluded.heads_idx),"
    " heads_at = coalesce(heads_at, excluded.heads_at),"
    " cosigned_at = coalesce(cosigned_at, excluded.cosigned_at),"
    " stamped_at = coalesce(stamped_at, excluded.stamped_at),"
    " token = coalesce(token, excluded.token)"
)
_ONE = f"SELECT {COLUMNS} FROM anchor WHERE log = ? AND size = ?"
_STATE = "SELECT cosigned_at, stamped_at FROM anchoring WHERE log = ?"


def take_anchoring(
    connection: sqlite3.Connection,
    log: int,
    now_ms: int,
    asks: bool,
    cosigned: bool,
    stamped: bool,
) -> AnchoringState:
    """Say since when anchors are asked for, when nobody has; who asks may."""
    connection.execute(
        "INSERT INTO anchoring(log, cosigned_at, stamped_at) VALUES (?, ?, ?)"
        " ON CONFLICT (log) DO UPDATE SET"
        " cosigned_at = coalesce(cosigned_at, excluded.cosigned_at),"
        " stamped_at = coalesce(stamped_at, excluded.stamped_at)",
        (log, now_ms if cosigned else None, now_ms if stamped else None),
    )
    return AnchoringState(asks, *connection.execute(_STATE, (log,)).fetchone())


def keep_anchor(connection: sqlite3.Connection, row: AnchorRow) -> AnchorRow:
    """Add to a checkpoint's anchor, and remember when others last vouched for the log."""
    found = connection.execute(_ONE, (row.log, row.size)).fetchone()
    if found is not None:
        row = replace(row, note=joined_notes(AnchorRow(*found).note, row.note))
    values = (row.log, row.size, row.note, row.heads_index, row.heads_at_ms, row.cosigned_at_ms)
    connection.execute(_KEEP, (*values, row.token, row.stamped_at_ms))
    connection.execute(
        "UPDATE anchoring SET"
        " cosigned_at = max(coalesce(cosigned_at, ?1), coalesce(?1, cosigned_at)),"
        " stamped_at = max(coalesce(stamped_at, ?2), coalesce(?2, stamped_at)) WHERE log = ?3",
        (row.cosigned_at_ms, row.stamped_at_ms, row.log),
    )
    return AnchorRow(*connection.execute(_ONE, (row.log, row.size)).fetchone())


def _chosen(cosigned: bool, stamped: bool) -> str:
    where = " AND cosigned_at IS NOT NULL" if cosigned else ""
    return where + (" AND token IS NOT NULL" if stamped else "")


def anchors(
    connection: sqlite3.Connection,
    log: int,
    heads_from_ms: int,
    count_max: int,
    cosigned: bool,
    stamped: bool,
) -> list[AnchorRow]:
    """Anchors whose heads leaf isn't older, the smallest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM anchor WHERE log = ? AND heads_at >= ?"
        f"{_chosen(cosigned, stamped)} ORDER BY heads_at, size LIMIT ?",
        (log, heads_from_ms, count_max),
    )
    return [AnchorRow(*row) for row in rows.fetchall()]


def last_anchor(
    connection: sqlite3.Connection, log: int, cosigned: bool, stamped: bool
) -> AnchorRow | None:
    """The anchor of the largest tree."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM anchor WHERE log = ?{_chosen(cosigned, stamped)}"
        " ORDER BY size DESC LIMIT 1",
        (log,),
    ).fetchone()
    return None if row is None else AnchorRow(*row)
