"""`sealway grant`: add, list, show, withdraw; ask, asks, give, refuse."""

from __future__ import annotations

from typing import Any

import click

from sealway.cli.changing import add_ends, add_object, show_object
from sealway.cli.directory import noun_group
from sealway.cli.session import (
    F,
    bus_options,
    connected,
    examples,
    fetch,
    fetch_all,
    key_path,
    post,
)
from sealway.cli.signing_changes import signed_new, signer_option

ASK_ID = "a0123456789abcdef"
ASKED = (
    "id", "consumer", "system", "service", "legal_basis", "purposes", "valid_to", "test",
)  # fmt: skip
"""What of an ask becomes the grant's."""
ASK_COLUMNS = ("id", "consumer", "system", "service", "purposes", "state", "reason")

grant = noun_group(
    "grant",
    "Who may use which service, for what, on what legal basis.",
    ("id", "consumer", "system", "service", "purposes", "valid_to", "state"),
    "g0a1b2c3d4e5f607",
)
add_ends(
    grant,
    "g0a1b2c3d4e5f607",
    {"withdraw": ("withdrawn", "It covers nothing any more, from the next message on.")},
)


def _wanted(function: F) -> F:
    """Adds what a grant says, as it is given and as it is asked for."""
    for option in (
        click.option("--test", is_flag=True, help="For test messages too."),
        click.option("--valid-to", metavar="TIME", help="Its end, like 2027-01-01T00:00:00.000Z."),
        click.option("--purpose", "purposes", multiple=True, help="What for; may be repeated."),
        click.option("--legal-basis", required=True, help="The law that allows it."),
        click.option("--consumer", required=True, metavar="ID", help="The system that asks."),
        click.argument("code"),
        click.argument("system"),
    ):
        function = option(function)
    return function


def _members(given: dict[str, Any]) -> dict[str, Any]:
    """A grant's members from the options."""
    return {
        "consumer": given["consumer"],
        "system": given["system"],
        "service": given["code"],
        "legal_basis": given["legal_basis"],
        "purposes": list(given["purposes"]),
        "test": given["test"],
        **({"valid_to": given["valid_to"]} if given["valid_to"] else {}),
    }


@grant.command("add")
@_wanted
@signer_option
@bus_options
@examples(
    "sealway grant add sx/GOV/5005/customs declarations --consumer sx/GOV/1001/benefits "
    "--legal-basis 'Customs Act, section 12' --purpose child-benefit",
    "sealway grant add sx/GOV/5005/customs declarations --consumer sx/GOV/1001/benefits "
    "--legal-basis 'Customs Act, section 12' --signed-by customs",
)
def add(profile_name: str | None, signed_by: str | None, as_json: bool, **given: Any) -> int:
    """Give a consumer the right to use service CODE of your SYSTEM, without being asked.

    With --signed-by the grant is in the log with your own system's signature, and evidence of what
    was exchanged under it says `member-signed`; else `operator-asserted`.
    """
    members = _members(given)
    if signed_by is not None:
        members = signed_new(signed_by, profile_name, "grant", members)
    return add_object(profile_name, as_json, "/v1/grants", members)


@grant.command("ask")
@_wanted
@bus_options
@examples(
    "sealway grant ask sx/GOV/5005/customs declarations --consumer sx/GOV/1001/benefits "
    "--legal-basis 'Customs Act, section 12' --purpose child-benefit"
)
def ask(profile_name: str | None, as_json: bool, **given: Any) -> int:
    """Ask the provider's integrator for the right to use service CODE of SYSTEM."""
    return add_object(profile_name, as_json, "/v1/asks", _members(given))


@grant.command("asks")
@bus_options
@examples("sealway grant asks", "sealway grant asks --json | jq '.items[].state'")
def asks(profile_name: str | None, as_json: bool) -> int:
    """What was asked for, by your member and of it: asked, given, refused, withdrawn."""
    from sealway.cli.output import print_json, print_table

    with connected(profile_name) as bus:
        found = fetch_all(bus, "/v1/asks")
    if as_json:
        print_json(found)
    else:
        print_table(ASK_COLUMNS, found["items"])
    return 0


@grant.command("give")
@click.argument("id")
@signer_option
@bus_options
@examples(f"sealway grant give {ASK_ID}", f"sealway grant give {ASK_ID} --signed-by customs")
def give(id: str, profile_name: str | None, signed_by: str | None, as_json: bool) -> int:
    """Give the grant that was asked for, as it was asked for."""
    if signed_by is None:
        return _settle(id, "give", {}, profile_name, as_json)
    with connected(profile_name) as bus:
        found = fetch(bus, f"/v1/asks/{key_path(id)}")
        if found["state"] != "asked":
            click.echo(f"This ask is {found['state']}: there is nothing to give.", err=True)
            return 1
        wanted = {name: found[name] for name in ASKED if name in found}
        post(bus, "/v1/grants", signed_new(signed_by, profile_name, "grant", wanted))
        show_object(fetch(bus, f"/v1/asks/{key_path(id)}"), as_json)
    return 0


@grant.command("refuse")
@click.argument("id")
@click.option("--reason", required=True, help="Why; the consumer's integrator reads it.")
@bus_options
@examples(f"sealway grant refuse {ASK_ID} --reason 'The Act does not cover this.'")
def refuse(id: str, reason: str, profile_name: str | None, as_json: bool) -> int:
    """Refuse what was asked for."""
    return _settle(id, "refuse", {"reason": reason}, profile_name, as_json)


@grant.command("unask")
@click.argument("id")
@bus_options
@examples(f"sealway grant unask {ASK_ID}")
def unask(id: str, profile_name: str | None, as_json: bool) -> int:
    """Ask no longer; what was given is withdrawn by its provider."""
    return _settle(id, "withdraw", {}, profile_name, as_json)


def _settle(
    id: str, verb: str, members: dict[str, str], profile_name: str | None, as_json: bool
) -> int:
    with connected(profile_name) as bus:
        show_object(post(bus, f"/v1/asks/{key_path(id)}/{verb}", members), as_json)
    return 0
