"""`list` and `show` of a registry noun; each noun's module says its columns and examples."""

from __future__ import annotations

from collections.abc import Sequence

import click

from sealway.cli.session import (
    bus_options,
    connected,
    examples,
    fetch,
    fetch_all,
    key_argument,
    key_path,
)


def noun_group(noun: str, what: str, columns: Sequence[str], key: str) -> click.Group:
    """The verbs of one noun: `columns` are listed, `key` is an example of one."""
    group = click.Group(noun, help=what)
    group.add_command(_list(noun, columns))
    group.add_command(_show(noun, key))
    return group


def _list(noun: str, columns: Sequence[str]) -> click.Command:
    @bus_options
    @examples(f"sealway {noun} list", f"sealway {noun} list --json | jq '.items[0]'")
    def run(profile_name: str | None, as_json: bool) -> int:
        from sealway.cli.output import print_json, print_table

        with connected(profile_name) as bus:
            found = fetch_all(bus, f"/v1/{noun}s")
        if as_json:
            print_json(found)
        else:
            print_table(columns, found.get("items", []))
        return 0

    return click.command("list", help=f"Every {noun} you may see.{run.__doc__ or ''}")(run)


def _show(noun: str, example: str) -> click.Command:
    @key_argument(noun)
    @bus_options
    @examples(f"sealway {noun} show {example}")
    def run(key: str, profile_name: str | None, as_json: bool) -> int:
        from sealway.cli.output import print_json, print_object

        with connected(profile_name) as bus:
            found = fetch(bus, f"/v1/{noun}s/{key_path(key)}")
        if as_json:
            print_json(found)
        else:
            print_object(found)
        return 0

    return click.command("show", help=f"One {noun}, whole.{run.__doc__ or ''}")(run)
