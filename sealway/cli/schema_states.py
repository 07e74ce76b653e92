"""`sealway schema activate, deprecate, retire, delete, rules`: the life of a schema."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import click

from sealway.cli.schema_add import TIMEOUT_S
from sealway.cli.session import (
    bus_options,
    connected,
    examples,
    fetch,
    fetch_all,
    key_path,
    post,
)

_VERSION: Final = re.compile(r"(.+)@([1-9][0-9]{0,8})")
_INHERIT: Final = "INHERIT"
_LEVELS: Final = (
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL",
    "FULL_TRANSITIVE", _INHERIT,
)  # fmt: skip


def path_of(bus: Any, key: str) -> str:
    """Where the schema of a key is. Raises click.BadParameter for a version that isn't there."""
    found = _VERSION.fullmatch(key)
    if found is None:
        return f"/v1/schemas/{key_path(key)}"
    there = {one["version"]: one["fingerprint"] for one in _versions(bus, found[1])}
    if (fingerprint := there.get(int(found[2]))) is None:
        listed = ", ".join(map(str, sorted(there))) or "none"
        raise click.BadParameter(
            f"There is no version {found[2]} of {found[1]!r} for you; there are: {listed}."
        )
    return f"/v1/schemas/{fingerprint}"


def newest_path(bus: Any, key: str) -> str:
    """As `path_of`; a subject alone stands for its newest version, whatever its state."""
    if _VERSION.fullmatch(key) or key.startswith("sha256:") or key.isdecimal():
        return path_of(bus, key)
    versions = _versions(bus, key)
    if not versions:
        raise click.BadParameter(f"There is no subject {key!r} for you; see 'sealway schema list'.")
    return f"/v1/schemas/{max(versions, key=lambda one: int(one['version']))['fingerprint']}"


def _versions(bus: Any, subject: str) -> list[dict[str, Any]]:
    listed = fetch_all(bus, f"/v1/schemas?{urlencode({'subject': subject})}")
    return list(listed.get("items", ()))


@click.command("activate")
@click.argument("key")
@click.option("--decide", metavar="WHY", help="Take an unknown compatibility upon you.")
@bus_options
@examples(
    "sealway schema activate person-status.response@3",
    "sealway schema activate 17 --json | jq .state",
)
def activate(key: str, decide: str | None, profile_name: str | None, as_json: bool) -> int:
    """Put a draft in force, or take a deprecation back.

    KEY is a fingerprint, an id, or SUBJECT@VERSION. A draft is compared with the versions that
    are in force now.

    Exit codes: 0 done, 1 refused, 2 can't tell, 3 usage, 4 bus not reachable.
    """
    members = {"state": "active", **({} if decide is None else {"decision": decide})}
    return _changed(key, members, profile_name, as_json)


@click.command("deprecate")
@click.argument("key")
@click.option(
    "--sunset",
    type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")),
    help="When it may be retired, UTC; told to whoever uses it.",
)
@click.option("--successor", metavar="KEY", help="The schema to use instead, which is active.")
@bus_options
@examples(
    "sealway schema deprecate person-status.response@1",
    "sealway schema deprecate person@1 --sunset 2027-06-30 --successor person@2",
)
def deprecate(
    key: str,
    sunset: datetime | None,
    successor: str | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Say that a version will go; it stays usable, and answers that use it say so.

    KEY is a fingerprint, an id, or SUBJECT@VERSION. Prints the services and consumers that use it.

    Exit codes: 0 done, 1 refused, 3 usage, 4 bus not reachable.
    """
    members: dict[str, Any] = {"state": "deprecated"}
    if sunset is not None:
        at = sunset.replace(tzinfo=UTC)
        members["sunset"] = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if successor is not None:
        with connected(profile_name) as bus:
            members["successor"] = fetch(bus, path_of(bus, successor))["fingerprint"]
    return _changed(key, members, profile_name, as_json)


@click.command("retire")
@click.argument("key")
@bus_options
@examples("sealway schema retire person-status.response@1", "sealway schema retire 17 --json")
def retire(key: str, profile_name: str | None, as_json: bool) -> int:
    """End a version for ever. Refused while a service or another schema uses it.

    KEY is a fingerprint, an id, or SUBJECT@VERSION. It stays readable by its id.

    Exit codes: 0 done, 1 refused, 3 usage, 4 bus not reachable.
    """
    return _changed(key, {"state": "retired"}, profile_name, as_json)


@click.command("delete")
@click.argument("key")
@bus_options
@examples("sealway schema delete person-status.response@4")
def delete(key: str, profile_name: str | None, as_json: bool) -> int:
    """Delete a draft; its record stays, and its id is given to nothing else.

    KEY is a fingerprint, an id, or SUBJECT@VERSION.

    Exit codes: 0 done, 1 refused, 3 usage, 4 bus not reachable.
    """
    return _changed(key, {"state": "withdrawn"}, profile_name, as_json)


@click.command("rules")
@click.argument("subject", required=False)
@click.option("--bus", "of_bus", is_flag=True, help="Those of the bus, where a subject has none.")
@click.option("--level", type=click.Choice(_LEVELS, case_sensitive=False))
@click.option("--policy", type=click.Choice(("STRICT", "EVOLVE", _INHERIT), case_sensitive=False))
@bus_options
@examples(
    "sealway schema rules person-status.response",
    "sealway schema rules person-status.response --level BACKWARD",
    "sealway schema rules --bus --policy STRICT",
)
def rules(
    subject: str | None,
    of_bus: bool,
    level: str | None,
    policy: str | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """By which rules versions of SUBJECT must follow each other; with --level or --policy, set.

    INHERIT takes a subject's own rule away: then the bus's holds.

    Exit codes: 0 done, 1 refused, 3 usage, 4 bus not reachable.
    """
    from sealway.cli.output import print_json, print_object

    if of_bus == (subject is not None):
        raise click.UsageError("Name a SUBJECT, or --bus.")
    set_ = {name: value for name, value in (("level", level), ("policy", policy)) if value}
    if of_bus and not set_:
        raise click.UsageError("Say which --level or --policy the bus shall have.")
    with connected(profile_name) as bus:
        if set_:
            post(bus, "/v1/changes", {"changes": [_rule_change(subject, set_)]})
        shown: dict[str, Any] = {"bus": True, **set_}
        if subject is not None:
            listed = fetch_all(bus, f"/v1/schemas?{urlencode({'subject': subject})}")
            shown = {"subject": subject, **listed["rules"]}
    print_json(shown) if as_json else print_object(shown)
    return 0


def _rule_change(subject: str | None, set_: dict[str, str]) -> dict[str, Any]:
    values = {
        name: None if value.upper() == _INHERIT else value.upper() for name, value in set_.items()
    }
    if subject is None:
        return {"noun": "policy", "object": {f"schema_{k}": v for k, v in values.items()}}
    return {"noun": "subject", "object": {"subject": subject, **values}}


def _changed(key: str, members: dict[str, Any], profile_name: str | None, as_json: bool) -> int:
    from sealway.cli.output import note, print_json
    from sealway.cli.schema_reports import print_touched, told_refusal
    from sealway.errors import Refused
    from sealway.steps import Call, object_of

    try:
        with connected(profile_name) as bus:
            path = path_of(bus, key)
            seen = bus.call(Call("GET", path))
            object_of(seen)
            headers = {"content-type": "application/json", "if-match": seen.headers["etag"]}
            body = json.dumps(members).encode()
            found = object_of(bus.call(Call("PUT", path, headers, body, TIMEOUT_S)))
    except Refused as refused:
        return told_refusal(refused, as_json)
    if as_json:
        print_json(found)
        return 0
    print(f"{found['subject']} version {found['version']}, id {found['id']}, {found['state']}")
    print_touched(found["touched"])
    if found["state"] == "deprecated" and "sunset" not in found:
        note("No sunset was given: nobody is told when it goes. Repeat with --sunset.")
    return 0
