"""Reads on SQLite: each call takes a reading connection from a small pool and gives it back.

Nothing here is on the path of an accepted message that is answered at once.
"""

import asyncio
import queue
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from exchange.storage.boxes import MailboxDepth
from exchange.storage.errors import StorageUnavailable
from exchange.storage.rows import (
    AnchorRow,
    ExchangeState,
    ObjectPlace,
    ShardHead,
    ShardLease,
    StepRow,
    StoredDelivery,
    StoredExchange,
    StoredMessage,
    StoredRefusal,
)
from exchange.storage.sqlite import anchors
from exchange.storage.sqlite.boxes import count_boxed
from exchange.storage.sqlite.connection import connect
from exchange.storage.sqlite.deliveries import COLUMNS, parse_delivery
from exchange.storage.sqlite.group import (
    HEAD_COLUMNS,
    SystemNumbers,
    parse_head,
    select_in,
)
from signing.identifiers import ServiceCode, SystemId

READERS: Final = 3  # two cores and one to spare; SQLite readers never block each other
T = TypeVar("T")

_MESSAGE = (
    "id, sender, digest, shard, idx, leaf_hash, leaf_salt, envelope, envelope_key, content,"
    " content_key, accepted_at"
)
_UNRELAYED = (
    "SELECT d.id FROM delivery d INDEXED BY delivery_due JOIN message m ON m.id = d.id"
    " WHERE d.state IN ('queued', 'in-flight') AND d.state = 'queued' AND d.attempt = 0"
    " AND d.due_at > ? AND m.shard = ? AND m.idx >= ? ORDER BY m.idx LIMIT ?"
)
_PLACES = (
    "SELECT idx, id FROM message WHERE id >= ? AND id < ? AND shard = ? AND idx >= ? AND idx < ?"
)
_REFUSAL_AT = (
    "SELECT shard, idx, id, code, envelope, leaf_salt, key, until FROM refusal"
    " WHERE shard = ? AND idx = ?"
)


class Readers:
    """A pool of reading connections, each used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="sealway-reader")
        self._free: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._numbers = SystemNumbers()

    def start(self) -> None:
        """Open the connections."""
        for _ in range(READERS):
            self._free.put(connect(self._path, read_only=True))

    async def stop(self) -> None:
        """Finish running reads and close."""
        await asyncio.to_thread(self._pool.shutdown)
        while not self._free.empty():
            self._free.get().close()

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Carry out one read. Raises StorageUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, read)

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._free.get()
        try:
            return read(connection)
        except sqlite3.Error as error:
            raise StorageUnavailable(
                "The database can't be read at the moment; ask again.", cause=repr(error)
            ) from error
        finally:
            self._free.put(connection)

    async def message(self, id_: bytes) -> StoredMessage | None:
        """A message by id, still sealed."""

        def read(connection: sqlite3.Connection) -> StoredMessage | None:
            row = connection.execute(
                f"SELECT {_MESSAGE} FROM message WHERE id = ?", (id_,)
            ).fetchone()
            if row is None:
                return None
            return StoredMessage(row[0], self._numbers.system(connection, row[1]), *row[2:])

        return await self.run(read)

    async def exchange(self, id_: bytes) -> StoredExchange | None:
        """An exchange by its request's id."""

        def read(connection: sqlite3.Connection) -> StoredExchange | None:
            row = connection.execute(
                "SELECT id, state, provider, service, answer_by, answer FROM exchange WHERE id = ?",
                (id_,),
            ).fetchone()
            if row is None:
                return None
            provider = self._numbers.system(connection, row[2])
            return StoredExchange(row[0], ExchangeState(row[1]), provider, *row[3:])

        return await self.run(read)

    async def deliveries(self, id_: bytes) -> list[StoredDelivery]:
        """The deliveries of a message."""

        def read(connection: sqlite3.Connection) -> list[StoredDelivery]:
            rows = connection.execute(f"SELECT {COLUMNS} FROM delivery WHERE id = ?", (id_,))
            return [parse_delivery(connection, row, self._numbers) for row in rows.fetchall()]

        return await self.run(read)

    async def steps(self, id_: bytes) -> list[StepRow]:
        """The timeline of a message, the oldest first."""

        def read(connection: sqlite3.Connection) -> list[StepRow]:
            rows = connection.execute(
                "SELECT id, at, code, attempt, next_at, detail, message FROM step"
                " WHERE id = ? ORDER BY n",
                (id_,),
            )
            return [StepRow(*row) for row in rows]

        return await self.run(read)

    async def mailbox_depths(self, system: SystemId) -> list[MailboxDepth]:
        """A system's mailbox, by service and kind of message."""

        def read(connection: sqlite3.Connection) -> list[MailboxDepth]:
            rows = connection.execute(
                "SELECT service, sum(state = 'ready'), sum(state = 'leased'), sum(state = 'dead'),"
                " min(CASE WHEN state IN ('ready', 'leased') THEN accepted_at END), kind"
                " FROM delivery WHERE recipient = ? AND state IN ('ready', 'leased', 'dead')"
                " GROUP BY service, kind ORDER BY service, kind",
                (self._numbers.find(connection, system),),
            )
            return [MailboxDepth(*row) for row in rows]

        return await self.run(read)

    async def boxed(self, system: SystemId, service: ServiceCode | None) -> int:
        """How many requests wait for a service; without one, how many answers for the system."""

        def read(connection: sqlite3.Connection) -> int:
            return count_boxed(connection, self._numbers.find(connection, system), service)

        return await self.run(read)

    async def dead(self, count_max: int) -> list[StoredDelivery]:
        """Dead letters, the oldest first."""

        def read(connection: sqlite3.Connection) -> list[StoredDelivery]:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM delivery INDEXED BY delivery_dead WHERE state = 'dead'"
                " ORDER BY accepted_at LIMIT ?",
                (count_max,),
            )
            return [parse_delivery(connection, row, self._numbers) for row in rows.fetchall()]

        return await self.run(read)

    async def refusals(self, id_: bytes, count_max: int) -> list[StoredRefusal]:
        """What was refused under a message id, still sealed."""

        def read(connection: sqlite3.Connection) -> list[StoredRefusal]:
            rows = connection.execute(
                "SELECT shard, idx, id, code, envelope, leaf_salt, key, until FROM refusal"
                " WHERE id = ? ORDER BY until DESC, shard, idx DESC LIMIT ?",
                (id_, count_max),
            )
            return [StoredRefusal(*row) for row in rows]

        return await self.run(read)

    async def message_places(
        self, shard: int, first: int, end: int, ids_from: bytes, ids_to: bytes
    ) -> list[tuple[int, bytes]]:
        """Index and id of the messages whose leaves are ``first`` to ``end`` (exclusive)."""

        def read(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            return connection.execute(_PLACES, (ids_from, ids_to, shard, first, end)).fetchall()

        return await self.run(read)

    async def refusal_at(self, shard: int, index: int) -> StoredRefusal | None:
        """The refused envelope whose refusal's leaf stands there, still sealed."""

        def read(connection: sqlite3.Connection) -> StoredRefusal | None:
            row = connection.execute(_REFUSAL_AT, (shard, index)).fetchone()
            return None if row is None else StoredRefusal(*row)

        return await self.run(read)

    async def record(self, shard: int, index: int) -> tuple[bytes, bytes, bytes | None] | None:
        """A record's bytes, leaf salt and wrapped key."""

        def read(connection: sqlite3.Connection) -> tuple[bytes, bytes, bytes | None] | None:
            row: tuple[bytes, bytes, bytes | None] | None = connection.execute(
                "SELECT bytes, leaf_salt, key FROM record WHERE shard = ? AND idx = ?",
                (shard, index),
            ).fetchone()
            return row

        return await self.run(read)

    async def object_place(self, noun: str, key: str) -> ObjectPlace | None:
        """Where the change stands that made an object as it is."""

        def read(connection: sqlite3.Connection) -> ObjectPlace | None:
            row = connection.execute(
                "SELECT version, idx, log FROM directory_object WHERE noun = ? AND key = ?",
                (noun, key),
            ).fetchone()
            return None if row is None else ObjectPlace(*row)

        return await self.run(read)

    async def ended(self, ids: Sequence[bytes]) -> list[bytes]:
        """Which of these exchanges have ended."""

        def read(connection: sqlite3.Connection) -> list[bytes]:
            found = select_in(connection, "SELECT id, state FROM exchange WHERE id", ids)
            return [id_ for id_, state in found if state != ExchangeState.OPEN]

        return await self.run(read)

    async def unrelayed(
        self, shard: int, first_index: int, now_ms: int, count_max: int
    ) -> list[bytes]:
        """Queued deliveries of a log, from a leaf on, that nobody has begun and that aren't due."""

        def read(connection: sqlite3.Connection) -> list[bytes]:
            rows = connection.execute(_UNRELAYED, (now_ms, shard, first_index, count_max))
            return [id_ for (id_,) in rows]

        return await self.run(read)

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """The groups that hold leaves ``first`` to ``last``: first index and entry bundle."""

        def read(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            return connection.execute(
                "SELECT first_index, entries FROM log_group WHERE shard = ? AND first_index <= ?"
                " AND first_index >= coalesce((SELECT max(first_index) FROM log_group"
                " WHERE shard = ? AND first_index <= ?), 0) ORDER BY first_index",
                (shard, last, shard, first),
            ).fetchall()

        return await self.run(read)

    async def tile(self, shard: int, level: int, number: int) -> bytes | None:
        """A full tile's hashes."""

        def read(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT hashes FROM log_tile WHERE shard = ? AND level = ? AND number = ?",
                (shard, level, number),
            ).fetchone()
            return row and bytes(row[0])

        return await self.run(read)

    async def heads(self) -> list[ShardHead]:
        """Every log's committed head."""

        def read(connection: sqlite3.Connection) -> list[ShardHead]:
            rows: Sequence[tuple[object, ...]] = connection.execute(
                f"SELECT {HEAD_COLUMNS} FROM log_shard ORDER BY shard"
            ).fetchall()
            return [parse_head(row) for row in rows]

        return await self.run(read)

    async def head(self, shard: int) -> ShardHead | None:
        """One log's committed head."""

        def read(connection: sqlite3.Connection) -> ShardHead | None:
            row = connection.execute(
                f"SELECT {HEAD_COLUMNS} FROM log_shard WHERE shard = ?", (shard,)
            ).fetchone()
            return None if row is None else parse_head(row)

        return await self.run(read)

    async def leases(self) -> list[ShardLease]:
        """Who holds which log: an owner is this process, since the file was opened."""

        def read(connection: sqlite3.Connection) -> list[ShardLease]:
            rows = connection.execute(
                "SELECT shard, state, owner, owner IS NOT NULL, size, coalesce(note_size, 0),"
                " relayed_to FROM log_shard ORDER BY shard"
            )
            return [
                ShardLease(shard, state, owner, bool(is_held), *others)
                for shard, state, owner, is_held, *others in rows
            ]

        return await self.run(read)

    async def objects(self, after: int = 0) -> list[tuple[str, str, int, str]]:
        """Directory objects changed after a version: noun, key, version, JSON."""

        def read(connection: sqlite3.Connection) -> list[tuple[str, str, int, str]]:
            return connection.execute(
                "SELECT noun, key, version, object FROM directory_object WHERE version > ?"
                " ORDER BY version",
                (after,),
            ).fetchall()

        return await self.run(read)

    async def directory_version(self) -> int:
        """The committed directory version."""

        def read(connection: sqlite3.Connection) -> int:
            return int(connection.execute("SELECT version FROM directory").fetchone()[0])

        return await self.run(read)

    async def anchors(
        self, log: int, heads_from_ms: int, count_max: int, *, cosigned: bool, stamped: bool
    ) -> list[AnchorRow]:
        """Anchors whose heads leaf isn't older, the smallest first."""
        return await self.run(
            lambda c: anchors.anchors(c, log, heads_from_ms, count_max, cosigned, stamped)
        )

    async def last_anchor(self, log: int, *, cosigned: bool, stamped: bool) -> AnchorRow | None:
        """The anchor of the largest tree."""
        return await self.run(lambda c: anchors.last_anchor(c, log, cosigned, stamped))
