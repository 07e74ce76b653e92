"""`sealway service`: list, show, mock."""

from __future__ import annotations

from sealway.cli.directory import noun_group
from sealway.cli.service_mock import mock

service = noun_group(
    "service",
    "Services that systems offer.",
    ("system", "code", "title", "repeat", "listed", "state"),
    "sx/GOV/2002/civil-registry/person-status",
)
service.add_command(mock)
