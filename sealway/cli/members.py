"""`sealway member`: add, list, show, suspend, resume."""

from __future__ import annotations

import click

from sealway.cli.changing import add_ends, add_object
from sealway.cli.directory import noun_group
from sealway.cli.session import bus_options, examples

member = noun_group(
    "member",
    "Registered agencies and organisations.",
    ("id", "name", "state"),
    "sx/GOV/1001",
)
add_ends(
    member,
    "sx/GOV/1001",
    {
        "suspend": ("suspended", "None of its systems takes part, from the next message on."),
        "resume": ("active", "Its systems take part again."),
    },
)


@member.command("add")
@click.argument("id")
@click.argument("name")
@bus_options
@examples("sealway member add sx/GOV/5005 'Customs Board' --profile operator")
def add(id: str, name: str, profile_name: str | None, as_json: bool) -> int:
    """Admit an agency; the operator does. Its integrator registers everything below it."""
    return add_object(profile_name, as_json, "/v1/members", {"id": id, "name": name})
