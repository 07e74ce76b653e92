"""Schema 1: the tables of one bus, as they first landed.

On PostgreSQL what belongs to a message is partitioned by the time in its id, one partition a UTC
day, made by `exchange.storage.postgres.schema`; a log's groups by the hash of its number.
"""

from exchange.storage.migrations.statements import execute

revision = "0001"
down_revision = None

POSTGRES = """
CREATE SEQUENCE step_n;
CREATE TABLE bus (
  one INTEGER NOT NULL, schema_version INTEGER NOT NULL, bus TEXT NOT NULL, instance TEXT NOT NULL,
  PRIMARY KEY (one)
);
CREATE TABLE delivery (
  id BYTEA NOT NULL, recipient INTEGER NOT NULL, state TEXT NOT NULL, service TEXT NOT NULL,
  due_at BIGINT NOT NULL, owner TEXT, lease_until BIGINT, attempt INTEGER NOT NULL,
  misbehaved INTEGER NOT NULL, cause TEXT, accepted_at BIGINT NOT NULL,
  PRIMARY KEY (id, recipient)
) PARTITION BY RANGE (id);
CREATE INDEX delivery_boxed ON delivery (recipient, service, accepted_at)
  WHERE state IN ('ready', 'leased');
CREATE INDEX delivery_dead ON delivery (accepted_at) WHERE state = 'dead';
CREATE INDEX delivery_due ON delivery (due_at) WHERE state IN ('queued', 'in-flight');
CREATE TABLE directory (one INTEGER NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (one));
CREATE TABLE directory_object (
  noun TEXT NOT NULL, key TEXT NOT NULL, version BIGINT NOT NULL, idx BIGINT NOT NULL,
  object TEXT NOT NULL,
  PRIMARY KEY (noun, key)
);
CREATE TABLE exchange (
  id BYTEA NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL, provider INTEGER NOT NULL,
  service TEXT NOT NULL, answer_by BIGINT NOT NULL, wait_slot INTEGER, answer BYTEA,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX exchange_open ON exchange (answer_by) WHERE state = 'open';
CREATE TABLE log_group (
  shard INTEGER NOT NULL, first_index BIGINT NOT NULL, count INTEGER NOT NULL,
  entries BYTEA NOT NULL,
  PRIMARY KEY (shard, first_index)
) PARTITION BY HASH (shard);
CREATE TABLE log_shard (
  shard INTEGER NOT NULL, origin TEXT NOT NULL, owner TEXT, epoch BIGINT NOT NULL,
  lease_until BIGINT, state TEXT NOT NULL, size BIGINT NOT NULL, root BYTEA NOT NULL,
  frontier BYTEA NOT NULL, last_ts BIGINT NOT NULL, relayed_to BIGINT NOT NULL, note TEXT,
  note_size BIGINT,
  PRIMARY KEY (shard)
) WITH (fillfactor = 20);
CREATE TABLE log_tile (
  shard INTEGER NOT NULL, level INTEGER NOT NULL, number BIGINT NOT NULL, hashes BYTEA NOT NULL,
  PRIMARY KEY (shard, level, number)
);
CREATE TABLE message (
  id BYTEA NOT NULL, sender INTEGER NOT NULL, digest BYTEA NOT NULL, shard INTEGER NOT NULL,
  idx BIGINT NOT NULL, leaf_hash BYTEA NOT NULL, leaf_salt BYTEA NOT NULL, envelope BYTEA NOT NULL,
  envelope_key BYTEA, content BYTEA, content_key BYTEA, accepted_at BIGINT NOT NULL,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE record (
  shard INTEGER NOT NULL, idx BIGINT NOT NULL, bytes BYTEA NOT NULL, leaf_salt BYTEA NOT NULL,
  key BYTEA,
  PRIMARY KEY (shard, idx)
);
CREATE TABLE refusal (
  shard INTEGER NOT NULL, idx BIGINT NOT NULL, id BYTEA NOT NULL, code TEXT NOT NULL,
  envelope BYTEA NOT NULL, leaf_salt BYTEA NOT NULL, key BYTEA, until BIGINT NOT NULL,
  PRIMARY KEY (shard, idx)
);
CREATE TABLE step (
  n BIGINT DEFAULT nextval('step_n') NOT NULL, id BYTEA NOT NULL, at BIGINT NOT NULL,
  code TEXT NOT NULL, attempt INTEGER, next_at BIGINT,
  PRIMARY KEY (id, n)
) PARTITION BY RANGE (id);
CREATE INDEX ix_step_id ON step (id);
CREATE TABLE system_number (
  n SERIAL NOT NULL, system TEXT NOT NULL,
  PRIMARY KEY (n), UNIQUE (system)
);
ALTER TABLE message ALTER COLUMN envelope SET STORAGE EXTERNAL;
ALTER TABLE message ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE log_group ALTER COLUMN entries SET STORAGE EXTERNAL;
"""
GROUPS = (
    "CREATE TABLE log_group_{n} PARTITION OF log_group FOR VALUES WITH (MODULUS 16, REMAINDER {n});"
)

SQLITE = """
CREATE TABLE bus (
  one INTEGER NOT NULL, schema_version INTEGER NOT NULL, bus TEXT NOT NULL, instance TEXT NOT NULL,
  PRIMARY KEY (one)
);
CREATE TABLE delivery (
  id BLOB NOT NULL, recipient INTEGER NOT NULL, state TEXT NOT NULL, service TEXT NOT NULL,
  due_at BIGINT NOT NULL, owner TEXT, lease_until BIGINT, attempt INTEGER NOT NULL,
  misbehaved INTEGER NOT NULL, cause TEXT, accepted_at BIGINT NOT NULL,
  PRIMARY KEY (id, recipient)
);
CREATE INDEX delivery_boxed ON delivery (recipient, service, accepted_at)
  WHERE state IN ('ready', 'leased');
CREATE INDEX delivery_dead ON delivery (accepted_at) WHERE state = 'dead';
CREATE INDEX delivery_due ON delivery (due_at) WHERE state IN ('queued', 'in-flight');
CREATE TABLE directory (one INTEGER NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (one));
CREATE TABLE directory_object (
  noun TEXT NOT NULL, "key" TEXT NOT NULL, version BIGINT NOT NULL, idx BIGINT NOT NULL,
  object TEXT NOT NULL,
  PRIMARY KEY (noun, "key")
);
CREATE TABLE exchange (
  id BLOB NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL, provider INTEGER NOT NULL,
  service TEXT NOT NULL, answer_by BIGINT NOT NULL, wait_slot INTEGER, answer BLOB,
  PRIMARY KEY (id)
);
CREATE INDEX exchange_open ON exchange (answer_by) WHERE state = 'open';
CREATE TABLE log_group (
  shard INTEGER NOT NULL, first_index BIGINT NOT NULL, count INTEGER NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY (shard, first_index)
);
CREATE TABLE log_shard (
  shard INTEGER NOT NULL, origin TEXT NOT NULL, owner TEXT, epoch BIGINT NOT NULL,
  lease_until BIGINT, state TEXT NOT NULL, size BIGINT NOT NULL, root BLOB NOT NULL,
  frontier BLOB NOT NULL, last_ts BIGINT NOT NULL, relayed_to BIGINT NOT NULL, note TEXT,
  note_size BIGINT,
  PRIMARY KEY (shard)
);
CREATE TABLE log_tile (
  shard INTEGER NOT NULL, level INTEGER NOT NULL, number BIGINT NOT NULL, hashes BLOB NOT NULL,
  PRIMARY KEY (shard, level, number)
);
CREATE TABLE message (
  id BLOB NOT NULL, sender INTEGER NOT NULL, digest BLOB NOT NULL, shard INTEGER NOT NULL,
  idx BIGINT NOT NULL, leaf_hash BLOB NOT NULL, leaf_salt BLOB NOT NULL, envelope BLOB NOT NULL,
  envelope_key BLOB, content BLOB, content_key BLOB, accepted_at BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE record (
  shard INTEGER NOT NULL, idx BIGINT NOT NULL, bytes BLOB NOT NULL, leaf_salt BLOB NOT NULL,
  "key" BLOB,
  PRIMARY KEY (shard, idx)
);
CREATE TABLE refusal (
  shard INTEGER NOT NULL, idx BIGINT NOT NULL, id BLOB NOT NULL, code TEXT NOT NULL,
  envelope BLOB NOT NULL, leaf_salt BLOB NOT NULL, "key" BLOB, until BIGINT NOT NULL,
  PRIMARY KEY (shard, idx)
);
CREATE TABLE step (
  n INTEGER NOT NULL, id BLOB NOT NULL, at BIGINT NOT NULL, code TEXT NOT NULL, attempt INTEGER,
  next_at BIGINT,
  PRIMARY KEY (n)
);
CREATE INDEX ix_step_id ON step (id);
CREATE TABLE system_number (
  n INTEGER NOT NULL, system TEXT NOT NULL,
  PRIMARY KEY (n), UNIQUE (system)
);
"""


def upgrade() -> None:
    """Make the tables; the directory begins with version 0."""
    groups = "".join(GROUPS.format(n=n) for n in range(16))
    first = "INSERT INTO directory VALUES (1, 0)"
    execute(postgres=POSTGRES + groups + first, sqlite=SQLITE + first)
