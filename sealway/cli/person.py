"""`sealway person`: who has a token of their own, and which role it gives."""

from __future__ import annotations

import click

from sealway.cli.session import (
    bus_options,
    connected,
    examples,
    fetch,
    fetch_all,
    key_path,
    post,
)

ROLES = ("operator", "integrator", "auditor")
COLUMNS = ("id", "name", "role", "member", "state", "expires_at")
TOKEN_BYTES = 32
DAYS_MAX = 90


@click.group()
def person() -> None:
    """People: operators, members' integrators, auditors."""


@person.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What the token allows.")
@click.option("--member", metavar="ID", help="Whose integrator it is, like sx/GOV/1001.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS_MAX,
    show_default=True,
    help="How long the token counts.",
)
@bus_options
@examples(
    "sealway person add 'Anna Tamm' --role auditor --profile founder > anna.token",
    "sealway person add 'Bert Kask' --role integrator --member sx/GOV/1001 --days 30",
)
def add(
    name: str,
    role: str,
    member: str | None,
    days: int,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Give NAME a token, and print it: once, to standard output, and nothing else there.

    256 random bits are made here; the bus is told their SHA-256 and never the token.
    """
    import secrets

    from sealway.cli.output import note, print_json
    from signing.encoding import b64url_encode, sha256

    if (role == "integrator") != (member is not None):
        raise click.UsageError("An integrator needs --member; other roles have none.")
    token = b64url_encode(secrets.token_bytes(TOKEN_BYTES))
    body = {
        "name": name,
        "role": role,
        "days": days,
        "token_hash": b64url_encode(sha256(token.encode())),
        **({"member": member} if member is not None else {}),
    }
    with connected(profile_name) as bus:
        added = post(bus, "/v1/persons", body)
    if as_json:
        print_json({**added, "token": token})
        return 0
    of = f" of {member}" if member is not None else ""
    note(f"{name} is {role}{of}, id {added['id']}, until {added['expires_at']}.")
    note("The token is shown this once; keep it where only its owner reads.")
    print(token)
    return 0


@person.command("list")
@bus_options
@examples("sealway person list --profile founder", "sealway person list --json | jq '.items[].id'")
def list_(profile_name: str | None, as_json: bool) -> int:
    """Everybody who has, or had, a token."""
    from sealway.cli.output import print_json, print_table

    with connected(profile_name) as bus:
        found = fetch_all(bus, "/v1/persons")
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, found["items"])
    return 0


@person.command("show")
@click.argument("id")
@bus_options
@examples("sealway person show p0123456789abcdef")
def show(id: str, profile_name: str | None, as_json: bool) -> int:
    """One person."""
    from sealway.cli.output import print_json, print_object

    with connected(profile_name) as bus:
        found = fetch(bus, f"/v1/persons/{key_path(id)}")
    (print_json if as_json else print_object)(found)
    return 0


@person.command("revoke")
@click.argument("id")
@bus_options
@examples("sealway person revoke p0123456789abcdef --profile founder")
def revoke(id: str, profile_name: str | None, as_json: bool) -> int:
    """End a person's token: at once, on every gateway, for ever."""
    from sealway.cli.output import print_json, print_object

    with connected(profile_name) as bus:
        ended = post(bus, f"/v1/persons/{key_path(id)}/revoke", {})
    (print_json if as_json else print_object)(ended)
    return 0
