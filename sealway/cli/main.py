"""The entry of the command line: runs a verb and turns what it raises into an exit code.

Exit codes, for every verb: 0 yes, 1 no, 2 can't tell, 3 usage or settings, 4 bus not reachable.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from traceback import print_exception
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.lazy import Verbs
from sealway.cli.pipes import forgive_closed_pipes

if TYPE_CHECKING:
    from signing.errors import SealwayError

YES: Final = 0
NO: Final = 1
CANNOT_TELL: Final = 2
USAGE: Final = 3
NOT_REACHABLE: Final = 4


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sealway", message="%(prog)s %(version)s")
def sealway() -> None:
    """Ask other agencies' systems for data, answer them, and prove what was said.

    \b
    Exit codes: 0 yes, 1 no, 2 can't tell, 3 usage or settings, 4 bus not reachable.

    \b
    Example:
      sealway ask sx/GOV/3003/territories subdivisions \\
          --purpose statistics '{"country":"FI"}'
    """


def main(arguments: Sequence[str] | None = None, outside: object = None) -> int:
    """Run one verb; `arguments` are those after the program's name. Returns the exit code.

    `outside` (`sealway.cli.session.Outside`) puts another clock and transport in place.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    forgive_closed_pipes()
    try:
        result = sealway.main(args=words, prog_name="sealway", standalone_mode=False, obj=outside)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return YES if not words else USAGE
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return CANNOT_TELL
    except Exception as error:
        return _failed(error, words)
    return result if isinstance(result, int) else YES


def _failed(error: Exception, words: Sequence[str]) -> int:
    """Print what an error says and give its exit code.

    A file that can't be used is a matter of usage. What nobody foresaw is a fault of ours: its
    traceback is shown, and nothing is decided; exit 1 would read as a no, or as a verdict.
    """
    from signing.errors import SealwayError  # not needed for --help

    if isinstance(error, OSError) and error.filename is not None:
        from sealway.cli.forms import FileUnusable

        error = FileUnusable(f"{error.filename}: {error.strerror}.")
    if not isinstance(error, SealwayError):
        print_exception(error)
        print("This is a fault of Sealway's own; nothing was decided by it.", file=sys.stderr)
        return CANNOT_TELL
    outcome, code = _outcome(error)
    if "--json" in words:
        from sealway.cli.output import print_json

        print_json(_described(outcome, error))
    else:
        from sealway.cli.output import note

        note(f"{outcome}: {error}")
        remedy = getattr(error, "remedy", "")
        if remedy:
            note(f"  {remedy}")
        for item in getattr(error, "errors", ()):
            note(f"  {item.get('pointer') or '(the whole)'}: {item.get('message', '')}")
        for line in _what_next(error, words) if outcome == "pending" else ():
            note(f"  {line}")
    return code


def _what_next(error: SealwayError, words: Sequence[str]) -> Iterator[str]:
    """What to do about an answer that isn't there, ready to be pasted."""
    exchange = getattr(error, "exchange", None)
    if exchange is None:
        return
    profile = "".join(
        f" --profile {word.removeprefix('--profile=')}"
        for before, word in zip(("", *words), words, strict=False)
        if before == "--profile" or word.startswith("--profile=")
    )
    if getattr(error, "over", False):
        yield f"sealway message show {exchange.id}{profile}    # what became of it"
        yield "To let a question wait longer, hand it over with 'sealway send'."
    else:
        yield f"sealway message answer {exchange.id} --wait 30{profile}"


def _outcome(error: SealwayError) -> tuple[str, int]:
    from sealway import errors

    table: tuple[tuple[type[Exception], str, int], ...] = (
        (errors.Refused, "refused", NO),
        (errors.Rejected, "rejected", NO),
        (errors.AnswerPending, "pending", CANNOT_TELL),
        (errors.ProofFailed, "not proven", NO),
        (errors.BusUnavailable, "bus not reachable", NOT_REACHABLE),
        (errors.ProfileInvalid, "profile", USAGE),
    )
    for sort, outcome, code in table:
        if isinstance(error, sort):
            return outcome, code
    return "invalid", USAGE


def _described(outcome: str, error: SealwayError) -> dict[str, Any]:
    described: dict[str, Any] = {
        "outcome": outcome.replace(" ", "-"),
        "code": error.code,
        "detail": error.detail,
    }
    for name in ("remedy", "retryable", "text", "problem", "over"):
        value = getattr(error, name, None)
        if value not in (None, "", {}):
            described[name] = value
    exchange = getattr(error, "exchange", None)
    if exchange is not None:
        described["id"] = exchange.id
    return described
