"""`sealway system`: list, show."""

from __future__ import annotations

from sealway.cli.directory import noun_group

system = noun_group(
    "system",
    "Members' registered information systems.",
    ("id", "name", "state"),
    "sx/GOV/1001/benefits",
)
