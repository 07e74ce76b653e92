"""`sealway init`: the verb around `initialise`. Says where things are, and never a token."""

import json
import time
from pathlib import Path
from shlex import quote

import click

from exchange.operation.exits import told
from exchange.operation.founder import DAYS_MAX, TOKEN_FILE, make_founder
from exchange.operation.initialise import Names, NewBus, initialise
from exchange.operation.key_files import read_secret
from exchange.operation.settings import FILE_NAME, load_settings


@click.command()
@click.argument("folder", metavar="[DIR]", default=".sealway", type=click.Path(path_type=Path))
@click.option("--bus", default="sx.example", show_default=True, help="Name of the bus, for ever.")
@click.option(
    "--instance", default="sx", show_default=True, help="First segment of identifiers, for ever."
)
@click.option("--port", default=8480, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--public-url", default="", help="Address others use; http://127.0.0.1:PORT if none.")
@click.option(
    "--database",
    default="",
    metavar="URL|FILE",
    help="PostgreSQL for many processes: its address, or a file that holds it.",
)
@click.option("--kafka", default="", metavar="HOST:PORT[,…]", help="Brokers; needs --database.")
@click.option("--shards", type=int, help="Traffic logs to open; 16 with a database, else 1.")
@click.option(
    "--founder/--no-founder",
    default=None,
    help="Whether the founder's token counts; without a database it does, with one it doesn't.",
)
@click.option("--renew-founder", is_flag=True, help="Only make a new founder's token in DIR.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for machines.")
def init(
    folder: Path,
    bus: str,
    instance: str,
    port: int,
    public_url: str,
    database: str,
    kafka: str,
    shards: int | None,
    founder: bool | None,
    renew_founder: bool,
    as_json: bool,
) -> None:
    """Make a new bus in DIR (.sealway): settings, keys, marks, the founder's token.

    Without --database everything is kept in one SQLite file and run by `sealway serve`. An address
    with a password is best given as a file: what stands on a command line, others can see.

    \b
    Examples:
      sealway init
      sealway init /srv/sealway --bus bus.example.org --instance eo
      sealway init /srv/sealway --database postgresql://bus@db/sealway --kafka k1:9092,k2:9092
      sealway init /srv/sealway --database url.txt --founder    # until people have tokens
      sealway init --renew-founder
    """
    now_ms = time.time_ns() // 1_000_000
    with told("init", as_json=as_json):
        if renew_founder:
            _renew(folder, now_ms, as_json=as_json)
            return
        address = _address(database)
        names = Names(bus, instance, port, public_url, address, kafka, shards, founder)
        new = initialise(folder, names, now_ms)
    if as_json:
        click.echo(json.dumps(_described(new, has_database=bool(address))))
    else:
        _show(new, has_database=bool(address))


def _address(database: str) -> str:
    """The address given, or the one in the file given."""
    if not database or "://" in database:
        return database
    return read_secret(Path(database))


def _renew(folder: Path, now_ms: int, *, as_json: bool) -> None:
    settings = load_settings(folder / FILE_NAME)
    make_founder(settings.keys, folder / TOKEN_FILE, now_ms)
    if as_json:
        click.echo(json.dumps({"token": str(folder / TOKEN_FILE), "days": DAYS_MAX}))
        return
    click.echo(f"founder's token  {folder / TOKEN_FILE}    {DAYS_MAX} days")
    click.echo("It counts, and the earlier one ends, with the next start of the bus.")


def _next(new: NewBus, *, has_database: bool) -> str:
    return f"sealway {'migrate' if has_database else 'serve'} {quote(str(new.folder))}"


def _described(new: NewBus, *, has_database: bool) -> dict[str, object]:
    return {
        "folder": str(new.folder),
        "settings": str(new.settings),
        "keys": str(new.keys),
        "state": str(new.state),
        "data": str(new.data),
        "token": str(new.token),
        "token_days": DAYS_MAX,
        "profile": str(new.profile),
        "log_key": new.log_key,
        "next": _next(new, has_database=has_database),
    }


def _show(new: NewBus, *, has_database: bool) -> None:
    lines = {
        "settings": new.settings,
        "keys": f"{new.keys}    never copied with data",
        "state": f"{new.state}    never put back from a backup",
        "data": f"{new.data}    what to back up",
        "founder's token": f"{new.token}    {DAYS_MAX} days",
        "profile": new.profile,
        "log 0's key": new.log_key,
    }
    after = "    tables, topics, logs" if has_database else ""
    lines["next"] = f"{_next(new, has_database=has_database)}{after}"
    lines["then"] = f"export SEALWAY_HOME={quote(str(new.folder))}    has the founder's profile"
    for name, value in lines.items():
        click.echo(f"{name:<16} {value}")
