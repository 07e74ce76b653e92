"""The rows of a group that the one statement doesn't carry: records, refusals, the directory.

Runs inside the slow path's transaction, after the statement.
"""

from exchange.storage.postgres.connection import Connection
from exchange.storage.postgres.deliveries import add_steps
from exchange.storage.postgres.numbers import SystemNumbers
from exchange.storage.rows import GroupWrite, ShardHead

_RECORD = "INSERT INTO record VALUES ($1, $2, $3, $4, $5)"
_REFUSAL = "INSERT INTO refusal VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
_OBJECT = (
    "INSERT INTO directory_object(noun, key, version, idx, object, log)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (noun, key) DO UPDATE SET"
    " version = excluded.version, idx = excluded.idx, object = excluded.object, log = excluded.log"
)
_CONFIRM = (
    "UPDATE delivery SET state = 'done', owner = NULL, lease_until = NULL"
    " WHERE id = $1 AND recipient = $2"
)
_KILL = (
    "UPDATE delivery SET state = 'dead', cause = $3, owner = NULL, lease_until = NULL"
    " WHERE id = $1 AND recipient = $2 AND state IN ('ready', 'queued', 'leased', 'in-flight')"
)
_SETTLE = (
    "UPDATE delivery SET state = $3, due_at = $4, misbehaved = 0, cause = NULL"
    " WHERE id = $1 AND recipient = $2 AND state = 'dead'"
)
_HEAD = (
    "INSERT INTO log_shard(shard, origin, epoch, state, size, root, frontier, last_ts, relayed_to,"
    " note, note_size) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)


def has_rest(write: GroupWrite) -> bool:
    """Whether a group has rows that the one statement doesn't carry."""
    return bool(
        write.records
        or write.refusals
        or write.confirms
        or write.kills
        or write.settles
        or write.steps
        or write.objects
        or write.opened
        or write.directory_version is not None
    )


def systems_of(write: GroupWrite) -> list[str]:
    """Every system whose number these rows, or later ones, need."""
    return [
        *(done.recipient for done in write.confirms),
        *(kill.recipient for kill in write.kills),
        *(one.recipient for one in write.settles),
        *(row.key for row, _, _ in write.objects if row.noun == "system"),
    ]


async def write_rest(connection: Connection, write: GroupWrite, numbers: SystemNumbers) -> None:
    """Write what is left of a decided group."""
    shard = write.head.shard
    if write.records:
        await connection.executemany(_RECORD, [(shard, *row) for row in write.records])
    if write.refusals:
        await connection.executemany(_REFUSAL, [(shard, *row) for row in write.refusals])
    if write.confirms:
        done = sorted((one.id, numbers[one.recipient]) for one in write.confirms)
        await connection.executemany(_CONFIRM, done)
    if write.kills:
        dead = sorted((one.id, numbers[one.recipient], one.cause) for one in write.kills)
        await connection.executemany(_KILL, dead)
    if write.settles:
        settled = sorted(
            (one.id, numbers[one.recipient], one.state.value, one.due_at_ms)
            for one in write.settles
        )
        await connection.executemany(_SETTLE, settled)
    await add_steps(connection, write.steps)
    if write.objects:
        rows = [(row.noun, row.key, v, index, row.object, shard) for row, v, index in write.objects]
        await connection.executemany(_OBJECT, rows)
    if write.directory_version is not None:
        await connection.execute("UPDATE directory SET version = $1", write.directory_version)
    for head in write.opened:
        await insert_head(connection, head)


async def insert_head(
    connection: Connection, head: ShardHead, *, may_be_there: bool = False
) -> None:
    """Write the row of a log that is opened; nobody owns it yet."""
    await connection.execute(
        _HEAD + (" ON CONFLICT DO NOTHING" if may_be_there else ""),
        *(head.shard, head.origin, head.epoch, head.state, head.size, head.root),
        *(b"".join(head.frontier), head.last_ts_ms, head.relayed_to, head.note, head.note_size),
    )
