"""Attacks on a stopped bus's folder: rows, leaves, tiles, logs. `fsck` must find each."""

import json
import shutil
from pathlib import Path

from tests.attacks.tools import database, flip, leaves_of, note, rewrite, root, sha

LEAVES = "000000000000.leaves"


def _value(folder: Path, table: str, column: str, where: str) -> None:
    with database(folder) as connection:
        row = connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchone()
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid = ?",
            (flip(row[1], len(row[1]) // 2), row[0]),
        )


def flipped_envelope(folder: Path) -> None:
    _value(folder, "message", "envelope", "idx = 7 AND shard = 1")


def flipped_part(folder: Path) -> None:
    _value(folder, "message", "content", "idx = 7 AND shard = 1")


def flipped_leaf(folder: Path) -> None:
    with database(folder) as connection:
        where = "WHERE shard = 1 AND first_index = 0"
        (entries,) = connection.execute(f"SELECT entries FROM log_group {where}").fetchone()
        at = entries.index(b'"ts":') + 10
        connection.execute(f"UPDATE log_group SET entries = ? {where}", (flip(entries, at),))


def flipped_record(folder: Path) -> None:
    _value(folder, "record", "bytes", "shard = 0 AND idx = 4")


def flipped_tile(folder: Path) -> None:
    _value(folder, "log_tile", "hashes", "shard = 1")


def flipped_root(folder: Path) -> None:
    _value(folder, "log_shard", "root", "shard = 1")


def deleted_row(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("DELETE FROM message WHERE shard = 1 AND idx = 9")


def deleted_leaf(folder: Path) -> None:
    with database(folder) as connection:
        leaves = leaves_of(connection, 1)
    rewrite(folder, 1, [*leaves[:20], *leaves[21:]], sign=False)


def swapped_leaves(folder: Path) -> None:
    with database(folder) as connection:
        leaves = leaves_of(connection, 1)
    leaves[20], leaves[21] = leaves[21], leaves[20]
    rewrite(folder, 1, leaves, sign=False)


def truncated_tail(folder: Path) -> None:
    with database(folder) as connection:
        leaves = leaves_of(connection, 1)
        connection.execute("DELETE FROM message WHERE shard = 1 AND idx >= ?", (len(leaves) - 9,))
        connection.execute("DELETE FROM refusal WHERE shard = 1 AND idx >= ?", (len(leaves) - 9,))
    rewrite(folder, 1, leaves[:-9])


def rewritten_log(folder: Path) -> None:
    """Under the log's own key, everything stored made to fit."""
    with database(folder) as connection:
        leaves = leaves_of(connection, 1)
    told = json.loads(leaves[5])
    leaves[5] = json.dumps({**told, "ts": told["ts"] - 1}, separators=(",", ":")).encode()
    rewrite(folder, 1, leaves)


def rewritten_log_zero(folder: Path) -> None:
    """A grant that never was taken out of log 0, under log 0's own key."""
    with database(folder) as connection:
        leaves = leaves_of(connection, 0)
        connection.execute("DELETE FROM record WHERE shard = 0 AND idx = 10")
        connection.execute("UPDATE record SET idx = idx - 1 WHERE shard = 0 AND idx > 10")
    rewrite(folder, 0, [*leaves[:10], *leaves[11:]])


def rolled_back(folder: Path) -> None:
    """An older copy of the database, under the newer signature of log 1."""
    newer = folder / "data" / "sealway.db"
    with database(folder) as connection:
        signed = connection.execute(
            "SELECT note, note_size FROM log_shard WHERE shard = 1"
        ).fetchone()
    shutil.copyfile(folder / "older.db", newer)
    with database(folder) as connection:
        connection.execute("UPDATE log_shard SET note = ?, note_size = ? WHERE shard = 1", signed)


def secret_shard(folder: Path) -> None:
    with database(folder) as connection:
        leaves = leaves_of(connection, 1)[:3]
        connection.execute(
            "INSERT INTO log_shard(shard, origin, epoch, state, size, root, frontier, last_ts,"
            " relayed_to) VALUES (2, 'sx.example/log/2', 1, 'open', 0, x'', x'', 0, 0)"
        )
    shutil.copyfile(folder / "keys" / "log-1", folder / "keys" / "log-2")
    rewrite(folder, 2, leaves)


def another_key(folder: Path) -> None:
    """The checkpoint of log 0 signed by log 1's key, as if that were log 0's."""
    with database(folder) as connection:
        tree = [sha(b"\x00" + leaf) for leaf in leaves_of(connection, 0)]
        text = note("sx.example/log/0", len(tree), root(tree), folder / "keys" / "log-1")
        connection.execute("UPDATE log_shard SET note = ? WHERE shard = 0", (text,))


def forged_grant_row(folder: Path) -> None:
    """A grant in the directory that the bus reads, and in no record of log 0."""
    with database(folder) as connection:
        row = connection.execute(
            "SELECT key, object FROM directory_object WHERE noun = 'grant'"
        ).fetchone()
        wider = json.dumps({**json.loads(row[1]), "purposes": ["anything"]})
        connection.execute(
            "UPDATE directory_object SET object = ? WHERE noun = 'grant' AND key = ?",
            (wider, row[0]),
        )


def moved_row(folder: Path) -> None:
    """Two messages under each other's leaves."""
    with database(folder) as connection:
        for old, new in ((3, -1), (5, 3), (-1, 5)):
            connection.execute("UPDATE message SET idx = ? WHERE shard = 1 AND idx = ?", (new, old))
