"""`sealway apply network.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.session import bus_options, connected, examples, post

if TYPE_CHECKING:
    from sealway.cli.network import Change
    from sealway.errors import Refused

CHANGES_MAX: Final = 1000  # what one transaction of the bus takes
APPLY_S: Final = 120.0  # a thousand schemas to check, on a small machine


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read the file and show what would be sent.")
@bus_options
@examples(
    "sealway apply network.toml --profile founder",
    "sealway apply network.toml --json | jq .changed",
)
def apply(file: Path, dry_run: bool, profile_name: str | None, as_json: bool) -> int:
    """Bring the registry to what FILE says: members, systems, certificates, schemas, services,
    grants. Applying again changes nothing; what FILE does not name stays as it is. Up to 1,000
    objects go in one transaction; more go in several, in order.
    """
    from sealway.cli.network import read_network
    from sealway.cli.output import print_json
    from sealway.errors import Refused

    read = read_network(file)
    changes = [change.as_json() for change in read]
    if dry_run:
        print_json({"changes": changes})
        return 0
    result: dict[str, Any] = {"changed": 0, "unchanged": 0, "version": None, "facts": []}
    with connected(profile_name) as bus:
        for start in range(0, max(len(changes), 1), CHANGES_MAX):
            some = {"changes": changes[start : start + CHANGES_MAX]}
            try:
                done = post(bus, "/v1/changes", some, APPLY_S)
            except Refused as error:
                _show_place(file, read, start, error)
                raise
            result["changed"] += done.get("changed", 0)
            result["unchanged"] += done.get("unchanged", 0)
            result["version"] = done.get("version")
            result["facts"] += done.get("facts", [])
    if as_json:
        print_json(result)
    else:
        _show(result)
    return 0


def _show_place(file: Path, read: Sequence[Change], start: int, error: Refused) -> None:
    """Where in the file the bus found what it refuses."""
    from sealway.cli.output import note

    index = error.problem.get("index")
    if type(index) is int and 0 <= index < len(read) - start:
        note(f"{file}, {read[start + index].place}:")


def _show(result: dict[str, Any]) -> None:
    from sealway.cli.output import cell, print_table

    print_table(("act", "noun", "key", "index"), result["facts"])
    print(
        f"{result['changed']} changed, {result['unchanged']} unchanged, "
        f"directory version {cell(result['version'])}"
    )
