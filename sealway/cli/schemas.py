"""`sealway schema`: what is registered, what may be, and how it comes and goes."""

from __future__ import annotations

from sealway.cli.directory import noun_group
from sealway.cli.schema_add import add
from sealway.cli.schema_check import check, diff
from sealway.cli.schema_example import show
from sealway.cli.schema_export import export
from sealway.cli.schema_lint import lint
from sealway.cli.schema_states import activate, delete, deprecate, retire, rules

schema = noun_group(
    "schema",
    "Payload contracts, by fingerprint.",
    ("subject", "version", "id", "format", "state", "fingerprint"),
    "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
)
schema.add_command(lint)
schema.add_command(show)  # in place of the usual one
for _verb in (add, check, diff, activate, deprecate, retire, delete, rules, export):
    schema.add_command(_verb)
