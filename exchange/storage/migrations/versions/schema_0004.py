"""Schema 4: people with tokens, and grants that were asked for."""

from exchange.storage.migrations.statements import execute

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE person (
  id TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, member TEXT,
  token_hash {bytes} NOT NULL, added_by TEXT NOT NULL, added_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, revoked_at BIGINT,
  PRIMARY KEY (id), UNIQUE (token_hash)
);
CREATE TABLE grant_ask (
  id TEXT NOT NULL, consumer TEXT NOT NULL, system TEXT NOT NULL, service TEXT NOT NULL,
  members TEXT NOT NULL, asked_by TEXT NOT NULL, asked_at BIGINT NOT NULL, ended TEXT,
  ended_by TEXT, ended_at BIGINT, reason TEXT,
  PRIMARY KEY (id)
);
CREATE INDEX grant_ask_open ON grant_ask (consumer) WHERE ended IS NULL;
"""


def upgrade() -> None:
    """Nobody has a token yet, and nothing was asked for."""
    execute(postgres=TABLES.format(bytes="BYTEA"), sqlite=TABLES.format(bytes="BLOB"))
