"""`sealway schema`: list, show, check, diff."""

from __future__ import annotations

from sealway.cli.directory import noun_group
from sealway.cli.schema_check import check, diff

schema = noun_group(
    "schema",
    "Payload contracts, by fingerprint.",
    ("subject", "version", "id", "format", "state", "fingerprint"),
    "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
)
schema.add_command(check)
schema.add_command(diff)
