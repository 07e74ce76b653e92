"""`sealway sandbox`: join, offer, grant."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from sealway.cli.session import (
    connected,
    examples,
    json_option,
    outside,
    post,
    profile_option,
)

INSTANCE = "sandbox"
MEMBER_DIGITS = 8
TOKEN_BYTES = 32
DAYS = 365


@click.group
def sandbox() -> None:
    """Join a sandbox, offer services there and have grants, without asking anybody."""


@sandbox.command
@click.argument("url")
@click.option("--system", required=True, metavar="NAME", help="Your system, like fisheries.")
@click.option("--member", metavar="CODE", help="Your member's code; a random one otherwise.")
@click.option("--name", metavar="PROFILE", help="The profile's name; the system's otherwise.")
@json_option
@examples(
    "sealway sandbox join http://127.0.0.1:8480 --system fisheries",
    "sealway sandbox join http://127.0.0.1:8480 --system fisheries --member 70001 --name try",
)
def join(url: str, system: str, member: str | None, name: str | None, as_json: bool) -> int:
    """Become a member of the sandbox at URL: make a key, register, write a profile.

    A second profile, PROFILE-integrator, has the token of your member's integrator.

    Nobody is asked and nothing is compared: a sandbox is for trying, never for real data. Its key
    and its certificates are good for nothing on any other bus.
    """
    from sealway.cli.output import print_json, print_object
    from sealway.connection import Connection
    from sealway.profile import profile_path

    name = name or system
    path = profile_path(name)
    if path.exists():
        raise click.BadParameter(f"{path} exists already; choose another --name")
    code = member or str(secrets.randbelow(10**MEMBER_DIGITS)).zfill(MEMBER_DIGITS)
    system_id = f"{INSTANCE}/TEST/{code}/{system}"
    connection = Connection(url.rstrip("/"), transport=outside().transport)
    try:
        told = _joined(connection, path, name, system_id)
    finally:
        connection.close()
    said = {
        "profile": name,
        "integrator": f"{name}-integrator",
        "file": str(path),
        "system": told["system"],
        "bus": told["bus"],
    }
    (print_json if as_json else print_object)(said)
    return 0


def _joined(connection: Any, path: Path, name: str, system_id: str) -> dict[str, Any]:
    from sealway.cli.key import DAY_MS, _write_new
    from sealway.cli.profile import _write
    from sealway.cli.session import clock
    from sealway.profile import profile_from
    from sealway.steps import Call, object_of
    from sealway.trust import Trust
    from signing.certificates import der_to_pem, issue_self_signed
    from signing.encoding import b64url_encode, sha256
    from signing.identifiers import parse_system_id
    from signing.keys import generate_key, private_key_pem

    about = object_of(connection.call(Call("GET", "/.well-known/sealway")))
    if about.get("instance") != INSTANCE:
        raise click.UsageError(f"the bus at {connection.url} is no sandbox; ask its operator")
    now_ms, key = clock().now_ms(), generate_key("ES256")
    system = parse_system_id(system_id)
    der = issue_self_signed(key, system, now_ms - 60_000, now_ms + DAYS * DAY_MS)
    token = b64url_encode(secrets.token_bytes(TOKEN_BYTES))
    wish = {
        "system": system,
        "name": name,
        "certificate": b64url_encode(der),
        "token_hash": b64url_encode(sha256(token.encode())),
    }
    told = post(connection, "/v1/sandbox/members", wish)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_new(path.with_name(f"{name}.key.pem"), private_key_pem(key), 0o600)
    _write_new(path.with_name(f"{name}.cert.pem"), der_to_pem(der), 0o644)
    members = {
        "url": connection.url,
        "bus": told["bus"],
        "instance": told["instance"],
        "log_key": told["log_key"],
        "system": system,
        "key": f"{name}.key.pem",
        "certificate": f"{name}.cert.pem",
    }
    Trust.of(profile_from(name, members, path.parent))
    _write(path, members)
    _write_new(path.with_name(f"{name}.token"), f"{token}\n".encode(), 0o600)
    person = {one: members[one] for one in ("url", "bus", "instance", "log_key")}
    _write(path.with_name(f"{name}-integrator.toml"), {**person, "token": f"{name}.token"})
    return told


@sandbox.command
@click.argument("code")
@click.option("--title", help="For people; the code otherwise.")
@click.option(
    "--request",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Schema of questions.",
)
@click.option(
    "--response",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Schema of answers; the first of its `examples` answers.",
)
@click.option("--mailbox", is_flag=True, help="You answer, from your mailbox or an agent.")
@profile_option
@json_option
@examples(
    "sealway sandbox offer catches --request q.json --response a.json",
    "sealway sandbox offer catches --request q.json --response a.json --mailbox",
)
def offer(
    code: str,
    title: str | None,
    request: Path,
    response: Path,
    mailbox: bool,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Offer a service, or change it: its two schemas, and who answers.

    Without --mailbox the sandbox answers, with the first of the response schema's `examples`.
    """
    from sealway.cli.output import print_json, print_object

    wish = {
        "code": code,
        "title": title or code,
        "request": _schema(request, "--request"),
        "response": _schema(response, "--response"),
        "answers": "mailbox" if mailbox else "examples",
    }
    with connected(profile_name) as connection:
        told = post(connection, "/v1/sandbox/services", wish)
    (print_json if as_json else print_object)(told)
    return 0


@sandbox.command
@click.argument("service", metavar="SYSTEM/SERVICE")
@profile_option
@json_option
@examples("sealway sandbox grant sandbox/TEST/70001/fisheries/catches")
def grant(service: str, profile_name: str | None, as_json: bool) -> int:
    """Have a grant for a service, at once and for any purpose."""
    from sealway.cli.output import print_json, print_object

    system, _, code = service.rpartition("/")
    with connected(profile_name) as connection:
        told = post(connection, "/v1/sandbox/grants", {"system": system, "service": code})
    (print_json if as_json else print_object)(told)
    return 0


def _schema(file: Path, option: str) -> dict[str, Any]:
    import json

    try:
        value = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise click.BadParameter(f"{file} is not JSON", param_hint=option) from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"{file} holds no JSON object", param_hint=option)
    return value
