"""Anchors on PostgreSQL, and the lease of the one process that asks, by the database's clock.

Two that ask at once could only repeat each other: what they keep is the same for both.
"""

from dataclasses import replace
from typing import Final

from exchange.storage.notes import joined_notes
from exchange.storage.postgres.connection import Connection
from exchange.storage.postgres.statement import NOW_MS
from exchange.storage.rows import AnchoringState, AnchorRow

COLUMNS: Final = "log, size, note, heads_idx, heads_at, cosigned_at, token, stamped_at"
_BEGIN: Final = (
    "INSERT INTO anchoring(log, cosigned_at, stamped_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (log) DO UPDATE SET"
    " cosigned_at = coalesce(anchoring.cosigned_at, excluded.cosigned_at),"
    " stamped_at = coalesce(anchoring.stamped_at, excluded.stamped_at)"
    " WHERE anchoring.cosigned_at IS NULL AND excluded.cosigned_at IS NOT NULL"
    " OR anchoring.stamped_at IS NULL AND excluded.stamped_at IS NOT NULL"
)
_TAKE: Final = (
    f"UPDATE anchoring SET owner = $2, lease_until = {NOW_MS} + $3::bigint WHERE log = $1"
    f" AND (owner IS NULL OR owner = $2 OR lease_until IS NULL OR lease_until < {NOW_MS})"
    " RETURNING cosigned_at, stamped_at"
)
_STATE: Final = "SELECT cosigned_at, stamped_at FROM anchoring WHERE log = $1"
_BEGIN_ROW: Final = (
    "INSERT INTO anchor(log, size, note) VALUES ($1, $2, $3) ON CONFLICT (log, size) DO NOTHING"
)
_ONE: Final = f"SELECT {COLUMNS} FROM anchor WHERE log = $1 AND size = $2 FOR UPDATE"
_KEEP: Final = (
    "UPDATE anchor SET note = $3, heads_idx = coalesce(heads_idx, $4),"
    " heads_at = coalesce(heads_at, $5), cosigned_at = coalesce(cosigned_at, $6),"
    " token = coalesce(token, $7), stamped_at = coalesce(stamped_at, $8)"
    f" WHERE log = $1 AND size = $2 RETURNING {COLUMNS}"
)
_REMEMBER: Final = (
    "UPDATE anchoring SET cosigned_at = greatest(cosigned_at, $2::bigint),"
    " stamped_at = greatest(stamped_at, $3::bigint) WHERE log = $1"
)


async def take_anchoring(
    connection: Connection,
    owner: str,
    log: int,
    now_ms: int,
    lease_ms: int | None,
    cosigned: bool,
    stamped: bool,
) -> AnchoringState:
    """Be the process that asks, unless the lease is another's; say since when it is asked for."""
    since = (now_ms if cosigned else None, now_ms if stamped else None)
    await connection.execute(_BEGIN, log, *since)
    row = None
    if lease_ms is not None:
        row = await connection.fetchrow(_TAKE, log, owner, lease_ms)
    if row is not None:
        return AnchoringState(True, *row)
    return AnchoringState(False, *await connection.fetchrow(_STATE, log))


async def keep_anchor(connection: Connection, row: AnchorRow) -> AnchorRow:
    """Add to a checkpoint's anchor, and remember when others last vouched for the log.

    The row is locked while signatures are joined: another process may bring some at that moment.
    """
    async with connection.transaction():
        await connection.execute(_BEGIN_ROW, row.log, row.size, row.note)
        found = AnchorRow(*await connection.fetchrow(_ONE, row.log, row.size))
        row = replace(row, note=joined_notes(found.note, row.note))
        values = (row.log, row.size, row.note, row.heads_index, row.heads_at_ms)
        more = (row.cosigned_at_ms, row.token, row.stamped_at_ms)
        kept = await connection.fetchrow(_KEEP, *values, *more)
        await connection.execute(_REMEMBER, row.log, row.cosigned_at_ms, row.stamped_at_ms)
    return AnchorRow(*kept)


def _chosen(cosigned: bool, stamped: bool) -> str:
    where = " AND cosigned_at IS NOT NULL" if cosigned else ""
    return where + (" AND token IS NOT NULL" if stamped else "")


async def anchors(
    connection: Connection,
    log: int,
    heads_from_ms: int,
    count_max: int,
    cosigned: bool,
    stamped: bool,
) -> list[AnchorRow]:
    """Anchors whose heads leaf isn't older, the smallest first."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM anchor WHERE log = $1 AND heads_at >= $2"
        f"{_chosen(cosigned, stamped)} ORDER BY heads_at, size LIMIT $3",
        *(log, heads_from_ms, count_max),
    )
    return [AnchorRow(*row) for row in rows]


async def last_anchor(
    connection: Connection, log: int, cosigned: bool, stamped: bool
) -> AnchorRow | None:
    """The anchor of the largest tree."""
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM anchor WHERE log = $1{_chosen(cosigned, stamped)}"
        " ORDER BY size DESC LIMIT 1",
        log,
    )
    return None if row is None else AnchorRow(*row)
