"""`sealway service`: add, list, show, suspend, resume, withdraw, mock."""

from __future__ import annotations

from typing import Any

import click

from sealway.cli.changing import add_ends, add_object
from sealway.cli.directory import noun_group
from sealway.cli.service_mock import mock
from sealway.cli.session import bus_options, examples

EXAMPLE = "sx/GOV/2002/civil-registry/person-status"

service = noun_group(
    "service",
    "Services that systems offer.",
    ("system", "code", "title", "repeat", "listed", "state"),
    EXAMPLE,
)
service.add_command(mock)
add_ends(
    service,
    EXAMPLE,
    {
        "suspend": ("suspended", "Nobody is let in, from the next message on."),
        "resume": ("active", "It is offered again."),
        "withdraw": ("withdrawn", "It is not offered any more, for ever."),
    },
)


@service.command("add")
@click.argument("system")
@click.argument("code")
@click.option("--title", required=True, help="One line for the catalogue.")
@click.option("--request", required=True, metavar="SUBJECT", help="Schema of questions.")
@click.option("--response", required=True, metavar="SUBJECT", help="Schema of answers.")
@click.option("--unlisted", is_flag=True, help="Shown to those with a grant only.")
@bus_options
@examples(
    "sealway service add sx/GOV/5005/customs declarations --title 'Declarations of a trader' "
    "--request sx/GOV/5005/declarations.request --response sx/GOV/5005/declarations.response"
)
def add(profile_name: str | None, as_json: bool, **given: Any) -> int:
    """Offer service CODE of your SYSTEM, answered from its mailbox.

    Schemas by subject (their newest version now) or by fingerprint. A service that is answered by
    push or by an adapter, or with another deadline, is a table of `sealway apply FILE`; so is every
    change of one that is there.
    """
    members = {
        "system": given["system"],
        "code": given["code"],
        "title": given["title"],
        "request_schema": _schema(given["request"]),
        "response_schema": _schema(given["response"]),
        "listed": not given["unlisted"],
    }
    return add_object(profile_name, as_json, "/v1/services", members)


def _schema(named: str) -> Any:
    return named if named.startswith("sha256:") else {"subject": named}
