"""`sealway system`: add, list, show, suspend, resume, withdraw."""

from __future__ import annotations

import click

from sealway.cli.changing import add_ends, add_object
from sealway.cli.directory import noun_group
from sealway.cli.session import bus_options, examples

system = noun_group(
    "system",
    "Members' registered information systems.",
    ("id", "name", "state"),
    "sx/GOV/1001/benefits",
)
add_ends(
    system,
    "sx/GOV/1001/benefits",
    {
        "suspend": ("suspended", "It takes no part, from the next message on."),
        "resume": ("active", "It takes part again; the operator does this."),
        "withdraw": ("withdrawn", "It takes no part any more, for ever."),
    },
)


@system.command("add")
@click.argument("id")
@click.argument("name")
@bus_options
@examples("sealway system add sx/GOV/5005/customs 'Customs declarations' --profile joiner")
def add(id: str, name: str, profile_name: str | None, as_json: bool) -> int:
    """Register a system of your member."""
    return add_object(profile_name, as_json, "/v1/systems", {"id": id, "name": name})
