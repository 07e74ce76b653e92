"""`sealway schema check` and `diff`: is it admitted, and what would it break; without a bus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.schema_reports import EXIT, print_changes, print_report
from sealway.cli.session import bus_options, connected, examples, fetch_all, json_option

if TYPE_CHECKING:
    from schemas.compatibility.verdicts import Report

_FORMAT: Final = "json-schema"
_LEVELS: Final = (
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL",
    "FULL_TRANSITIVE",
)  # fmt: skip
_POLICIES: Final = ("STRICT", "EVOLVE")
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command
@click.argument("file", metavar="FILE", type=_FILE)
@click.option(
    "--against",
    multiple=True,
    metavar="FILE|SUBJECT",
    help="An earlier version, oldest first; or a subject of the registry: its versions.",
)
@click.option(
    "--level",
    type=click.Choice(_LEVELS, case_sensitive=False),
    default="FULL_TRANSITIVE",
    show_default=True,
    help="Who must be able to read what.",
)
@click.option(
    "--policy",
    type=click.Choice(_POLICIES, case_sensitive=False),
    default="EVOLVE",
    show_default=True,
    help="EVOLVE counts on writers that send only fields which their version declares.",
)
@bus_options
@examples(
    "sealway schema check person.json",
    "sealway schema check person-2.json --against person-1.json --level BACKWARD",
    "sealway schema check person-3.json --against person-1.json --against person-2.json --json",
    "sealway schema check person.json --against person-status.request",
    "sealway schema check d-2.json --against sx/GOV/5005/declarations.response",
)
def check(
    file: Path,
    against: tuple[str, ...],
    level: str,
    policy: str,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Is FILE admitted as a schema, and may it follow the versions before it?

    A no comes with an instance that one version takes and the other refuses, checked with the
    validators, and with what changed. Files need no bus; a SUBJECT is asked of the registry.

    \b
    Exit codes: 0 yes, 1 no, 2 can't tell, 3 usage, 4 bus not reachable.
    """
    from sealway.cli.output import print_json

    text = _text(file, "FILE")
    answer = _admitted(text)
    if answer["admitted"] and against:
        report = _compared(text, _versions(against, profile_name), level.upper(), policy.upper())
        answer["compatibility"] = report.to_object()
    else:
        report = None
    outcome = "no" if not answer["admitted"] else "yes" if report is None else report.answer.value
    if as_json:
        print_json({"answer": outcome, **answer})
    else:
        _print(answer, report)
    return EXIT[outcome]


@click.command
@click.argument("earlier", metavar="A", type=_FILE)
@click.argument("later", metavar="B", type=_FILE)
@json_option
@examples(
    "sealway schema diff person-1.json person-2.json",
    "sealway schema diff person-1.json person-2.json --json | jq -r '.changes[].sentence'",
)
def diff(earlier: Path, later: Path, as_json: bool) -> int:
    """What changed between two schema files, place by place.

    Says nothing about who it would break: that is `sealway schema check B --against A`.

    \b
    Exit codes: 0 nothing changed, 1 something did, 3 usage.
    """
    from schemas.compatibility.changes import changes_between
    from sealway.cli.output import print_json

    changes = changes_between(
        _parsed(_text(earlier, "A"), str(earlier)), _parsed(_text(later, "B"), str(later))
    )
    if as_json:
        print_json({"changes": [change.to_object() for change in changes]})
    else:
        print_changes(changes, len(changes))
    return 1 if changes else 0


def _text(file: Path, hint: str) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} can't be read as UTF-8 text.", param_hint=hint) from error


def _admitted(text: str) -> dict[str, Any]:
    from schemas.catalogue import admit
    from schemas.errors import SchemaInvalid

    try:
        return {"admitted": True, "fingerprint": admit(_FORMAT, text).fingerprint, "refusals": []}
    except SchemaInvalid as error:
        refusal = {"reason": error.reason, "pointer": error.pointer, "sentence": error.detail}
        return {"admitted": False, "refusals": [refusal]}


def _versions(against: Sequence[str], profile_name: str | None) -> list[Any]:
    """The documents to compare with, each admitted, oldest first."""
    found: list[Any] = []
    for one in against:
        path = Path(one)
        if path.is_file():
            texts = [(one, _text(path, "--against"))]
        elif path.suffix == ".json" or path.is_absolute() or one.startswith("."):
            raise click.BadParameter(f"There is no file {one}.", param_hint="--against")
        else:
            texts = _registered(one, profile_name)
        for name, text in texts:
            if not (answer := _admitted(text))["admitted"]:
                said = answer["refusals"][0]["sentence"]
                raise click.BadParameter(
                    f"{name} is no schema here: {said}", param_hint="--against"
                )
            found.append(_parsed(text, name))
    return found


def _registered(subject: str, profile_name: str | None) -> list[tuple[str, str]]:
    """The texts of a subject's versions that may be in use: active and deprecated ones."""
    with connected(profile_name) as bus:
        items = fetch_all(bus, "/v1/schemas").get("items", [])
    versions = [
        (item["version"], item["text"])
        for item in items
        if item["subject"] == subject and item.get("state") in ("active", "deprecated")
    ]
    if not versions:
        raise click.BadParameter(
            f"Neither a file nor a subject that you may see is named {subject!r}.",
            param_hint="--against",
        )
    return [(f"{subject} version {number}", text) for number, text in sorted(versions)]


def _parsed(text: str, name: str) -> Any:
    from schemas import limits
    from signing.errors import JsonInvalid
    from signing.strict_json import parse_json

    try:
        parsed = parse_json(
            text.encode(), depth_max=limits.DEPTH_MAX, bytes_max=limits.TEXT_BYTES_MAX
        )
    except JsonInvalid as error:
        raise click.BadParameter(f"{name} is not strict JSON: {error.detail}") from error
    if not isinstance(parsed, dict):
        raise click.BadParameter(f"{name} is not a JSON object.")
    return parsed


def _compared(text: str, versions: Sequence[Any], level: str, policy: str) -> Report:
    from schemas.compatibility.check import check as checked
    from schemas.compatibility.levels import Level, Policy
    from sealway.comparing import Worker

    with Worker() as worker:
        return checked(_parsed(text, "FILE"), versions, Level(level), Policy(policy), worker.judge)


def _print(answer: dict[str, Any], report: Report | None) -> None:
    from sealway.cli.output import clean

    if not answer["admitted"]:
        for refusal in answer["refusals"]:
            print(f"not admitted: {refusal['reason']}")
            print(clean(f"  {refusal['sentence']}"))
        return
    print(f"admitted: {answer['fingerprint']}")
    if report is None:
        return
    print_report(report)
