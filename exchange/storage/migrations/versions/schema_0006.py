"""Schema 6: anchored checkpoints of log 0, and which process asks for them.

What was never asked about has no row; nothing that is stored before changes.
"""

from exchange.storage.migrations.statements import execute

revision = "0006"
down_revision = "0004"

ANCHORS = """
CREATE TABLE anchor (
  log INTEGER NOT NULL, size BIGINT NOT NULL, note TEXT NOT NULL, heads_idx BIGINT,
  heads_at BIGINT, cosigned_at BIGINT, token {blob}, stamped_at BIGINT,
  PRIMARY KEY (log, size)
);
CREATE TABLE anchoring (
  log INTEGER NOT NULL, owner TEXT, lease_until BIGINT, cosigned_at BIGINT, stamped_at BIGINT,
  PRIMARY KEY (log)
);
CREATE INDEX anchor_heads_at ON anchor (log, heads_at);
"""


def upgrade() -> None:
    """Both tables are empty: the first round after the start fills them."""
    execute(postgres=ANCHORS.format(blob="BYTEA"), sqlite=ANCHORS.format(blob="BLOB"))
