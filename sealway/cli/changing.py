"""Verbs that change one object of the registry: add it, or end it; each is one call.

Owns `If-Match`: an end is asked for of the object as it was just read, so that what somebody else
changed meanwhile is not ended unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.session import F, bus_options, connected, examples, key_argument, key_path
from sealway.cli.signing_changes import SIGNED_CHANGE, signed_end, signer_option

if TYPE_CHECKING:
    from sealway.connection import Connection


_OWNED: Final = ("certificate", "grant", "service", "system")
"""Nouns whose ends their owners may sign themselves."""


def _as_it_is(function: F) -> F:
    return function


def add_object(
    profile_name: str | None, as_json: bool, path: str, members: Mapping[str, Any]
) -> int:
    """Add an object and show it as it is registered; harmless to repeat."""
    from sealway.cli.session import post

    with connected(profile_name) as bus:
        show_object(post(bus, path, dict(members)), as_json)
    return 0


def show_object(found: Mapping[str, Any], as_json: bool) -> None:
    """One object, for people or machines."""
    from sealway.cli.output import print_json, print_object

    if as_json:
        print_json(found)
    else:
        print_object(found)


def put_state(
    bus: Connection, path: str, state: str, sign: Callable[[dict[str, Any]], str] | None = None
) -> dict[str, Any]:
    """Set an object's state, as it was just read. A refusal is raised.

    ``sign`` makes the owner's own statement of it, from the object as it was read.
    """
    import json

    from sealway.steps import Call, object_of

    there = bus.call(Call("GET", path))
    found = object_of(there)
    headers = {"content-type": "application/json", "if-match": there.headers.get("etag", "")}
    members = {"state": state} | ({} if sign is None else {SIGNED_CHANGE: sign(found)})
    body = json.dumps(members).encode()
    return object_of(bus.call(Call("PUT", path, headers, body)))


def add_ends(group: click.Group, example: str, ends: Mapping[str, tuple[str, str]]) -> None:
    """Add the verbs that set a state: by verb, the state and a sentence."""
    for verb, (state, says) in ends.items():
        group.add_command(_end(str(group.name), verb, state, says, example))


def _end(noun: str, verb: str, state: str, says: str, example: str) -> click.Command:
    @key_argument(noun)
    @(signer_option if noun in _OWNED else _as_it_is)
    @bus_options
    @examples(f"sealway {noun} {verb} {example}")
    def run(key: str, profile_name: str | None, as_json: bool, signed_by: str | None = None) -> int:
        def sign(found: dict[str, Any]) -> str:
            return signed_end(str(signed_by), profile_name, noun, found, state)

        with connected(profile_name) as bus:
            path = f"/v1/{noun}s/{key_path(key)}"
            show_object(put_state(bus, path, state, sign if signed_by else None), as_json)
        return 0

    return click.command(verb, help=f"{says}{run.__doc__ or ''}")(run)
