"""The tables of one bus, once, for every engine (delivery.md, *Tables*).

Owns names, types and indexes. No foreign keys: rows of one message are written in one group and
leave with one partition. Times are integers, milliseconds since 1970 UTC.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData()

bus = Table(
    "bus",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("schema_version", Integer, nullable=False),
    Column("bus", Text, nullable=False),
    Column("instance", Text, nullable=False),
)

directory = Table(
    "directory",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("version", BigInteger, nullable=False, comment="registry, trust and policy leaves"),
)

directory_object = Table(
    "directory_object",
    metadata,
    Column("noun", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("version", BigInteger, nullable=False, comment="of the change that made it so"),
    Column("idx", BigInteger, nullable=False, comment="that change's leaf in its log"),
    Column("object", Text, nullable=False, comment="the record's `after`, as JSON"),
    Column(
        "log", Integer, nullable=False, server_default=text("0"), comment="log 0 or a successor"
    ),
    PrimaryKeyConstraint("noun", "key"),
)

system_number = Table(
    "system_number",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("system", Text, nullable=False, unique=True),
)

log_shard = Table(
    "log_shard",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("owner", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    Column("state", Text, nullable=False, comment="open, frozen or closed"),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("last_ts", BigInteger, nullable=False, comment="the last leaf's ts, never passed back"),
    Column("relayed_to", BigInteger, nullable=False),
    Column("note", Text, comment="the last signed checkpoint that a group carried here"),
    Column("note_size", BigInteger),
)

log_group = Table(
    "log_group",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("first_index", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("entries", LargeBinary, nullable=False, comment="u16be length, leaf, for each"),
    PrimaryKeyConstraint("shard", "first_index"),
)

log_tile = Table(
    "log_tile",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False, comment="256 hashes: full tiles only"),
    PrimaryKeyConstraint("shard", "level", "number"),
)

anchor = Table(
    "anchor",
    metadata,
    Column("log", Integer, nullable=False, comment="0, or a successor's negative number"),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False, comment="the checkpoint with its cosignatures"),
    Column("heads_idx", BigInteger, comment="the last heads leaf that it covers"),
    Column("heads_at", BigInteger, comment="that leaf's ts"),
    Column("cosigned_at", BigInteger, comment="when a quorum had cosigned it"),
    Column("token", LargeBinary, comment="the time-stamp authority's response"),
    Column("stamped_at", BigInteger, comment="the time that it states"),
    PrimaryKeyConstraint("log", "size"),
)

anchoring = Table(
    "anchoring",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("owner", Text),
    Column("lease_until", BigInteger),
    Column("cosigned_at", BigInteger, comment="the last quorum, or since when one is asked for"),
    Column("stamped_at", BigInteger, comment="the last time-stamp, or since when"),
)

message = Table(
    "message",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("sender", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("leaf_salt", LargeBinary, nullable=False, comment="wrapped under the envelope's key"),
    Column("envelope", LargeBinary, nullable=False),
    Column("envelope_key", LargeBinary, comment="absent once erased"),
    Column("content", LargeBinary),
    Column("content_key", LargeBinary, comment="absent once erased"),
    Column("accepted_at", BigInteger, nullable=False),
)

record = Table(
    "record",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    Column("leaf_salt", LargeBinary, nullable=False),
    Column("key", LargeBinary, comment="absent for records that are not encrypted"),
    PrimaryKeyConstraint("shard", "idx"),
)

refusal = Table(
    "refusal",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("id", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("leaf_salt", LargeBinary, nullable=False),
    Column("key", LargeBinary),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("shard", "idx"),
)

step = Table(
    "step",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("id", LargeBinary, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("attempt", Integer),
    Column("next_at", BigInteger),
    Column("detail", Text, comment="the reason or status that was given, a code"),
    Column("message", LargeBinary, comment="the id of the message that says so"),
)

exchange = Table(
    "exchange",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("provider", Integer, nullable=False),
    Column("service", Text, nullable=False),
    Column("answer_by", BigInteger, nullable=False),
    Column("wait_slot", Integer),
    Column("answer", LargeBinary),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", LargeBinary, nullable=False),
    Column("recipient", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("owner", Text),
    Column("lease_until", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("misbehaved", Integer, nullable=False, comment="attempts the provider answered wrongly"),
    Column("cause", Text, comment="why it is dead"),
    Column("accepted_at", BigInteger, nullable=False),
    Column(
        "kind", Text, nullable=False, server_default=text("'request'"), comment="of the message"
    ),
    PrimaryKeyConstraint("id", "recipient"),
)

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True, comment="no name: records hold it for ever"),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False, comment="operator, integrator or auditor"),
    Column("member", Text, comment="an integrator's"),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("added_by", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

grant_ask = Table(
    "grant_ask",
    metadata,
    Column("id", Text, primary_key=True, comment="of the grant to be"),
    Column("consumer", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("members", Text, nullable=False, comment="the grant's other members, as JSON"),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column(
        "ended",
        Text,
        comment="given, refused or withdrawn; that the grant stands the directory says",
    ),
    Column("ended_by", Text),
    Column("ended_at", BigInteger),
    Column("reason", Text),
)

_WAITING = text("state IN ('queued', 'in-flight')")
_BOXED = text("state IN ('ready', 'leased')")
_OPEN = text("state = 'open'")
_DEAD = text("state = 'dead'")

Index("delivery_due", delivery.c.due_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
Index(
    "delivery_boxed",
    delivery.c.recipient,
    delivery.c.service,
    delivery.c.accepted_at,
    delivery.c.kind,
    sqlite_where=_BOXED,
    postgresql_where=_BOXED,
)
Index("delivery_dead", delivery.c.accepted_at, sqlite_where=_DEAD, postgresql_where=_DEAD)
Index("refusal_id", refusal.c.id)
Index("anchor_heads_at", anchor.c.log, anchor.c.heads_at)
_NOT_ENDED = text("ended IS NULL")
Index(
    "grant_ask_open",
    grant_ask.c.consumer,
    sqlite_where=_NOT_ENDED,
    postgresql_where=_NOT_ENDED,
)
Index("exchange_open", exchange.c.answer_by, sqlite_where=_OPEN, postgresql_where=_OPEN)


def _kept(table: Table) -> Table:
    """A table like this one, for rows that outlive their day's partition; PostgreSQL only."""
    columns = [Column(one.name, one.type, nullable=one.nullable) for one in table.columns]
    key = PrimaryKeyConstraint(
        *(("id", "n") if table is step else table.primary_key.columns.keys())
    )
    return Table(f"kept_{table.name}", metadata, *columns, key, info={"only": "postgresql"})


kept_message = _kept(message)
kept_exchange = _kept(exchange)
kept_delivery = _kept(delivery)
kept_step = _kept(step)
Index("kept_delivery_recipient", kept_delivery.c.recipient)
