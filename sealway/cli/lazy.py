"""The root of the command line: knows every verb's name and help, loads only the one called.

Owns the table of verbs and the look-up of server verbs in the entry-point group
`sealway.commands`. Refuses to import a verb's module for `--help` of the root. Invariant: a verb
whose extra is not installed is one line on standard error and exit 3, never a traceback.

An entry point's object is a `click.Command`, or a function that takes the arguments after the
verb (a list of texts) and returns an exit code or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click

GROUP: Final = "sealway.commands"

VERBS: Final[dict[str, tuple[str, str]]] = {
    "ask": ("sealway.cli.ask:ask", "Ask a service and wait for its answer."),
    "send": ("sealway.cli.ask:send", "Send a request; collect its answer later."),
    "message": ("sealway.cli.message:message", "State, answer, proofs of a message; cancel it."),
    "mailbox": (
        "sealway.cli.mailbox:mailbox",
        "Look into a mailbox; lease, confirm, extend, release.",
    ),
    "dead": ("sealway.cli.dead:dead", "Dead letters: what was given up and waits for a person."),
    "envelope": ("sealway.cli.envelope:envelope", "Sign, verify and show envelopes, for curl."),
    "profile": ("sealway.cli.profile:profile", "Which bus, whose key: add, list and choose."),
    "key": ("sealway.cli.key:key", "Make and show keys and certificates."),
    "token": ("sealway.cli.token:token", "A bearer token for one call, for curl."),
    "person": ("sealway.cli.person:person", "People and their roles: add, list, revoke."),
    "apply": ("sealway.cli.apply:apply", "Bring the registry to what a network.toml says."),
    "member": ("sealway.cli.members:member", "Registered agencies."),
    "system": ("sealway.cli.systems:system", "Members' registered systems."),
    "certificate": ("sealway.cli.certificates:certificate", "Systems' certificates."),
    "service": ("sealway.cli.services:service", "Services that systems offer."),
    "schema": ("sealway.cli.schemas:schema", "Payload contracts."),
    "grant": ("sealway.cli.grants:grant", "Who may use which service, and why."),
    "audit": ("sealway.cli.audit:audit", "Prove offline what a log holds."),
    "sandbox": ("sealway.cli.sandbox:sandbox", "Join a sandbox; offer services, have grants."),
    "witness": ("sealway.cli.witness:witness", "Cosign logs that you have seen grow."),
}

SERVER_VERBS: Final[dict[str, tuple[str, str]]] = {
    "init": ("server", "Make the folder of a new bus: settings, keys, the first token."),
    "serve": ("server", "Run the whole bus in one process."),
    "gateway": ("server", "Take messages over HTTP: one process of several."),
    "deliver": ("server", "Deliver what was accepted: one process of several."),
    "migrate": ("server", "Bring database, topics and logs to what this version needs."),
    "doctor": ("server", "Look at settings, keys, database and Kafka; say what to do."),
    "agent": ("agent", "Ask and answer for a system that knows only plain JSON."),
}


class Verbs(click.Group):
    """The root group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, whether its extra is installed or not."""
        return sorted({*VERBS, *SERVER_VERBS, *_found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; its module is imported here and nowhere else."""
        if cmd_name in VERBS:
            return _load(cmd_name, VERBS[cmd_name][0])
        point = _found().get(cmd_name)
        if point is not None:
            return _load_point(cmd_name, point)
        if cmd_name in SERVER_VERBS:
            raise _extra_missing(cmd_name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the tables alone."""
        found = _found()
        rows = [(name, help_text) for name, (_, help_text) in VERBS.items()]
        server = [(name, help_text) for name, (_, help_text) in SERVER_VERBS.items()]
        server += [
            (name, f"From the package {point.dist.name if point.dist else point.module}.")
            for name, point in sorted(found.items())
            if name not in SERVER_VERBS and name not in VERBS
        ]
        with formatter.section("Verbs"):
            formatter.write_dl(rows)
        with formatter.section("Verbs that run a process (extra 'server'; 'agent' for agent)"):
            formatter.write_dl(server)


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(name: str, target: str) -> click.Command:
    module, _, attribute = target.partition(":")
    try:
        return _as_command(name, getattr(import_module(module), attribute))
    except ModuleNotFoundError as error:
        raise _extra_missing(name, error.name) from error


def _load_point(name: str, point: EntryPoint) -> click.Command:
    try:
        return _as_command(name, point.load())
    except ModuleNotFoundError as error:
        raise _extra_missing(name, error.name) from error


def _as_command(name: str, found: Any) -> click.Command:
    if isinstance(found, click.Command):
        return found
    assert callable(found), f"the entry point {name} is neither a command nor a function"
    return _wrapped(name, found)


def _wrapped(name: str, function: Callable[[Sequence[str]], int | None]) -> click.Command:
    def call(arguments: tuple[str, ...]) -> int:
        return function(list(arguments)) or 0

    return click.Command(
        name,
        callback=call,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )


def _extra_missing(name: str, module: str | None = None) -> click.UsageError:
    extra = SERVER_VERBS.get(name, ("server", ""))[0]
    because = f" (the module {module!r} is not installed)" if module else ""
    return click.UsageError(
        f"'sealway {name}' needs the extra '{extra}'{because}: pip install 'sealway[{extra}]'"
    )
