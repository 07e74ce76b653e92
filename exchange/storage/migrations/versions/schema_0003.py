"""Schema 3: a line of a timeline may name a code and a message; refusals are found by their id.

``detail`` is what somebody gave as the reason or the status, ``message`` the message that says so.
"""

from exchange.storage.migrations.statements import execute

revision = "0003"
down_revision = "0002"

STEPS = "ALTER TABLE step ADD COLUMN detail TEXT; ALTER TABLE step ADD COLUMN message {};"
KEPT = (
    "ALTER TABLE kept_step ADD COLUMN detail TEXT; ALTER TABLE kept_step ADD COLUMN message BYTEA;"
)
REFUSALS = "CREATE INDEX refusal_id ON refusal (id);"


def upgrade() -> None:
    """Lines so far name nothing; every refusal so far is in the index."""
    execute(
        postgres=STEPS.format("BYTEA") + KEPT + REFUSALS, sqlite=STEPS.format("BLOB") + REFUSALS
    )
