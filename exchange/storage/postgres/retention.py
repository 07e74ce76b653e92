"""Retention on PostgreSQL: a day's rows leave with its partitions; what is still open is kept.

A day goes in three steps, each of which may be interrupted and goes on with the next call: what is
open moves to ``kept_*`` in one transaction; each partition is detached while traffic goes on; it
is dropped. Invariant: a partition is detached only after its day's open rows have moved, and a row
that is over never becomes open again.
"""

import re
from typing import Final

import asyncpg

from exchange.storage.postgres.connection import Connection
from exchange.storage.postgres.schema import BY_TIME, partition_name

DETACH_TIMEOUT_S: Final = 600.0  # it waits for every transaction that began before it
# Somebody else detaches this one, drops it, or was in the way: the next call goes on.
_ANOTHERS: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedObjectError,
)
_PARTITIONS: Final = (
    "SELECT c.relname FROM pg_class c"
    " WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'message'::regclass)"
    " AND c.relkind = 'r' AND c.relname ~ '^(delivery|exchange|message|step)_d[0-9]+$'"
)
_ATTACHED: Final = (
    "SELECT i.inhdetachpending FROM pg_inherits i WHERE i.inhrelid = to_regclass($1)"
    " AND i.inhparent = to_regclass($2)"
)
_OPEN_ROWS: Final = """
WITH kept AS MATERIALIZED (
  SELECT id FROM {exchange} WHERE state = 'open'
  UNION SELECT id FROM {delivery}
    WHERE state IN ('ready', 'queued', 'leased', 'in-flight', 'dead')
), deliveries AS (
  DELETE FROM {delivery} d USING kept WHERE d.id = kept.id RETURNING d.*
), exchanges AS (
  DELETE FROM {exchange} e USING kept WHERE e.id = kept.id RETURNING e.*
), messages AS (
  DELETE FROM {message} m USING kept WHERE m.id = kept.id RETURNING m.*
), steps AS (
  DELETE FROM {step} s USING kept WHERE s.id = kept.id RETURNING s.*
), kept_deliveries AS (
  INSERT INTO kept_delivery(id, recipient, state, service, due_at, owner, lease_until, attempt,
    misbehaved, cause, accepted_at, kind)
  SELECT id, recipient, state, service, due_at, owner, lease_until, attempt, misbehaved, cause,
    accepted_at, kind FROM deliveries
), kept_exchanges AS (
  INSERT INTO kept_exchange(id, state, version, provider, service, answer_by, wait_slot, answer)
  SELECT id, state, version, provider, service, answer_by, wait_slot, answer FROM exchanges
), kept_messages AS (
  INSERT INTO kept_message(id, sender, digest, shard, idx, leaf_hash, leaf_salt, envelope,
    envelope_key, content, content_key, accepted_at)
  SELECT id, sender, digest, shard, idx, leaf_hash, leaf_salt, envelope, envelope_key, content,
    content_key, accepted_at FROM messages
), kept_steps AS (
  INSERT INTO kept_step(n, id, at, code, attempt, next_at, detail, message)
  SELECT n, id, at, code, attempt, next_at, detail, message FROM steps
)
SELECT count(*) FROM kept
"""


async def days_before(connection: Connection, day: int) -> dict[int, list[str]]:
    """The days before one that have partitions left, and of which tables; the oldest first."""
    found: dict[int, list[str]] = {}
    for (name,) in await connection.fetch(_PARTITIONS):
        parsed = re.fullmatch(r"(\w+)_d(\d+)", name)
        assert parsed is not None
        if int(parsed[2]) < day:
            found.setdefault(int(parsed[2]), []).append(parsed[1])
    return {number: sorted(found[number]) for number in sorted(found)}


async def keep_open_rows(connection: Connection, day: int) -> int:
    """Move what is still open of a day to ``kept_*``; how many messages, all or none."""
    names = {table: partition_name(table, day) for table in BY_TIME}
    try:
        async with connection.transaction():
            await connection.fetchval("SELECT one FROM bus FOR UPDATE")  # one at a time
            statement = _OPEN_ROWS.format(**names)
            return int(await connection.fetchval(statement, timeout=DETACH_TIMEOUT_S))
    except asyncpg.UndefinedTableError:
        return 0  # whoever drops this day has moved its open rows


async def drop_partition(connection: Connection, table: str, day: int) -> bool:
    """Detach one partition beside the traffic, and drop it; False: somebody else is at it.

    Goes on with a detaching that was interrupted.
    """
    name = partition_name(table, day)
    try:
        pending = await connection.fetchval(_ATTACHED, name, table)
        if pending is not None:
            how = "FINALIZE" if pending else "CONCURRENTLY"
            await connection.execute(
                f"ALTER TABLE {table} DETACH PARTITION {name} {how}", timeout=DETACH_TIMEOUT_S
            )
        await connection.execute(f"DROP TABLE IF EXISTS {name}")
    except _ANOTHERS:
        return False
    return True
