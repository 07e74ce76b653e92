"""`sealway dead`: list, show, redrive, drop."""

from __future__ import annotations

import click

from sealway.cli.session import bus_options, connected, examples, fetch, fetch_all, post

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


@dead.command
@click.argument("id")
@click.option(
    "--may-repeat",
    is_flag=True,
    help="The provider says that the first attempt had no effect: for `repeat = never`.",
)
@bus_options
@examples("sealway dead redrive 01a201fb-aa7b-7cc0-98c4-dc0c0c07398f --profile founder")
def redrive(id: str, may_repeat: bool, profile_name: str | None, as_json: bool) -> int:
    """Have a dead letter tried again, now. Recorded with who decided.

    A service that must not be asked twice needs --may-repeat, once its provider has made sure.
    """
    return _decided(id, "redrive", {"may_repeat": may_repeat}, profile_name, as_json)


@dead.command
@click.argument("id")
@bus_options
@examples("sealway dead drop 01a201fb-aa7b-7cc0-98c4-dc0c0c07398f --profile founder")
def drop(id: str, profile_name: str | None, as_json: bool) -> int:
    """Hand a dead letter to nobody any more. Recorded with who decided.

    The bus can't answer for a provider: the exchange stays open until its time is over.
    """
    return _decided(id, "drop", {}, profile_name, as_json)


def _decided(
    id: str, verb: str, members: dict[str, bool], profile_name: str | None, as_json: bool
) -> int:
    from sealway.cli.output import print_json, print_object
    from signing.identifiers import parse_message_id

    with connected(profile_name) as bus:
        found = post(bus, f"/v1/dead/{parse_message_id(id)}/{verb}", members)
    if as_json:
        print_json(found)
    else:
        print_object(found)
    return 0
