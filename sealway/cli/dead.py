"""`sealway dead`: list, show."""

from __future__ import annotations

import click

from sealway.cli.session import bus_options, connected, examples, fetch, fetch_all

_COLUMNS = ("id", "recipient", "service", "cause", "attempt", "at")


@click.group
def dead() -> None:
    """Dead letters: what was given up and waits for a person."""


@dead.command("list")
@bus_options
@examples("sealway dead list --profile founder")
def list_(profile_name: str | None, as_json: bool) -> int:
    """Every dead letter you may see."""
    from sealway.cli.output import print_json, print_table

    with connected(profile_name) as bus:
        found = fetch_all(bus, "/v1/dead")
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, found.get("items", []))
    return 0


@dead.command
@click.argument("id")
@bus_options
@examples("sealway dead show 01a201fb-aa7b-7cc0-98c4-dc0c0c07398f --profile founder")
def show(id: str, profile_name: str | None, as_json: bool) -> int:
    """One dead letter: what it is and what was tried."""
    from sealway.cli.output import print_json, print_object
    from signing.identifiers import parse_message_id

    with connected(profile_name) as bus:
        found = fetch(bus, f"/v1/dead/{parse_message_id(id)}")
    if as_json:
        print_json(found)
    else:
        print_object(found)
    return 0
