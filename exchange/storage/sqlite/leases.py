"""Who writes which log on SQLite: this process, while it has the file's lock.

Taking raises the epoch, as it does where processes share a database. An owner is forgotten when
the file is opened: whoever has the lock may take every log at once.
"""

import sqlite3
from collections.abc import Sequence

from exchange.storage.rows import ShardHead
from exchange.storage.sqlite.group import HEAD_COLUMNS, parse_head

_OWNER = "this process"


def forget_owners(connection: sqlite3.Connection) -> None:
    """Nobody holds a log: the lock on the file has just been taken."""
    connection.execute("UPDATE log_shard SET owner = NULL WHERE owner IS NOT NULL")


def take_log(
    connection: sqlite3.Connection, shard: int | None, among: Sequence[int] | None
) -> ShardHead | None:
    """Take an open traffic log under a higher epoch; without a number, one that isn't held."""
    if shard is None:
        only = "" if among is None else f" AND shard IN ({','.join('?' * len(among))})"
        row = connection.execute(
            "SELECT shard FROM log_shard WHERE shard > 0 AND state = 'open' AND owner IS NULL"
            f"{only} ORDER BY shard LIMIT 1",
            among or (),
        ).fetchone()
        if row is None:
            return None
        (shard,) = row
    row = connection.execute(
        "UPDATE log_shard SET epoch = epoch + 1, owner = ?"
        f" WHERE shard = ? AND shard > 0 AND state = 'open' RETURNING {HEAD_COLUMNS}",
        (_OWNER, shard),
    ).fetchone()
    return None if row is None else parse_head(row)


def renew_log(connection: sqlite3.Connection, shard: int, epoch: int) -> bool:
    """Whether the log is still held under this epoch; there is nothing to renew."""
    row = connection.execute(
        "SELECT 1 FROM log_shard WHERE shard = ? AND epoch = ? AND owner = ? AND state = 'open'",
        (shard, epoch, _OWNER),
    ).fetchone()
    return row is not None


def release_log(connection: sqlite3.Connection, shard: int, epoch: int) -> None:
    """Let go of a log; harmless when it is no longer held."""
    connection.execute(
        "UPDATE log_shard SET owner = NULL WHERE shard = ? AND epoch = ? AND owner = ?",
        (shard, epoch, _OWNER),
    )
