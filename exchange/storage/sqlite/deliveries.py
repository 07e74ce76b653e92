"""Deliveries on SQLite: parking, sweeping, mailbox leases, dead letters.

Runs on the writer thread; each function is one transaction's work.
"""

import sqlite3
from collections.abc import Sequence

from exchange.storage.rows import DeliveryState, HeldLease, Park, StepRow, StoredDelivery
from exchange.storage.sqlite.group import SystemNumbers
from signing.identifiers import ServiceCode, SystemId

COLUMNS = (
    "id, recipient, state, service, due_at, owner, lease_until, attempt, misbehaved, cause,"
    " accepted_at, kind"
)


def parse_delivery(
    connection: sqlite3.Connection, row: Sequence[object], numbers: SystemNumbers
) -> StoredDelivery:
    """A delivery from `COLUMNS`."""
    values = list(row)
    values[1] = numbers.system(connection, int(str(values[1])))
    values[2] = DeliveryState(str(values[2]))
    return StoredDelivery(*values)  # type: ignore[arg-type]


def park(connection: sqlite3.Connection, parks: Sequence[Park], numbers: SystemNumbers) -> None:
    """Give deliveries back to their rows, each with its due time; those that ended stay ended."""
    for one in parks:
        state = DeliveryState.IN_FLIGHT if one.owner else DeliveryState.QUEUED
        connection.execute(
            "UPDATE delivery SET state = ?, due_at = ?, attempt = ?, misbehaved = ?, owner = ?,"
            " lease_until = ? WHERE id = ? AND recipient = ? AND state IN ('queued', 'in-flight')",
            (
                state,
                one.due_at_ms,
                one.attempt,
                one.misbehaved,
                one.owner,
                one.lease_until_ms,
                one.id,
                numbers.number(connection, one.recipient),
            ),
        )
        if one.step is not None:
            add_step(connection, one.step)


def add_step(connection: sqlite3.Connection, step: StepRow) -> None:
    """One line of a timeline."""
    connection.execute(
        "INSERT INTO step(id, at, code, attempt, next_at, detail, message)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(step.id, step.at_ms, step.code, step.attempt, step.next_at_ms),
            *(step.detail, step.message),
        ),
    )


def claim_due(
    connection: sqlite3.Connection,
    owner: str,
    now_ms: int,
    lease_until_ms: int,
    count_max: int,
    numbers: SystemNumbers,
) -> list[StoredDelivery]:
    """Take deliveries whose time has come: due, or in flight under a lease that ran out."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM delivery INDEXED BY delivery_due"
        " WHERE state IN ('queued', 'in-flight') AND due_at <= ?"
        " AND (lease_until IS NULL OR lease_until <= ?) ORDER BY due_at LIMIT ?",
        (now_ms, now_ms, count_max),
    ).fetchall()
    connection.executemany(
        "UPDATE delivery SET state = 'in-flight', owner = ?, lease_until = ?, due_at = ?"
        " WHERE id = ? AND recipient = ?",
        [(owner, lease_until_ms, lease_until_ms, row[0], row[1]) for row in rows],
    )
    return [parse_delivery(connection, row, numbers) for row in rows]


def claim(connection: sqlite3.Connection, lease: Park, numbers: SystemNumbers) -> bool:
    """Begin one attempt of a delivery that is free or its owner's, if nobody has begun it."""
    changed = connection.execute(
        "UPDATE delivery SET state = 'in-flight', due_at = ?, attempt = ?, owner = ?,"
        " lease_until = ? WHERE id = ? AND recipient = ? AND attempt = ?"
        " AND (state = 'queued' OR state = 'in-flight' AND owner = ?)",
        (
            lease.due_at_ms,
            lease.attempt,
            lease.owner,
            lease.lease_until_ms,
            lease.id,
            numbers.number(connection, lease.recipient),
            lease.attempt - 1,
            lease.owner,
        ),
    ).rowcount
    return changed == 1


def reclaim(connection: sqlite3.Connection, now_ms: int, owner: str | None) -> int:
    """Make deliveries on their way due now: one owner's, or all (the file's lock allows it)."""
    return connection.execute(
        "UPDATE delivery SET due_at = ?, lease_until = NULL WHERE state IN ('queued', 'in-flight')"
        " AND due_at > ? AND (? IS NULL OR owner = ?)",
        (now_ms, now_ms, owner, owner),
    ).rowcount


def hasten(connection: sqlite3.Connection, shard: int, first_index: int, now_ms: int) -> int:
    """Make due now what nobody has begun of a log's deliveries, from a leaf on."""
    return connection.execute(
        "UPDATE delivery SET due_at = ? WHERE state = 'queued' AND attempt = 0 AND due_at > ?"
        " AND id IN (SELECT d.id FROM delivery d JOIN message m ON m.id = d.id"
        " WHERE d.state = 'queued' AND d.due_at > ? AND m.shard = ? AND m.idx >= ?)",
        (now_ms, now_ms, now_ms, shard, first_index),
    ).rowcount


def lease_mailbox(
    connection: sqlite3.Connection,
    recipient: SystemId,
    services: Sequence[ServiceCode],
    now_ms: int,
    lease_until_ms: int,
    count_max: int,
    kinds: Sequence[str],
    numbers: SystemNumbers,
) -> list[StoredDelivery]:
    """Lease the oldest free deliveries of a mailbox; each lease is one more attempt."""
    number = numbers.find(connection, recipient)
    if number is None:
        return []
    only = f" AND service IN ({','.join('?' * len(services))})" if services else ""
    only += f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
    rows = connection.execute(
        "UPDATE delivery SET state = 'leased', lease_until = ?, attempt = attempt + 1"
        " WHERE (id, recipient) IN (SELECT id, recipient FROM delivery INDEXED BY delivery_boxed"
        f" WHERE recipient = ?{only} AND state IN ('ready', 'leased')"
        " AND (lease_until IS NULL OR lease_until <= ?) ORDER BY accepted_at, id LIMIT ?)"
        f" RETURNING {COLUMNS}",
        (lease_until_ms, number, *services, *kinds, now_ms, count_max),
    ).fetchall()
    found = [parse_delivery(connection, row, numbers) for row in rows]
    return sorted(found, key=lambda one: (one.accepted_at_ms, one.id))


def extend_leases(
    connection: sqlite3.Connection,
    recipient: SystemId,
    leases: Sequence[HeldLease],
    lease_until_ms: int,
    numbers: SystemNumbers,
) -> dict[bytes, int]:
    """Make current leases run at least so long; until when, by id."""
    number, extended = numbers.find(connection, recipient), {}
    for lease in leases:
        rows = connection.execute(
            "UPDATE delivery SET lease_until = max(coalesce(lease_until, 0), ?) WHERE id = ?"
            " AND recipient = ? AND state = 'leased' AND attempt = ? RETURNING id, lease_until",
            (lease_until_ms, lease.id, number, lease.attempt),
        ).fetchall()
        extended.update(dict(rows))
    return extended


def release_leases(
    connection: sqlite3.Connection,
    recipient: SystemId,
    leases: Sequence[HeldLease],
    now_ms: int,
    reason: str | None,
    numbers: SystemNumbers,
) -> list[bytes]:
    """Free current leases, each with its line of the timeline; their ids."""
    number, released = numbers.find(connection, recipient), []
    for lease in leases:
        changed = connection.execute(
            "UPDATE delivery SET state = 'ready', lease_until = NULL WHERE id = ?"
            " AND recipient = ? AND state = 'leased' AND attempt = ?",
            (lease.id, number, lease.attempt),
        ).rowcount
        if changed:
            step = StepRow(lease.id, now_ms, "released", lease.attempt, detail=reason)
            add_step(connection, step)
            released.append(lease.id)
    return released


def due_to_expire(connection: sqlite3.Connection, before_ms: int, count_max: int) -> list[bytes]:
    """Open exchanges whose ``answer_by`` is before a moment, the oldest first."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT id FROM exchange INDEXED BY exchange_open WHERE state = 'open'"
            " AND answer_by < ? ORDER BY answer_by LIMIT ?",
            (before_ms, count_max),
        )
    ]
