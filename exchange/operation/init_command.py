"""`sealway init`: the verb around `initialise`. Says where things are, and never a token."""

import time
from pathlib import Path

import click

from exchange.operation.founder import DAYS_MAX, TOKEN_FILE, make_founder
from exchange.operation.initialise import Names, NewBus, initialise
from exchange.operation.settings import FILE_NAME, load_settings


@click.command()
@click.argument("folder", metavar="[DIR]", default=".sealway", type=click.Path(path_type=Path))
@click.option("--bus", default="sx.example", show_default=True, help="Name of the bus, for ever.")
@click.option(
    "--instance", default="sx", show_default=True, help="First segment of identifiers, for ever."
)
@click.option("--port", default=8480, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--public-url", default="", help="Address others use; http://127.0.0.1:PORT if none.")
@click.option("--renew-founder", is_flag=True, help="Only make a new founder's token in DIR.")
def init(
    folder: Path, bus: str, instance: str, port: int, public_url: str, renew_founder: bool
) -> None:
    """Make a new bus in DIR (.sealway): settings, keys, marks, the founder's token.

    \b
    Examples:
      sealway init
      sealway init /srv/sealway --bus bus.example.org --instance eo
      sealway init --renew-founder
    """
    now_ms = time.time_ns() // 1_000_000
    if renew_founder:
        settings = load_settings(folder / FILE_NAME)
        make_founder(settings.keys, folder / TOKEN_FILE, now_ms)
        click.echo(f"founder's token  {folder / TOKEN_FILE}    {DAYS_MAX} days")
        click.echo("It counts, and the earlier one ends, with the next start of the bus.")
        return
    _show(initialise(folder, Names(bus, instance, port, public_url), now_ms))


def _show(new: NewBus) -> None:
    lines = {
        "settings": new.settings,
        "keys": f"{new.keys}    never copied with data",
        "state": f"{new.state}    never put back from a backup",
        "data": f"{new.data}    what to back up",
        "founder's token": f"{new.token}    {DAYS_MAX} days",
        "profile": new.profile,
        "log 0's key": new.log_key,
    }
    for name, value in lines.items():
        click.echo(f"{name:<16} {value}")
