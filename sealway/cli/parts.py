"""Parts beside the body on the command line: `--attach`, `--context`, `--parts` to keep them."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sealway.answers import Answer
    from sealway.parts import Attachment

F = TypeVar("F", bound=Callable[..., Any])


def part_options(function: F) -> F:
    """Adds `--attach NAME=FILE`, often, and `--context JSON`."""
    attach = click.option(
        "--attach",
        "attached",
        multiple=True,
        metavar="NAME=FILE",
        help="A further part; again for more. Its type is told by the file's ending.",
    )
    context = click.option(
        "--context",
        "context_text",
        metavar="JSON",
        help="An object with words and names for people: the text itself, or @FILE.",
    )
    return attach(context(function))


def parts_option(function: F) -> F:
    """Adds `--parts FOLDER`."""
    return click.option(
        "--parts",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Write the answer's attachments there, each under its name.",
    )(function)


def attachments(attached: Sequence[str]) -> list[Attachment]:
    """What `--attach` names, read. Raises click.BadParameter."""
    from sealway.parts import ANY_TYPE, Attachment

    found = []
    for text in attached:
        name, equals, file = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text}: write NAME=FILE")
        kind = mimetypes.guess_type(file)[0] or ANY_TYPE
        found.append(Attachment(name, _read(file), kind))
    return found


def context(text: str | None) -> dict[str, Any] | None:
    """What `--context` says. Raises click.BadParameter."""
    if text is None:
        return None
    data = _read(text[1:]) if text.startswith("@") else text.encode()
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise click.BadParameter("--context must be a JSON object")
    return value


def save_attachments(answer: Answer, folder: Path | None) -> None:
    """Write the attachments of a verified answer; a file that is there is not written over.

    Their names are the manifest's, which no path can be.
    """
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for one in answer.attachments:
        try:
            with (folder / one.name).open("xb") as file:
                file.write(one.body)
        except OSError as error:
            raise click.ClickException(f"{folder / one.name}: {error.strerror}") from error


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}") from error
