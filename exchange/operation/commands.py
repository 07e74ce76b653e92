"""The server's verbs, as the command line finds them by entry point."""

from pathlib import Path

import click

from exchange.operation.init_command import init
from exchange.operation.settings import FILE_NAME, load_settings
from signing.errors import SealwayError

__all__ = ["init", "serve"]

EXIT_SETTINGS = 3


@click.command()
@click.argument("folder", metavar="[DIR]", default=".sealway", type=click.Path(path_type=Path))
def serve(folder: Path) -> None:
    """Run the bus of DIR (.sealway) in this process, until SIGTERM or Ctrl-C.

    \b
    Examples:
      sealway serve
      sealway serve /srv/sealway
    """
    from exchange.operation.serve import run

    try:
        run(load_settings(folder / FILE_NAME))
    except SealwayError as error:
        click.echo(f"sealway serve: {error.detail}", err=True)
        raise SystemExit(EXIT_SETTINGS) from error
