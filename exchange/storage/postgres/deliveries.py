"""Deliveries on PostgreSQL: parking, sweeping, mailbox leases.

Each function is one statement, or work that may be repeated whole. What is claimed is taken with
SKIP LOCKED: processes share what is due without waiting for each other, and none gets what
another has. Rows are locked in the order of their ids.
"""

from collections.abc import Sequence
from typing import Any

from exchange.storage.postgres.connection import Connection
from exchange.storage.postgres.numbers import SystemNumbers
from exchange.storage.rows import DeliveryState, HeldLease, Park, StepRow, StoredDelivery
from signing.identifiers import ServiceCode, SystemId

COLUMNS = (
    "id, recipient, state, service, due_at, owner, lease_until, attempt, misbehaved, cause,"
    " accepted_at, kind"
)
_PARK = """
WITH parked AS (
  SELECT * FROM unnest($1::bytea[], $2::int[], $3::text[], $4::bigint[], $5::int[], $6::int[],
    $7::text[], $8::bigint[])
    AS n(id, recipient, state, due_at, attempt, misbehaved, owner, lease_until)
), locked AS (
  SELECT d.id, d.recipient FROM delivery d JOIN parked n ON d.id = n.id
    AND d.recipient = n.recipient
  WHERE d.state IN ('queued', 'in-flight') AND d.id >= $9 AND d.id <= $10
  ORDER BY d.id, d.recipient FOR UPDATE OF d
), given_back AS (
  UPDATE delivery d SET state = n.state, due_at = n.due_at, attempt = n.attempt,
    misbehaved = n.misbehaved, owner = n.owner, lease_until = n.lease_until
  FROM locked l JOIN parked n ON n.id = l.id AND n.recipient = l.recipient
  WHERE d.id = l.id AND d.recipient = l.recipient AND d.id >= $9 AND d.id <= $10
)
SELECT pg_current_xact_id()::text
"""
_STATUS = "SELECT pg_xact_status($1::text::xid8)"
_STEP_ROWS = (
    "unnest($1::bytea[], $2::bigint[], $3::text[], $4::int[], $5::bigint[], $6::text[],"
    " $7::bytea[])"
)
_STEPS = (
    f"INSERT INTO step(id, at, code, attempt, next_at, detail, message) SELECT * FROM {_STEP_ROWS}"
)
_MISSING_STEPS = f"""
INSERT INTO step(id, at, code, attempt, next_at, detail, message)
SELECT id, at, code, attempt, next_at, detail, message
FROM {_STEP_ROWS}
  WITH ORDINALITY AS n(id, at, code, attempt, next_at, detail, message, place)
WHERE NOT EXISTS (
  SELECT FROM step s WHERE s.id = n.id AND s.at = n.at AND s.code = n.code
    AND s.attempt IS NOT DISTINCT FROM n.attempt AND s.id >= $8 AND s.id <= $9
)
ORDER BY place
"""
_HELD = """
WITH held AS (
  SELECT d.id, d.recipient FROM delivery d
  JOIN unnest($2::bytea[], $3::int[]) AS n(id, attempt) ON d.id = n.id AND d.attempt = n.attempt
  WHERE d.recipient = $1 AND d.state = 'leased' AND d.id >= $4 AND d.id <= $5
  ORDER BY d.id FOR UPDATE OF d
)"""
_OF_HELD = "FROM held WHERE d.id = held.id AND d.recipient = held.recipient"
_EXTEND = f"""{_HELD}, extended AS (
  UPDATE delivery d SET lease_until = greatest(d.lease_until, $6) {_OF_HELD}
    AND d.id >= $4 AND d.id <= $5
  RETURNING d.id, d.lease_until
)
SELECT id, lease_until FROM extended
"""
_RELEASE = f"""{_HELD}, released AS (
  UPDATE delivery d SET state = 'ready', lease_until = NULL {_OF_HELD}
    AND d.id >= $4 AND d.id <= $5
  RETURNING d.id, d.attempt
), told AS (
  INSERT INTO step(id, at, code, attempt, detail)
  SELECT id, $6, 'released', attempt, $7 FROM released ORDER BY id
)
SELECT id FROM released
"""
_CLAIM_DUE = f"""
WITH due AS (
  SELECT {COLUMNS} FROM delivery
  WHERE state IN ('queued', 'in-flight') AND due_at <= $2
    AND (lease_until IS NULL OR lease_until <= $2)
  ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE delivery d SET state = 'in-flight', owner = $1, lease_until = $3, due_at = $3
  FROM due WHERE d.id = due.id AND d.recipient = due.recipient
)
SELECT {COLUMNS} FROM due ORDER BY due_at
"""
_CLAIM = (
    "UPDATE delivery SET state = 'in-flight', due_at = $1, attempt = $2, owner = $3,"
    " lease_until = $4 WHERE id = $5 AND recipient = $6 AND attempt = $2 - 1"
    " AND (state = 'queued' OR state = 'in-flight' AND owner = $3) RETURNING 1"
)
_CLAIMED = (
    "SELECT 1 FROM delivery WHERE id = $5 AND recipient = $6 AND state = 'in-flight'"
    " AND due_at = $1 AND attempt = $2 AND owner = $3 AND lease_until = $4"
)
_RECLAIM = """
WITH gone AS (
  SELECT id, recipient FROM delivery
  WHERE state IN ('queued', 'in-flight') AND due_at > $1 AND ($2::text IS NULL OR owner = $2)
  ORDER BY id, recipient FOR UPDATE
), due AS (
  UPDATE delivery d SET due_at = $1, lease_until = NULL
  FROM gone WHERE d.id = gone.id AND d.recipient = gone.recipient RETURNING 1
)
SELECT count(*) FROM due
"""
_HASTEN = """
WITH slow AS (
  SELECT d.id, d.recipient FROM delivery d JOIN message m ON m.id = d.id
  WHERE d.state = 'queued' AND d.attempt = 0 AND d.due_at > $3 AND m.shard = $1 AND m.idx >= $2
  ORDER BY d.id, d.recipient FOR UPDATE OF d
), due AS (
  UPDATE delivery d SET due_at = $3
  FROM slow WHERE d.id = slow.id AND d.recipient = slow.recipient RETURNING 1
)
SELECT count(*) FROM due
"""
_LEASE_MAILBOX = f"""
WITH free AS (
  SELECT id, recipient FROM delivery
  WHERE recipient = $1 AND state IN ('ready', 'leased')
    AND (cardinality($2::text[]) = 0 OR service = ANY($2::text[]))
    AND (cardinality($6::text[]) = 0 OR kind = ANY($6::text[]))
    AND (lease_until IS NULL OR lease_until <= $3)
  ORDER BY accepted_at, id LIMIT $5 FOR UPDATE SKIP LOCKED
), leased AS (
  UPDATE delivery d SET state = 'leased', lease_until = $4, attempt = d.attempt + 1
  FROM free WHERE d.id = free.id AND d.recipient = free.recipient
  RETURNING {", ".join("d." + name for name in COLUMNS.split(", "))}
)
SELECT {COLUMNS} FROM leased ORDER BY accepted_at, id
"""


async def parse_delivery(
    connection: Connection, row: Sequence[Any], numbers: SystemNumbers
) -> StoredDelivery:
    """A delivery from `COLUMNS`."""
    id_, recipient, state, *others = row
    return StoredDelivery(
        id_, await numbers.name(connection, recipient), DeliveryState(state), *others
    )


class Parking:
    """Deliveries on their way back to their rows, each with its due time; the ended stay ended.

    When one is given back twice, the last counts. Calling it again is exact: a transaction that
    was committed isn't repeated, so a delivery that somebody took since stays theirs.
    """

    def __init__(self, parks: Sequence[Park], numbers: SystemNumbers) -> None:
        self._parks = parks
        self._numbers = numbers
        self._transaction: str | None = None

    async def __call__(self, connection: Connection) -> None:
        """Once, or once more after a connection was lost."""
        if not self._parks or await self._is_committed(connection):
            return
        await self._numbers.give(connection, {one.recipient for one in self._parks})
        values = _values_of(self._parks, self._numbers)
        async with connection.transaction():
            self._transaction = await connection.fetchval(_PARK, *values)
            await add_steps(connection, [one.step for one in self._parks if one.step is not None])

    async def _is_committed(self, connection: Connection) -> bool:
        if self._transaction is None:
            return False
        status = await connection.fetchval(_STATUS, self._transaction)
        if status == "in progress":
            raise TimeoutError("the server is still busy with it")
        return bool(status == "committed")


def _values_of(parks: Sequence[Park], numbers: SystemNumbers) -> list[object]:
    """The arguments of `_PARK`."""
    last = {(one.id, numbers[one.recipient]): one for one in parks}
    rows = [
        (
            *(id_, number, (DeliveryState.IN_FLIGHT if one.owner else DeliveryState.QUEUED).value),
            *(one.due_at_ms, one.attempt, one.misbehaved, one.owner, one.lease_until_ms),
        )
        for (id_, number), one in sorted(last.items(), key=lambda item: item[0])
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [*columns, rows[0][0], rows[-1][0]]


async def add_steps(connection: Connection, steps: Sequence[StepRow]) -> None:
    """Lines of timelines, in their order."""
    if steps:
        await connection.execute(_STEPS, *_columns(steps))


async def add_missing_steps(connection: Connection, steps: Sequence[StepRow]) -> None:
    """Lines of timelines, unless they are there: nobody knows whether they were added."""
    if steps:
        ids = [one.id for one in steps]
        await connection.execute(_MISSING_STEPS, *_columns(steps), min(ids), max(ids))


def _columns(steps: Sequence[StepRow]) -> list[list[object]]:
    rows = [
        (*(one.id, one.at_ms, one.code, one.attempt, one.next_at_ms), one.detail, one.message)
        for one in steps
    ]
    return [list(column) for column in zip(*rows, strict=True)]


async def claim_due(
    connection: Connection,
    owner: str,
    now_ms: int,
    lease_until_ms: int,
    count_max: int,
    numbers: SystemNumbers,
) -> list[StoredDelivery]:
    """Take deliveries whose time has come: due, or in flight under a lease that ran out."""
    rows = await connection.fetch(_CLAIM_DUE, owner, now_ms, lease_until_ms, count_max)
    return [await parse_delivery(connection, row, numbers) for row in rows]


async def claim(connection: Connection, lease: Park, numbers: SystemNumbers) -> bool:
    """Begin one attempt of a delivery that is free or its owner's, if nobody has begun it."""
    return await _asked(_CLAIM, connection, lease, numbers)


async def claim_again(connection: Connection, lease: Park, numbers: SystemNumbers) -> bool:
    """The same claim, when nobody knows whether it was made: then its own lease is in the row."""
    if await _asked(_CLAIMED, connection, lease, numbers):
        return True
    return await _asked(_CLAIM, connection, lease, numbers)


async def _asked(
    statement: str, connection: Connection, lease: Park, numbers: SystemNumbers
) -> bool:
    number = await numbers.find(connection, lease.recipient)
    if number is None:
        return False
    values = (lease.due_at_ms, lease.attempt, lease.owner, lease.lease_until_ms, lease.id, number)
    return await connection.fetchval(statement, *values) is not None


async def reclaim(connection: Connection, now_ms: int, owner: str | None) -> int:
    """Make due now what an owner that is gone had in hand; None: what anybody had."""
    return int(await connection.fetchval(_RECLAIM, now_ms, owner))


async def hasten(connection: Connection, shard: int, first_index: int, now_ms: int) -> int:
    """Make due now what nobody has begun of a log's deliveries, from a leaf on."""
    return int(await connection.fetchval(_HASTEN, shard, first_index, now_ms))


async def lease_mailbox(
    connection: Connection,
    recipient: SystemId,
    services: Sequence[ServiceCode],
    now_ms: int,
    lease_until_ms: int,
    count_max: int,
    kinds: Sequence[str],
    numbers: SystemNumbers,
) -> list[StoredDelivery]:
    """Lease the oldest free deliveries of a mailbox; each lease is one more attempt."""
    number = await numbers.find(connection, recipient)
    if number is None:
        return []
    rows = await connection.fetch(
        _LEASE_MAILBOX, number, list(services), now_ms, lease_until_ms, count_max, list(kinds)
    )
    return [await parse_delivery(connection, row, numbers) for row in rows]


async def extend_leases(
    connection: Connection,
    recipient: SystemId,
    leases: Sequence[HeldLease],
    lease_until_ms: int,
    numbers: SystemNumbers,
) -> dict[bytes, int]:
    """Make current leases run at least so long; until when, by id. Harmless to repeat."""
    named = await _named(connection, recipient, leases, numbers)
    rows = await connection.fetch(_EXTEND, *named, lease_until_ms) if named else []
    return {row["id"]: row["lease_until"] for row in rows}


async def release_leases(
    connection: Connection,
    recipient: SystemId,
    leases: Sequence[HeldLease],
    now_ms: int,
    reason: str | None,
    numbers: SystemNumbers,
) -> list[bytes]:
    """Free current leases, each with its line; their ids. Repeating it frees nothing more."""
    named = await _named(connection, recipient, leases, numbers)
    rows = await connection.fetch(_RELEASE, *named, now_ms, reason) if named else []
    return [row["id"] for row in rows]


async def _named(
    connection: Connection,
    recipient: SystemId,
    leases: Sequence[HeldLease],
    numbers: SystemNumbers,
) -> tuple[object, ...]:
    """The arguments of `_HELD`; empty when there is nothing to look for."""
    number = await numbers.find(connection, recipient)
    if number is None or not leases:
        return ()
    ids = [one.id for one in leases]
    return number, ids, [one.attempt for one in leases], min(ids), max(ids)


async def due_to_expire(connection: Connection, before_ms: int, count_max: int) -> list[bytes]:
    """Open exchanges whose ``answer_by`` is before a moment, the oldest first."""
    rows = await connection.fetch(
        "SELECT id FROM exchange WHERE state = 'open' AND answer_by < $1"
        " ORDER BY answer_by LIMIT $2",
        before_ms,
        count_max,
    )
    return [row["id"] for row in rows]
