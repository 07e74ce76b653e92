"""Schema 2: log 0 can have a successor; rows that outlive their day.

``kept_*`` hold what is still open when its day's partitions go. SQLite has no partitions: there
such rows stay where they are.
"""

from exchange.storage.migrations.statements import execute

revision = "0002"
down_revision = "0001"

LOG_OF_AN_OBJECT = "ALTER TABLE directory_object ADD COLUMN log INTEGER DEFAULT 0 NOT NULL;"
KEPT = """
CREATE TABLE kept_delivery (
  id BYTEA NOT NULL, recipient INTEGER NOT NULL, state TEXT NOT NULL, service TEXT NOT NULL,
  due_at BIGINT NOT NULL, owner TEXT, lease_until BIGINT, attempt INTEGER NOT NULL,
  misbehaved INTEGER NOT NULL, cause TEXT, accepted_at BIGINT NOT NULL,
  PRIMARY KEY (id, recipient)
);
CREATE INDEX kept_delivery_recipient ON kept_delivery (recipient);
CREATE TABLE kept_exchange (
  id BYTEA NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL, provider INTEGER NOT NULL,
  service TEXT NOT NULL, answer_by BIGINT NOT NULL, wait_slot INTEGER, answer BYTEA,
  PRIMARY KEY (id)
);
CREATE TABLE kept_message (
  id BYTEA NOT NULL, sender INTEGER NOT NULL, digest BYTEA NOT NULL, shard INTEGER NOT NULL,
  idx BIGINT NOT NULL, leaf_hash BYTEA NOT NULL, leaf_salt BYTEA NOT NULL,
  envelope BYTEA NOT NULL, envelope_key BYTEA, content BYTEA, content_key BYTEA,
  accepted_at BIGINT NOT NULL, PRIMARY KEY (id)
);
CREATE TABLE kept_step (
  n BIGINT NOT NULL, id BYTEA NOT NULL, at BIGINT NOT NULL, code TEXT NOT NULL,
  attempt INTEGER, next_at BIGINT, PRIMARY KEY (id, n)
);
"""


def upgrade() -> None:
    """Objects so far stand in log 0; nothing was kept so far."""
    execute(postgres=LOG_OF_AN_OBJECT + KEPT, sqlite=LOG_OF_AN_OBJECT)
