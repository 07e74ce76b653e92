"""Reads on PostgreSQL: each takes a connection from the pool, and sees what is committed."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from exchange.storage.boxes import MailboxDepth
from exchange.storage.postgres import anchors
from exchange.storage.postgres.connection import Connection, Connections
from exchange.storage.postgres.deliveries import COLUMNS, parse_delivery
from exchange.storage.postgres.facts import BOXED
from exchange.storage.postgres.numbers import SystemNumbers
from exchange.storage.postgres.statement import IS_HELD
from exchange.storage.postgres.together import Together
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
from signing.identifiers import ServiceCode, SystemId
from signing.log.merkle import HASH_BYTES

HEAD_COLUMNS: Final = (
    "shard, origin, epoch, state, size, root, frontier, last_ts, relayed_to, note, note_size"
)


def _with_kept(columns: str, table: str, where: str) -> str:
    """Rows of a table and those that outlived their day's partition: a row is in one of them."""
    tables = (table, f"kept_{table}")
    return " UNION ALL ".join(f"SELECT {columns} FROM {one} WHERE {where}" for one in tables)


_OF_THESE: Final = "id = ANY($1::bytea[]) AND id >= $2 AND id <= $3"
_MESSAGES = _with_kept(
    "id, sender, digest, shard, idx, leaf_hash, leaf_salt, envelope, envelope_key, content,"
    " content_key, accepted_at",
    "message",
    _OF_THESE,
)
_EXCHANGES = _with_kept("id, state, provider, service, answer_by, answer", "exchange", _OF_THESE)
_DELIVERIES = _with_kept(COLUMNS, "delivery", "id = $1")
_STEPS = _with_kept("id, at, code, attempt, next_at, detail, message, n", "step", "id = $1")
_DEAD = _with_kept(COLUMNS, "delivery", "state = 'dead'")
_DEPTHS_OF = _with_kept(
    "service, state, accepted_at, kind",
    "delivery",
    "recipient = $1 AND state IN ('ready', 'leased', 'dead')",
)
_DEPTHS = (
    "SELECT service, count(*) FILTER (WHERE state = 'ready'),"
    " count(*) FILTER (WHERE state = 'leased'), count(*) FILTER (WHERE state = 'dead'),"
    " min(accepted_at) FILTER (WHERE state IN ('ready', 'leased')), kind"
    f" FROM ({_DEPTHS_OF}) AS d"
    " GROUP BY service, kind ORDER BY service, kind"
)
_ENTRIES = (
    "SELECT first_index, entries FROM log_group WHERE shard = $1 AND first_index <= $3"
    " AND first_index >= coalesce((SELECT max(first_index) FROM log_group"
    " WHERE shard = $1 AND first_index <= $2), 0) ORDER BY first_index"
)
_BUNDLES = (
    "WITH wanted AS (SELECT DISTINCT n.shard, (SELECT max(first_index) FROM log_group g"
    " WHERE g.shard = n.shard AND g.first_index <= n.idx) AS first"
    " FROM unnest($1::int[], $2::bigint[]) AS n(shard, idx))"
    " SELECT g.shard, g.first_index, g.entries FROM wanted w"
    " JOIN log_group g ON g.shard = w.shard AND g.first_index = w.first"
    " ORDER BY g.shard, g.first_index"
)
_ENDED = (
    "SELECT id FROM exchange WHERE id = ANY($1::bytea[]) AND state <> 'open'"
    " AND id >= $2 AND id <= $3"
)
_UNRELAYED = (
    "SELECT d.id FROM delivery d JOIN message m ON m.id = d.id"
    " WHERE d.state = 'queued' AND d.attempt = 0"
    " AND d.due_at > $3 AND m.shard = $1 AND m.idx >= $2 ORDER BY m.idx LIMIT $4"
)
_REFUSALS = (
    "SELECT shard, idx, id, code, envelope, leaf_salt, key, until FROM refusal"
    " WHERE id = $1 ORDER BY until DESC, shard, idx DESC LIMIT $2"
)
_PLACES = _with_kept(
    "idx, id", "message", "id >= $1 AND id < $2 AND shard = $3 AND idx >= $4 AND idx < $5"
)
_REFUSAL_AT = (
    "SELECT shard, idx, id, code, envelope, leaf_salt, key, until FROM refusal"
    " WHERE shard = $1 AND idx = $2"
)
_LEASES = (
    f"SELECT shard, state, owner, {IS_HELD}, size, coalesce(note_size, 0), relayed_to"
    " FROM log_shard ORDER BY shard"
)

BUNDLES_MAX: Final = 256  # of leaves, which are small


async def _of_these(connection: Connection, statement: str, ids: Sequence[bytes]) -> list[Any]:
    """Rows by id; the bounds keep days out that hold none of them."""
    rows: list[Any] = await connection.fetch(statement, list(ids), min(ids), max(ids))
    return rows


def parse_head(row: Any) -> ShardHead:
    """A head from its columns, in the order of `HEAD_COLUMNS`."""
    shard, origin, epoch, state, size, root, frontier, last_ts, relayed_to, note, note_size = row
    hashes = tuple(frontier[at : at + HASH_BYTES] for at in range(0, len(frontier), HASH_BYTES))
    return ShardHead(
        *(shard, origin, epoch, state, size, root, hashes),
        *(last_ts, relayed_to, note, note_size or 0),
    )


class Readers:
    """Every read of the port. Each raises StorageUnavailable."""

    def __init__(self, connections: Connections, numbers: SystemNumbers) -> None:
        self._connections = connections
        self._numbers = numbers
        self._message = Together(self._messages)
        self._exchange = Together(self._exchanges)
        self._bundle = Together(self._bundles, BUNDLES_MAX)

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        rows: list[Any] = await self._connections.run(lambda c: c.fetch(statement, *values))
        return rows

    async def _fetch_one(self, statement: str, *values: object) -> Any:
        return await self._connections.run(lambda c: c.fetchrow(statement, *values))

    async def _find(self, system: SystemId) -> int | None:
        return await self._connections.run(lambda c: self._numbers.find(c, system))

    async def _deliveries(self, statement: str, *values: object) -> list[StoredDelivery]:
        async def read(connection: Connection) -> list[StoredDelivery]:
            rows = await connection.fetch(statement, *values)
            return [await parse_delivery(connection, row, self._numbers) for row in rows]

        return await self._connections.run(read)

    async def message(self, id_: bytes) -> StoredMessage | None:
        """A message by id, still sealed."""
        return await self._message.one(id_)

    async def _messages(self, ids: Sequence[bytes]) -> dict[bytes, StoredMessage]:
        async def read(connection: Connection) -> dict[bytes, StoredMessage]:
            found = {}
            for id_, sender, *others in await _of_these(connection, _MESSAGES, ids):
                name = await self._numbers.name(connection, sender)
                found[id_] = StoredMessage(id_, name, *others)
            return found

        return await self._connections.run(read)

    async def exchange(self, id_: bytes) -> StoredExchange | None:
        """An exchange by its request's id."""
        return await self._exchange.one(id_)

    async def _exchanges(self, ids: Sequence[bytes]) -> dict[bytes, StoredExchange]:
        async def read(connection: Connection) -> dict[bytes, StoredExchange]:
            found = {}
            for id_, state, provider, *others in await _of_these(connection, _EXCHANGES, ids):
                name = await self._numbers.name(connection, provider)
                found[id_] = StoredExchange(id_, ExchangeState(state), name, *others)
            return found

        return await self._connections.run(read)

    async def deliveries(self, id_: bytes) -> list[StoredDelivery]:
        """The deliveries of a message."""
        return await self._deliveries(_DELIVERIES, id_)

    async def steps(self, id_: bytes) -> list[StepRow]:
        """The timeline of a message, the oldest first."""
        rows = await self._fetch(f"{_STEPS} ORDER BY n", id_)
        return [StepRow(*row[:7]) for row in rows]

    async def mailbox_depths(self, system: SystemId) -> list[MailboxDepth]:
        """A system's mailbox, by service and kind of message."""
        return [MailboxDepth(*row) for row in await self._fetch(_DEPTHS, await self._find(system))]

    async def boxed(self, system: SystemId, service: ServiceCode | None) -> int:
        """How many requests wait for a service; without one, how many answers for the system."""
        row = await self._fetch_one(BOXED, await self._find(system), service)
        return int(row[0])

    async def dead(self, count_max: int) -> list[StoredDelivery]:
        """Dead letters, the oldest first."""
        return await self._deliveries(f"{_DEAD} ORDER BY accepted_at LIMIT $1", count_max)

    async def refusals(self, id_: bytes, count_max: int) -> list[StoredRefusal]:
        """What was refused under a message id, still sealed."""
        return [StoredRefusal(*row) for row in await self._fetch(_REFUSALS, id_, count_max)]

    async def message_places(
        self, shard: int, first: int, end: int, ids_from: bytes, ids_to: bytes
    ) -> list[tuple[int, bytes]]:
        """Index and id of the messages whose leaves are ``first`` to ``end`` (exclusive)."""
        rows = await self._fetch(_PLACES, ids_from, ids_to, shard, first, end)
        return [(row[0], row[1]) for row in rows]

    async def refusal_at(self, shard: int, index: int) -> StoredRefusal | None:
        """The refused envelope whose refusal's leaf stands there, still sealed."""
        row = await self._fetch_one(_REFUSAL_AT, shard, index)
        return None if row is None else StoredRefusal(*row)

    async def record(self, shard: int, index: int) -> tuple[bytes, bytes, bytes | None] | None:
        """A record's bytes, leaf salt and wrapped key."""
        row = await self._fetch_one(
            "SELECT bytes, leaf_salt, key FROM record WHERE shard = $1 AND idx = $2", shard, index
        )
        return None if row is None else (row[0], row[1], row[2])

    async def object_place(self, noun: str, key: str) -> ObjectPlace | None:
        """Where the change stands that made an object as it is."""
        row = await self._fetch_one(
            "SELECT version, idx, log FROM directory_object WHERE noun = $1 AND key = $2", noun, key
        )
        return None if row is None else ObjectPlace(*row)

    async def ended(self, ids: Sequence[bytes]) -> list[bytes]:
        """Which of these exchanges have ended."""
        if not ids:
            return []
        found = await self._fetch(_ENDED, list(ids), min(ids), max(ids))
        return [row[0] for row in found]

    async def unrelayed(
        self, shard: int, first_index: int, now_ms: int, count_max: int
    ) -> list[bytes]:
        """Queued deliveries of a log, from a leaf on, that nobody has begun and that aren't due."""
        found = await self._fetch(_UNRELAYED, shard, first_index, now_ms, count_max)
        return [row[0] for row in found]

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """The groups that hold leaves ``first`` to ``last``: first index and entry bundle."""
        if first == last:
            bundle = await self._bundle.one((shard, first))
            return [] if bundle is None else [bundle]
        return [tuple(row) for row in await self._fetch(_ENTRIES, shard, first, last)]

    async def _bundles(
        self, leaves: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], tuple[int, bytes]]:
        """By shard and index, the group that holds the leaf, if it is there."""
        shards, indexes = zip(*leaves, strict=True)
        by_shard: dict[int, list[tuple[int, bytes]]] = {}
        for shard, first, entries in await self._fetch(_BUNDLES, shards, indexes):
            by_shard.setdefault(shard, []).append((first, entries))
        found = {}
        for shard, index in leaves:
            groups = by_shard.get(shard, [])
            at = bisect_right(groups, index, key=itemgetter(0))
            if at:
                found[shard, index] = groups[at - 1]
        return found

    async def tile(self, shard: int, level: int, number: int) -> bytes | None:
        """A full tile's hashes."""
        row = await self._fetch_one(
            "SELECT hashes FROM log_tile WHERE shard = $1 AND level = $2 AND number = $3",
            *(shard, level, number),
        )
        return None if row is None else bytes(row[0])

    async def heads(self) -> list[ShardHead]:
        """Every log's committed head."""
        rows = await self._fetch(f"SELECT {HEAD_COLUMNS} FROM log_shard ORDER BY shard")
        return [parse_head(row) for row in rows]

    async def head(self, shard: int) -> ShardHead | None:
        """One log's committed head."""
        row = await self._fetch_one(f"SELECT {HEAD_COLUMNS} FROM log_shard WHERE shard = $1", shard)
        return None if row is None else parse_head(row)

    async def leases(self) -> list[ShardLease]:
        """Who holds which log, by the database's clock."""
        return [ShardLease(*row) for row in await self._fetch(_LEASES)]

    async def objects(self, after: int = 0) -> list[tuple[str, str, int, str]]:
        """Directory objects changed after a version: noun, key, version, JSON; by version."""
        rows = await self._fetch(
            "SELECT noun, key, version, object FROM directory_object WHERE version > $1"
            " ORDER BY version",
            after,
        )
        return [tuple(row) for row in rows]

    async def directory_version(self) -> int:
        """The committed directory version."""
        return int((await self._fetch_one("SELECT version FROM directory"))[0])

    async def anchors(
        self, log: int, heads_from_ms: int, count_max: int, *, cosigned: bool, stamped: bool
    ) -> list[AnchorRow]:
        """Anchors whose heads leaf isn't older, the smallest first."""
        return await self._connections.run(
            lambda c: anchors.anchors(c, log, heads_from_ms, count_max, cosigned, stamped)
        )

    async def last_anchor(self, log: int, *, cosigned: bool, stamped: bool) -> AnchorRow | None:
        """The anchor of the largest tree."""
        return await self._connections.run(lambda c: anchors.last_anchor(c, log, cosigned, stamped))
