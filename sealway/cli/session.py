"""What verbs share: the options `--profile` and `--json`, and a connection for the one called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

if TYPE_CHECKING:
    from sealway.client import Client
    from sealway.connection import Connection

F = TypeVar("F", bound=Callable[..., Any])


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
    from sealway.credentials import connect
    from sealway.profile import load_profile

    connection = connect(load_profile(profile_name))
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def client(profile_name: str | None) -> Iterator[Client]:
    """The SDK's client as the chosen system."""
    from sealway.client import Client

    with Client.from_profile(profile_name) as bus:
        yield bus


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


def key_path(key: str) -> str:
    """A key as path segments; system identifiers keep their slashes."""
    return quote(key, safe="/'()+,.=?-:".replace("?", ""))


def examples(*lines: str) -> Callable[[F], F]:
    """Appends an `Example:` block to a verb's help, kept as it is laid out."""

    def add(function: F) -> F:
        text = "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{text}\n"
        return function

    return add
