"""`sealway member`: list, show."""

from __future__ import annotations

from sealway.cli.directory import noun_group

member = noun_group(
    "member",
    "Registered agencies and organisations.",
    ("id", "name", "state"),
    "sx/GOV/1001",
)
