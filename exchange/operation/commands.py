"""The server's verbs, as the command line finds them by entry point.

Owns those that run a process of the bus; an option of theirs is a setting, checked as one.
"""

from pathlib import Path

import click

from exchange.operation.exits import told
from exchange.operation.init_command import init
from exchange.operation.roles import BOTH, Role
from exchange.operation.sandboxes import sandbox_folder
from exchange.operation.settings import FILE_NAME, load_settings

__all__ = ["deliver", "gateway", "init", "serve"]

_metrics_port = click.option(
    "--metrics-port", type=int, help="Port of /metrics, for Prometheus; none without it."
)
_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Why it can't run as one JSON document; its log is JSON lines anyway.",
)
_folder = click.argument(
    "folder", metavar="[DIR]", default=".sealway", type=click.Path(path_type=Path)
)


@click.command()
@_folder
@click.option("--port", type=int, help="Port to listen on, instead of the settings'.")
@click.option("--host", help="Address to listen on, instead of the settings'.")
@click.option("--public-url", help="Address others use, instead of the settings'.")
@click.option(
    "--sandbox",
    is_flag=True,
    help="Be a sandbox: members join by themselves. Makes DIR if there is none.",
)
@_metrics_port
@_json
def serve(
    folder: Path,
    port: int | None,
    host: str | None,
    public_url: str | None,
    sandbox: bool,
    metrics_port: int | None,
    as_json: bool,
) -> None:
    """Run the whole bus of DIR (.sealway) in this process, until SIGTERM or Ctrl-C.

    \b
    Examples:
      sealway serve
      sealway serve /srv/sealway --port 8490 --metrics-port 9480
      sealway serve --sandbox .sandbox
    """
    if sandbox:
        with told("serve", as_json=as_json):
            sandbox_folder(folder, port)
    options = {"port": port, "host": host, "public_url": public_url, "metrics_port": metrics_port}
    _start("serve", folder, BOTH, as_json=as_json, **options)


@click.command()
@_folder
@click.option("--port", type=int, help="Port to listen on, instead of the settings'.")
@click.option("--host", help="Address to listen on, instead of the settings'.")
@click.option(
    "--public-url", help="Address others use, instead of the settings'; tokens are bound to it."
)
@_metrics_port
@_json
def gateway(
    folder: Path,
    port: int | None,
    host: str | None,
    public_url: str | None,
    metrics_port: int | None,
    as_json: bool,
) -> None:
    """Take messages for the bus of DIR (.sealway) over HTTP; as many of these as you like.

    Needs [database] in the settings, and `sealway deliver` beside it for services with adapters.

    \b
    Examples:
      sealway gateway /srv/sealway
      sealway gateway /srv/sealway --port 8491 --public-url http://127.0.0.1:8491
    """
    roles = frozenset({Role.GATEWAY})
    options = {"port": port, "host": host, "public_url": public_url, "metrics_port": metrics_port}
    _start("gateway", folder, roles, as_json=as_json, **options)


@click.command()
@_folder
@click.option("--health-port", type=int, help="Port of /livez and /readyz.")
@click.option("--health-host", help="Address of /livez and /readyz.")
@_metrics_port
@_json
def deliver(
    folder: Path,
    health_port: int | None,
    health_host: str | None,
    metrics_port: int | None,
    as_json: bool,
) -> None:
    """Deliver what the bus of DIR (.sealway) has accepted; as many of these as you like.

    Needs [database] in the settings. Calls adapters, retries, expires, keeps the tables tidy.

    \b
    Examples:
      sealway deliver /srv/sealway
      sealway deliver /srv/sealway --health-port 8482 --metrics-port 9482
    """
    roles = frozenset({Role.DELIVER})
    options = {"health_port": health_port, "health_host": health_host, "metrics_port": metrics_port}
    _start("deliver", folder, roles, as_json=as_json, **options)


def _start(
    verb: str, folder: Path, roles: frozenset[Role], *, as_json: bool, **options: object
) -> None:
    from exchange.operation.starting import start

    given = {name: value for name, value in options.items() if value is not None}
    with told(verb, as_json=as_json):
        start(load_settings(folder / FILE_NAME, options=given), roles)
