"""`sealway mailbox`: show, lease, confirm, extend, release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealway.cli.session import (
    bus_options,
    connected,
    connected_as,
    conversation,
    examples,
    fetch,
    post,
)

if TYPE_CHECKING:
    from sealway.serving import Leased

KINDS = ("request", "response", "rejection")
_COLUMNS = ("service", "kind", "waiting", "leased", "oldest_age_s", "dead")


@click.group
def mailbox() -> None:
    """Look into a mailbox, lease from it, and end, extend or give up leases."""


@mailbox.command
@bus_options
@examples("sealway mailbox show --profile statistics")
def show(profile_name: str | None, as_json: bool) -> int:
    """What waits, service by service."""
    from sealway.cli.output import print_json, print_table

    with connected(profile_name) as bus:
        found = fetch(bus, "/v1/mailbox")
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, found.get("services", []))
    return 0


@mailbox.command
@click.option("--service", "services", multiple=True, metavar="CODE", help="Only these services.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these kinds of message."
)
@click.option("--max", "batch", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option("--wait", "wait_s", type=click.IntRange(0, 60), default=0, metavar="S")
@click.option("--lease", "lease_s", type=click.IntRange(1), default=900, metavar="S")
@bus_options
@examples("sealway mailbox lease --service population --wait 10 --json | jq '.deliveries[0].json'")
def lease(
    services: tuple[str, ...],
    kinds: tuple[str, ...],
    batch: int,
    wait_s: int,
    lease_s: int,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Take what waits and print it, verified. Exit 1: nothing waited.

    Requests, and the answers of a system that is registered with `answers = "mailbox"`.

    What is taken stays with you for --lease seconds; then it is handed out again, unless it was
    answered or confirmed.
    """
    from sealway.cli.output import note, print_json, print_object
    from sealway.profile import load_profile
    from sealway.serving import Serving
    from signing.manifest import ANSWERS

    profile = load_profile(profile_name)
    serving = Serving(conversation(profile), lease_s, wait_s, batch)
    with connected_as(profile) as connection:
        held = connection.run(serving.lease(services, kinds or KINDS))
        shown = []
        for leased in held:
            delivered = connection.run(serving.opened(leased))
            if delivered.envelope.manifest.kind in ANSWERS:
                shown.append(_answer(leased, delivered))
            elif (request := connection.run(serving.open(leased))) is not None:
                shown.append(_described(leased, request))
    if as_json:
        print_json({"deliveries": shown})
    else:
        for one in shown:
            print_object(one)
            print()
        if not shown:
            note("Nothing waits.")
    return 0 if shown else 1


def _answer(leased: Leased, delivered: Any) -> dict[str, Any]:
    """An answer in its consumer's mailbox; `about` is the request that it answers."""
    from sealway.exchange_rules import decode_json, rejection_text
    from signing.encoding import b64url_encode, format_time

    manifest = delivered.envelope.manifest
    described: dict[str, Any] = {
        "lease": leased.lease,
        "lease_until": format_time(leased.until_ms),
        "id": manifest.id,
        "kind": manifest.kind,
        "about": manifest.about.id,
        "digest": delivered.envelope.digest,
        "from": manifest.sender,
        "service": manifest.service,
        "attempt": leased.attempt,
        "test": manifest.test,
    }
    if manifest.kind == "rejection":
        return {**described, "reason": manifest.reason, "text": rejection_text(delivered)}
    body = delivered.message.parts.data[0]
    if manifest.parts[0].type == "application/json":
        return {**described, "json": decode_json(body)}
    return {**described, "body": b64url_encode(body)}


def _described(leased: Leased, delivered: Any) -> dict[str, Any]:
    from sealway.requests import Request
    from signing.encoding import b64url_encode, format_time

    request = Request.of(delivered, leased.attempt)
    described: dict[str, Any] = {
        "lease": leased.lease,
        "lease_until": format_time(leased.until_ms),
        "id": request.id,
        "digest": delivered.envelope.digest,
        "from": request.sender,
        "service": request.service,
        "attempt": request.attempt,
        "test": request.test,
    }
    if request.purpose is not None:
        described["purpose"] = request.purpose
    if request.type == "application/json":
        described["json"] = request.json
    else:
        described["body"] = b64url_encode(request.body)
    return described


_LEASES = click.argument("leases", nargs=-1, required=True, metavar="LEASE...")


@mailbox.command
@_LEASES
@bus_options
@examples("sealway mailbox confirm $lease")
def confirm(leases: tuple[str, ...], profile_name: str | None, as_json: bool) -> int:
    """End deliveries by their leases. Answering a request does so by itself.

    Exit 1: one of them was lost to a later lease.
    """
    return _called("confirm", {"leases": list(leases)}, profile_name, as_json)


@mailbox.command
@_LEASES
@click.option("--lease", "lease_s", type=click.IntRange(1), default=900, metavar="S")
@bus_options
@examples("sealway mailbox extend $lease --lease 3600")
def extend(leases: tuple[str, ...], lease_s: int, profile_name: str | None, as_json: bool) -> int:
    """Let leases run --lease seconds from now, as far as the bus allows; never shorter.

    Exit 1: one of them was lost to a later lease.
    """
    return _called("extend", {"leases": list(leases), "lease_s": lease_s}, profile_name, as_json)


@mailbox.command
@_LEASES
@click.option("--reason", metavar="CODE", help="A code that the timeline shows, like 'busy'.")
@bus_options
@examples("sealway mailbox release $lease --reason busy")
def release(
    leases: tuple[str, ...], reason: str | None, profile_name: str | None, as_json: bool
) -> int:
    """Give leases up: what they hold is handed out again at once.

    Exit 1: one of them was lost to a later lease.
    """
    members = {"leases": list(leases), **({} if reason is None else {"reason": reason})}
    return _called("release", members, profile_name, as_json)


def _called(verb: str, members: dict[str, Any], profile_name: str | None, as_json: bool) -> int:
    from sealway.cli.output import print_json, print_table

    with connected(profile_name) as bus:
        found = post(bus, f"/v1/mailbox/{verb}", members)
    results = found.get("results", [])
    if as_json:
        print_json(found)
    else:
        print_table(("lease", "state", "lease_until", "code"), results)
    return 1 if any("code" in result for result in results) else 0
