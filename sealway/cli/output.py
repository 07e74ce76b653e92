"""What people and machines read: tables, single objects, errors.

Owns stripping: nothing that came over the wire reaches a terminal with its control characters.
With `--json` standard output carries exactly one JSON document; without it, tables on a terminal
and tab-separated lines elsewhere, so that `cut` and `grep` work.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from unicodedata import category

_KEPT = frozenset("\n\t")


def clean(text: str) -> str:
    """`text` without control and format characters, which could drive a terminal."""
    return "".join(
        character
        for character in text
        if character.isprintable() or character in _KEPT or category(character) == "Zs"
    )


def cell(value: Any) -> str:
    """One value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean(value).replace("\n", " ").replace("\t", " ")
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(cell(item) for item in value)
    return clean(json.dumps(value, ensure_ascii=False))


def print_json(value: Any) -> None:
    """One JSON document, indented on a terminal; ASCII, so that nothing in it can act."""
    indent = 2 if sys.stdout.isatty() else None
    print(json.dumps(value, indent=indent))


def print_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows under their columns; without a terminal, tab-separated with no decoration."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(cell(row.get(column)) for column in columns))
        return
    from rich.console import Console  # only a terminal needs it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(column))) for column in columns))
    Console(highlight=False).print(table)


def print_object(members: Mapping[str, Any]) -> None:
    """Members one a line, names aligned; long texts (a schema) below their name."""
    width = max((len(name) for name in members), default=0)
    for name, value in members.items():
        if isinstance(value, str) and "\n" in value.strip():
            print(f"{name}:")
            print("\n".join(f"  {line}" for line in clean(value).splitlines()))
        else:
            print(f"{name:<{width}}  {cell(value)}")


def print_content(body: bytes, media_type: str) -> None:
    """A part's bytes: JSON laid out on a terminal, bytes as they are into a pipe."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    if media_type == "application/json":
        print(clean(json.dumps(json.loads(body), indent=2, ensure_ascii=False)))
    elif media_type.startswith("text/"):
        print(clean(body.decode("utf-8", "replace")))
    else:
        print(f"{len(body)} bytes of {clean(media_type)}; write them with --output or a pipe.")


def note(text: str) -> None:
    """A line for the person, on standard error, so that it never mixes with the result."""
    print(clean(text), file=sys.stderr)
