"""`sealway message`: show, answer, receipt, refusals, cancel, acknowledge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from sealway.cli.parts import parts_option, save_attachments
from sealway.cli.session import bus_options, client, connected, examples, fetch

if TYPE_CHECKING:
    from sealway.answers import Anchored


@click.group
def message() -> None:
    """State, answer, receipt and refusals of a message; cancel or acknowledge it."""


@message.command
@click.argument("id")
@bus_options
@examples(
    "sealway message show 01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
    "sealway message show $id --json | jq -r .state",
)
def show(id: str, profile_name: str | None, as_json: bool) -> int:
    """How an exchange stands, and its timeline, in the bus's words."""
    from sealway.cli.output import print_json, print_object, print_table

    with connected(profile_name) as bus:
        found = fetch(bus, f"/v1/messages/{_checked(id)}")
    if as_json:
        print_json(found)
        return 0
    timeline = found.pop("timeline", [])
    print_object(found)
    if timeline:
        print()
        print_table(("at", "code", "attempt", "next_at"), timeline)
    return 0


@message.command
@click.argument("id")
@click.option("--wait", "wait_s", type=float, default=0.0, metavar="S", help="Wait up to S.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@parts_option
@bus_options
@examples("sealway message answer $id --wait 30", "sealway message answer $id -o answer.json")
def answer(
    id: str,
    wait_s: float,
    output: Path | None,
    folder: Path | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """The answer to a request of yours, once it is verified. Exit 2: none yet."""
    from sealway.cli.ask import show_answer

    with client(profile_name) as bus:
        found = bus.exchange(_checked(id)).answer(wait_s)
        if output is not None:
            output.write_bytes(found.body)
        if output is None or as_json:
            show_answer(found, as_json)
        save_attachments(found, folder)
    return 0


@message.command
@click.argument("id")
@bus_options
@click.option(
    "--anchors",
    type=click.File("rb"),
    metavar="POLICY",
    help="The anchored receipt instead, verified under this C2SP tlog-policy.",
)
@click.option(
    "--roots",
    type=click.File("rb"),
    metavar="PEM",
    help="With --anchors: a time-stamp under one of these roots is required.",
)
@examples(
    "sealway message receipt $id > $id.tlog-proof",
    "sealway message receipt $id --anchors sx.policy --roots tsa.pem > $id.anchored.json",
)
def receipt(
    id: str,
    anchors: BinaryIO | None,
    roots: BinaryIO | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """The receipt of a message of yours, once it is verified: a C2SP tlog-proof.

    With --anchors the one that witnesses and time-stamp authorities vouch for, as JSON.
    """
    from sealway.cli.ask import receipt_json
    from sealway.cli.output import note, print_json

    if roots is not None and anchors is None:
        raise click.UsageError("--roots needs --anchors")
    with client(profile_name) as bus:
        exchange = bus.exchange(_checked(id))
        if anchors is not None:
            trusted = roots.read() if roots is not None else b""
            return _show_anchored(exchange.anchored(anchors.read(), trusted), as_json)
        found = exchange.receipt
    if as_json:
        print_json({"id": id, **receipt_json(found)})
    else:
        print(found.text, end="")
        note(f"verified: {found.log} #{found.index}")
    return 0


def _show_anchored(found: Anchored, as_json: bool) -> int:
    from sealway.cli.output import note, print_json
    from signing.encoding import format_time

    at = None if found.stamped_ms is None else format_time(found.stamped_ms)
    if as_json:
        witnesses = sorted(found.cosigned_s)
        print_json({"log": found.log, "index": found.index, "witnesses": witnesses, "before": at})
        return 0
    print(found.data.decode())
    cosigned = ", ".join(sorted(found.cosigned_s))
    note(f"verified: {found.log} #{found.index}, cosigned by {cosigned}")
    note(f"it was there before {at}" if at else "no time-stamp was asked for")
    return 0


@message.command
@click.argument("id")
@bus_options
@examples(
    "sealway message refusals $id", "sealway message refusals $id --json | jq -r .[0].receipt"
)
def refusals(id: str, profile_name: str | None, as_json: bool) -> int:
    """What the bus refused under an id of yours, each proven to be in its log.

    Exit 1: nothing of yours was refused under it.
    """
    from sealway.cli.ask import receipt_json
    from sealway.cli.output import print_json, print_table
    from signing.encoding import format_time

    with client(profile_name) as bus:
        found = bus.refusals(_checked(id))
    if as_json:
        print_json([{"code": one.code, **receipt_json(one.receipt)} for one in found])
        return 0
    lines = [
        {
            "at": format_time(one.receipt.accepted_ms),
            "code": one.code,
            "log": one.receipt.log,
            "index": one.receipt.index,
        }
        for one in found
    ]
    print_table(("at", "code", "log", "index"), lines)
    return 0


@message.command
@click.argument("id")
@bus_options
@examples("sealway message cancel $id")
def cancel(id: str, profile_name: str | None, as_json: bool) -> int:
    """Say that the answer to a request of yours isn't wanted any more.

    Exit 1: it was answered before.
    """
    from sealway.cli.output import print_json, print_object

    with client(profile_name) as bus:
        state = bus.exchange(_checked(id)).cancel()
    found = {"id": id, "state": state}
    if as_json:
        print_json(found)
    else:
        print_object(found)
    return 0


@message.command
@click.argument("id")
@click.option("--not-accepted", is_flag=True, help="It has arrived, and is not what was needed.")
@bus_options
@examples("sealway message acknowledge $id", "sealway message acknowledge $id --not-accepted")
def acknowledge(id: str, not_accepted: bool, profile_name: str | None, as_json: bool) -> int:
    """Say that the answer to a request of yours has arrived, signed and logged.

    Exit 2: there is no answer yet.
    """
    from sealway.cli.ask import receipt_json
    from sealway.cli.output import note, print_json

    with client(profile_name) as bus:
        found = bus.exchange(_checked(id)).acknowledge(accepted=not not_accepted)
    if as_json:
        print_json({"id": id, "receipt": receipt_json(found)})
    else:
        note(f"verified: acknowledged, {found.log} #{found.index}")
    return 0


def _checked(message_id: str) -> str:
    from signing.identifiers import parse_message_id

    return parse_message_id(message_id)
