"""What verbs share: the options `--profile` and `--json`, and a way to the bus."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import click

if TYPE_CHECKING:
    import httpx

    from sealway.client import Client
    from sealway.connection import Connection, SleepingClock
    from sealway.conversation import Conversation
    from sealway.profile import Profile

F = TypeVar("F", bound=Callable[..., Any])

SECONDS: Final = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a verb reaches the world through, where it is not the machine's own."""

    clock: SleepingClock | None = None
    transport: httpx.BaseTransport | None = None


def outside() -> Outside:
    """What the command line was started with."""
    return click.get_current_context().find_object(Outside) or Outside()


def clock() -> SleepingClock:
    """The clock in force."""
    from sealway.connection import SystemClock

    return outside().clock or SystemClock()


def profile_option(function: F) -> F:
    """Adds `--profile NAME`."""
    return click.option(
        "--profile",
        "profile_name",
        metavar="NAME",
        help="Whose key and which bus; otherwise SEALWAY_PROFILE or 'sealway profile use'.",
    )(function)


def json_option(function: F) -> F:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")(
        function
    )


def bus_options(function: F) -> F:
    """Adds what every verb that calls the bus takes."""
    return profile_option(json_option(function))


@contextmanager
def connected(profile_name: str | None) -> Iterator[Connection]:
    """A connection as the chosen profile, a system's or a person's."""
    from sealway.profile import load_profile

    with connected_as(load_profile(profile_name)) as connection:
        yield connection


@contextmanager
def connected_as(profile: Profile) -> Iterator[Connection]:
    """A connection as a profile that is loaded already."""
    from sealway.credentials import connect

    connection = connect(profile, clock=clock(), transport=outside().transport)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def client(profile_name: str | None) -> Iterator[Client]:
    """The SDK's client as the chosen system."""
    from sealway.client import Client
    from sealway.profile import load_profile

    profile = load_profile(profile_name)
    with Client(profile, clock=clock(), transport=outside().transport) as bus:
        yield bus


def conversation(profile: Profile) -> Conversation:
    """The rules of talking, for a verb that drives them itself."""
    from sealway.conversation import Conversation
    from sealway.credentials import identity_of
    from sealway.trust import Trust

    return Conversation(identity_of(profile), Trust.of(profile), clock())


def fetch(connection: Connection, path: str) -> dict[str, Any]:
    """The JSON object at `path`; a refusal is raised."""
    from sealway.steps import Call, object_of

    return object_of(connection.call(Call("GET", path)))


def post(
    connection: Connection, path: str, members: Any, timeout_s: float = 60.0
) -> dict[str, Any]:
    """Post JSON and give the JSON object that comes back; a refusal is raised."""
    import json

    from sealway.steps import Call, object_of

    headers = {"content-type": "application/json"}
    body = json.dumps(members).encode()
    return object_of(connection.call(Call("POST", path, headers, body, timeout_s)))


def fetch_all(connection: Connection, path: str) -> dict[str, Any]:
    """A whole list: `items` of every page, with the other members of the first.

    Pages are followed by `Link: <…>; rel="next"`, on this bus only.
    """
    from sealway.steps import Call, object_of

    whole: dict[str, Any] | None = None
    following: str | None = path
    while following is not None:
        reply = connection.call(Call("GET", following))
        page = object_of(reply)
        if whole is None:
            whole = {"items": [], **page}
        else:
            whole["items"] += page.get("items", [])
        following = _next_path(reply.headers.get("link", ""))
    assert whole is not None
    return whole


def _next_path(link: str) -> str | None:
    match = re.search(r'<(?:https?://[^/>]+)?(/v1/[^>]+)>;\s*rel="next"', link)
    return match[1] if match else None


def key_path(key: str) -> str:
    """A key as path segments; system identifiers keep their slashes."""
    return quote(key, safe="/'()+,.=-:")


def key_argument(noun: str) -> Callable[[F], F]:
    """Adds the key of one object; a service's is its system's with its code."""
    return click.argument("key", metavar="SYSTEM/CODE" if noun == "service" else "KEY")


def examples(*lines: str) -> Callable[[F], F]:
    """Appends an `Example:` block to a verb's help, kept as it is laid out."""

    def add(function: F) -> F:
        text = "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{text}\n"
        return function

    return add
