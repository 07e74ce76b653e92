"""`sealway apply network.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from sealway.cli.session import bus_options, connected, examples, post

CHANGES_MAX: Final = 1000  # what one transaction of the bus takes
APPLY_S: Final = 120.0  # a thousand schemas to check, on a small machine


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read the file and show what would be sent.")
@bus_options
@examples(
    "sealway apply examples/network.toml --profile founder",
    "sealway apply network.toml --json | jq .changed",
)
def apply(file: Path, dry_run: bool, profile_name: str | None, as_json: bool) -> int:
    """Bring the registry to what FILE says: members, systems, certificates, schemas, services,
    grants. Applying again changes nothing; what FILE does not name stays as it is. Up to 1,000
    objects go in one transaction; more go in several, in order.
    """
    from sealway.cli.network import read_network
    from sealway.cli.output import print_json

    changes = [change.as_json() for change in read_network(file)]
    if dry_run:
        print_json({"changes": changes})
        return 0
    result: dict[str, Any] = {"changed": 0, "unchanged": 0, "version": None, "facts": []}
    with connected(profile_name) as bus:
        for start in range(0, max(len(changes), 1), CHANGES_MAX):
            done = post(
                bus, "/v1/changes", {"changes": changes[start : start + CHANGES_MAX]}, APPLY_S
            )
            result["changed"] += done.get("changed", 0)
            result["unchanged"] += done.get("unchanged", 0)
            result["version"] = done.get("version")
            result["facts"] += done.get("facts", [])
    if as_json:
        print_json(result)
    else:
        _show(result)
    return 0


def _show(result: dict[str, Any]) -> None:
    from sealway.cli.output import cell, print_table

    print_table(("act", "noun", "key", "index"), result["facts"])
    print(
        f"{result['changed']} changed, {result['unchanged']} unchanged, "
        f"directory version {cell(result['version'])}"
    )
