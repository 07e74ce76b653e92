"""`sealway migrate`: the verb around `migrate_bus`. One line a thing, made or there already."""

import asyncio
import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exchange.operation.exits import NO, YES, told
from exchange.operation.settings import FILE_NAME, Settings, SettingsInvalid, load_settings

if TYPE_CHECKING:
    from exchange.operation.migrate import Step


@click.command()
@click.argument("folder", metavar="[DIR]", default=".sealway", type=click.Path(path_type=Path))
@click.option(
    "--after-restore",
    is_flag=True,
    help="Go on from an older copy of the database: log 0 gets a successor with a new key.",
)
@click.option("--reason", default="", help="Why, for the log; with --after-restore.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for machines.")
def migrate(folder: Path, after_restore: bool, reason: str, as_json: bool) -> None:
    """Bring database, topics and logs of DIR (.sealway) to what this version needs.

    Run it before the first start and after each upgrade; repeating it is harmless.

    \b
    Examples:
      sealway migrate
      sealway migrate /srv/sealway --json
      sealway migrate /srv/sealway --after-restore --reason "disk lost, backup of Monday"
    """
    from exchange.ledger.errors import LogBehind
    from exchange.operation.restoring import NothingToRestore
    from exchange.operation.serve import configure_logging

    configure_logging()
    with told("migrate", as_json=as_json, no=(LogBehind, NothingToRestore)):
        if after_restore != bool(reason.strip()):
            raise SettingsInvalid(["--after-restore and --reason need each other."])
        settings = load_settings(folder / FILE_NAME)
        steps = asyncio.run(_migrate(settings, reason.strip() or None, as_json=as_json))
    if as_json:
        click.echo(json.dumps({"steps": [dataclasses.asdict(step) for step in steps]}))
    elif after_restore:
        click.echo(_what_now(next(step for step in steps if "log_key" in step.facts)))
    raise SystemExit(NO if any(step.is_wrong for step in steps) else YES)


async def _migrate(settings: Settings, reason: str | None, *, as_json: bool) -> "list[Step]":
    from exchange.operation.migrate import migrate_bus

    steps: list[Step] = []
    async for step in migrate_bus(settings, time.time_ns() // 1_000_000, reason):
        steps.append(step)
        if not as_json:
            how = "wrong" if step.is_wrong else "new" if step.is_new else "ok"
            click.echo(f"{how:<6} {step.about:<11} {step.text}")
    return steps


def _what_now(step: "Step") -> str:
    return f"""
log 0 is now   {step.facts["origin"]}
its key        {step.facts["log_key"]}

What everybody has to do:
  operators  start (or restart) every process of this bus; copy the new keys to each machine
  members    pin the new key, told by hand, beside the old one, in each profile:
             log_key = ["{step.facts["closed_key"]}",
                        "{step.facts["log_key"]}"]
  auditors   keep what {step.facts["closed"]} signed, up to {step.facts["size_signed"]} leaves: the
             new log's leaf 0 says how far that was, what was found, and why"""
