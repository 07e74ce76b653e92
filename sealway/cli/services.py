"""`sealway service`: list, show."""

from __future__ import annotations

from sealway.cli.directory import noun_group

service = noun_group(
    "service",
    "Services that systems offer.",
    ("system", "code", "title", "repeat", "listed", "state"),
    "sx/GOV/2002/civil-registry/person-status",
)
