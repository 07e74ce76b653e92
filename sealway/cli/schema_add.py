"""`sealway schema add`: register a version, or see what that would come to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import click

from sealway.cli.schema_reports import EXIT
from sealway.cli.session import bus_options, connected, examples, post

TIMEOUT_S: Final = 120.0  # a comparison takes 30 s at most, and may wait for others
_FORMATS: Final = {".avsc": "avro", ".xsd": "xsd"}
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_REFERENCE: Final = re.compile(r"([^=]+)=(.+?)(?:@([0-9]{1,9}))?")


@click.command("add")
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--subject", required=True, help="What its versions are counted under.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("json-schema", "avro", "xsd")),
    help="Otherwise by the file's ending: .avsc, .xsd, or json-schema.",
)
@click.option(
    "--reference",
    multiple=True,
    metavar="NAME=SUBJECT[@VERSION]",
    help="A registered schema that the text refers to by NAME; the newest without a version.",
)
@click.option("--example", multiple=True, type=_FILE, help="A payload that must pass.")
@click.option("--counter-example", multiple=True, type=_FILE, help="A payload that must fail.")
@click.option("--draft", is_flag=True, help="For people to look at; no service can use it yet.")
@click.option(
    "--decide",
    metavar="WHY",
    help="Take it upon you that its compatibility is unknown; your name and WHY are recorded.",
)
@click.option("--dry-run", is_flag=True, help="Only say what registering would come to.")
@bus_options
@examples(
    "sealway schema add person.json --subject person-status.response --dry-run",
    "sealway schema add person.json --subject person-status.response --example ok.json",
    "sealway schema add list.json --subject list --reference 'urn:person=person@2'",
    "sealway schema add p.json --subject p --decide 'Both ends are ours and were moved'",
)
def add(
    file: Path,
    subject: str,
    format_name: str | None,
    reference: tuple[str, ...],
    example: tuple[Path, ...],
    counter_example: tuple[Path, ...],
    draft: bool,
    decide: str | None,
    dry_run: bool,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Register FILE as the next version of a subject.

    It is compared with the versions in force, by the subject's level and policy. A no is refused
    with an instance that one version takes and another refuses; an unknown unless you --decide.
    Registering the same schema again is harmless.

    \b
    Exit codes: 0 yes, 1 no or not admitted, 2 can't tell, 3 usage, 4 bus not reachable.
    """
    members: dict[str, Any] = {
        "subject": subject,
        "text": _text(file, "FILE"),
        "format": format_name or _FORMATS.get(file.suffix, "json-schema"),
        "references": [_reference(one) for one in reference],
        "examples": [_text(one, "--example") for one in example],
        "counter_examples": [_text(one, "--counter-example") for one in counter_example],
    }
    members = {name: value for name, value in members.items() if value != []}
    if dry_run:
        return _checked(members, profile_name, as_json)
    if draft:
        members["state"] = "draft"
    if decide is not None:
        members["decision"] = decide
    return _added(members, profile_name, as_json)


def _added(members: dict[str, Any], profile_name: str | None, as_json: bool) -> int:
    from sealway.cli.output import print_json
    from sealway.cli.schema_reports import told_refusal
    from sealway.errors import Refused

    try:
        with connected(profile_name) as bus:
            found = post(bus, "/v1/schemas", members, TIMEOUT_S)
    except Refused as refused:
        return told_refusal(refused, as_json)
    if as_json:
        print_json(found)
        return 0
    print(f"{found['subject']} version {found['version']}, id {found['id']}, {found['state']}")
    print(found["fingerprint"])
    _print_answer(found)
    return 0


def _checked(members: dict[str, Any], profile_name: str | None, as_json: bool) -> int:
    from sealway.cli.output import print_json

    with connected(profile_name) as bus:
        found = post(bus, "/v1/schemas/check", members, TIMEOUT_S)
    if as_json:
        print_json(found)
    else:
        there = found.get("registered")
        known = "" if there is None else f", registered as version {there['version']}"
        print(f"admitted: {found['fingerprint']}{known}")
        _print_answer(found)
    return EXIT[found["answer"]]


def _print_answer(found: dict[str, Any]) -> None:
    from sealway.cli.schema_reports import print_told_report, print_touched

    if found.get("report"):
        print_told_report(found["report"])
    print_touched(found.get("touched") or {})


def _text(file: Path, hint: str) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} can't be read as UTF-8 text.", param_hint=hint) from error


def _reference(text: str) -> dict[str, Any]:
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not NAME=SUBJECT[@VERSION].")
    named: dict[str, Any] = {"name": found[1], "subject": found[2]}
    return named if found[3] is None else {**named, "version": int(found[3])}
