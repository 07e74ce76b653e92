"""Who writes which log: the lease on a log's row, by the database's clock.

Safety comes from the epoch in the group commit's swap alone; the lease only says when another
process may raise it. Each commit renews its log's lease.
"""

from collections.abc import Sequence

from exchange.storage.postgres.connection import Connection
from exchange.storage.postgres.reads import HEAD_COLUMNS, parse_head
from exchange.storage.postgres.statement import IS_HELD, NOW_MS
from exchange.storage.rows import ShardHead

_FREE = f"state = 'open' AND NOT ({IS_HELD})"
_RAISE = f"UPDATE log_shard SET epoch = epoch + 1, owner = $1, lease_until = {NOW_MS} + $2::bigint"
_TAKE_ANY = (
    f"{_RAISE} WHERE shard = (SELECT shard FROM log_shard WHERE shard > 0 AND {_FREE}"
    " AND ($3::int[] IS NULL OR shard = ANY($3)) ORDER BY shard LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING {HEAD_COLUMNS}"
)
_TAKE_ONE = (
    f"{_RAISE} WHERE shard = $3 AND shard > 0 AND ({_FREE} OR state = 'open' AND owner = $1)"
    f" RETURNING {HEAD_COLUMNS}"
)
_RENEW = (
    f"UPDATE log_shard SET lease_until = {NOW_MS} + $4::bigint"
    " WHERE shard = $1 AND epoch = $2 AND owner = $3 AND state = 'open' RETURNING 1"
)
_RELEASE = (
    "UPDATE log_shard SET owner = NULL, lease_until = NULL"
    " WHERE shard = $1 AND epoch = $2 AND owner = $3"
)


async def take_log(
    connection: Connection,
    owner: str,
    lease_ms: int,
    shard: int | None,
    among: Sequence[int] | None,
) -> ShardHead | None:
    """Take a log that nobody holds, or this one when it is free or one's own; None: none is."""
    if shard is None:
        numbers = None if among is None else list(among)
        row = await connection.fetchrow(_TAKE_ANY, owner, lease_ms, numbers)
    else:
        row = await connection.fetchrow(_TAKE_ONE, owner, lease_ms, shard)
    return None if row is None else parse_head(row)


async def renew_log(
    connection: Connection, owner: str, lease_ms: int, shard: int, epoch: int
) -> bool:
    """Renew a lease while no group does; False when the log is somebody else's now."""
    return await connection.fetchval(_RENEW, shard, epoch, owner, lease_ms) is not None


async def release_log(connection: Connection, owner: str, shard: int, epoch: int) -> None:
    """Let another process take a log at once; harmless when it is no longer held."""
    await connection.execute(_RELEASE, shard, epoch, owner)
