"""`sealway grant`: list, show."""

from __future__ import annotations

from sealway.cli.directory import noun_group

grant = noun_group(
    "grant",
    "Who may use which service, for what, on what legal basis.",
    ("id", "consumer", "system", "service", "purposes", "valid_to", "state"),
    "g0a1b2c3d4e5f607",
)
