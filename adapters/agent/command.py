"""`sealway agent`, as the command line finds it by entry point."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from adapters.agent.settings import FILE_NAME, AgentSettings, agent_settings, read_agent_file
from sealway.profile import home
from signing.errors import SealwayError

SETTINGS = 3


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--profile", metavar="NAME", help="Whose key and which bus, instead of the file's.")
@click.option("--port", type=int, help="Port to listen on, instead of the file's; 0: any.")
@click.option("--check", is_flag=True, help="Look at the settings, say what they are, and end.")
def agent(file: Path | None, profile: str | None, port: int | None, check: bool) -> None:
    """Ask and answer for one system that knows nothing of envelopes, until SIGTERM or Ctrl-C.

    Listens on this machine alone: plain JSON in, proven JSON out. Holds the system's key, keeps
    every receipt, and answers what waits in the mailbox through adapters. FILE is agent.toml
    (.sealway/agent.toml); with --profile and no file, the agent only asks.

    \b
    Examples:
      sealway agent --profile benefits
      curl 127.0.0.1:8470/sx/GOV/3003/territories/subdivisions \\
        -H 'Sealway-Purpose: statistics' --json '{"country":"FI"}'
      sealway agent /etc/sealway/agent.toml --check
    """
    from adapters.agent.running import run

    try:
        settings = _settings(file, profile, port)
        if check:
            click.echo(_told(settings))
            return
        run(settings)
    except (SealwayError, OSError) as error:
        told = error.detail if isinstance(error, SealwayError) else str(error.strerror)
        click.echo(f"sealway agent: {told}", err=True)
        raise SystemExit(SETTINGS) from None


def _settings(file: Path | None, profile: str | None, port: int | None) -> AgentSettings:
    if file is None and profile is not None and not (home() / FILE_NAME).exists():
        members: dict[str, Any] = {"profile": profile, "receipts": f"receipts/{profile}"}
        if port is not None:
            members["listen"] = {"port": port}
        return agent_settings(members, home())
    found = read_agent_file(file or home() / FILE_NAME)
    changed: dict[str, Any] = {} if profile is None else {"profile": profile}
    if port is not None:
        changed["listen"] = {**_given(found.listen), "port": port}
    return agent_settings({**_given(found), **changed}, found.folder) if changed else found


def _given(table: Any) -> Mapping[str, Any]:
    members: Mapping[str, Any] = table.model_dump(exclude_unset=True)
    return members


def _told(settings: AgentSettings) -> str:
    """What the settings come to; no secret is in them."""
    from adapters.plugins import load
    from sealway.credentials import identity_of

    identity = identity_of(settings.load_profile())
    for table in settings.adapters.values():
        load(str(table.get("kind")))
    listen = settings.listen
    lines = [
        f"system    {identity.system} on {identity.bus}",
        f"listens   http://{listen.host}:{listen.port}"
        + ("" if listen.token_file is None else ", with a token"),
        f"receipts  {settings.folder / settings.receipts}",
        *(f"serves    {service} by adapter {name}" for service, name in settings.serves.items()),
    ]
    return "\n".join(lines)
