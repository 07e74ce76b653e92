"""Schema 7: answers in their consumers' mailboxes.

A delivery says of what kind its message is; all so far are of requests. The mailbox's index holds
it too, so that requests and answers are counted apart without reading their rows.
"""

from exchange.storage.migrations.statements import execute

revision = "0007"
down_revision = "0006"

DELIVERY = """
ALTER TABLE delivery ADD COLUMN kind TEXT DEFAULT 'request' NOT NULL;
DROP INDEX delivery_boxed;
CREATE INDEX delivery_boxed ON delivery (recipient, service, accepted_at, kind)
  WHERE state IN ('ready', 'leased');
"""
KEPT = """
ALTER TABLE kept_delivery ADD COLUMN kind TEXT DEFAULT 'request' NOT NULL;
ALTER TABLE kept_delivery ALTER COLUMN kind DROP DEFAULT;
"""


def upgrade() -> None:
    """Nothing is rewritten: a default that is constant stands in the table's definition."""
    execute(postgres=DELIVERY + KEPT, sqlite=DELIVERY)
