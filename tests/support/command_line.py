"""Whether a command line that a document or a unit shows is one that `sealway` has.

Parses and never runs: click makes the verb's context from the words, which refuses unknown verbs,
unknown options and wrong values, and calls nothing.
"""

import re
import shlex
from collections.abc import Sequence

import click

from sealway.cli.main import sealway

_END = re.compile(r"^(\||\|\||&&|;|&|[012]?>>?.*|<.*)$")


def mistake(words: Sequence[str]) -> str | None:
    """What is wrong with `sealway WORDS`, or None."""
    context = click.Context(sealway, info_name="sealway")
    command: click.Command = sealway
    left = list(words)
    while isinstance(command, click.Group):
        if not left:
            return "names no verb"
        inner = _verb(command, context, left[0])
        if inner is None:
            return f"there is no verb {left[0]!r}"
        context = click.Context(inner, info_name=left.pop(0), parent=context)
        command = inner
    try:
        command.make_context(command.name, left, parent=context.parent)
    except click.exceptions.Exit:
        return None  # --help
    except click.BadParameter as error:
        if error.param is not None and isinstance(error.param.type, click.Path):
            return None  # a file of the reader's, which isn't here
        return error.format_message()
    except click.ClickException as error:
        return error.format_message()
    return None


def _verb(group: click.Group, context: click.Context, name: str) -> click.Command | None:
    try:
        return group.get_command(context, name)
    except click.UsageError:  # known, and not installed
        return None


def unknown_words(words: Sequence[str]) -> list[str]:
    """The verb or the options of a command named in passing (`sealway doctor --json`) that aren't.

    Arguments may be missing or stand for something.
    """
    command: click.Command = sealway
    left = list(words)
    context = click.Context(sealway, info_name="sealway")
    while isinstance(command, click.Group) and left and re.fullmatch(r"[a-z-]+", left[0]):
        inner = _verb(command, context, left[0])
        if inner is None:
            return left[:1]
        context, command = click.Context(inner, info_name=left.pop(0), parent=context), inner
    known = {
        name for one in command.params for name in (*one.opts, *one.secondary_opts)
    } | {"--help", "--version"}  # fmt: skip
    named = [word.split("=")[0] for word in left if re.match(r"--[a-z]", word)]
    return [name for name in named if name not in known]


def calls(line: str) -> list[list[str]]:
    """The words after `sealway` of each such command in a line of shell."""
    try:
        plain = re.sub(r"(?<=\s)[012](?=[<>])", "", line)  # a descriptor is no word
        lexer = shlex.shlex(plain, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words = list(lexer)
    except ValueError:
        return []
    found: list[list[str]] = []
    current: list[str] | None = None
    for before, word in zip(["", *words], words, strict=False):
        if _END.match(word) or set(word) <= set("|&;<>"):
            current = None
        elif current is not None:
            current.append(word)
        elif (word == "sealway" and before != "-u") or word.endswith("/bin/sealway"):
            current = []
            found.append(current)
    return found
