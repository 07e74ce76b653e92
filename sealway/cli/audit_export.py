"""`sealway audit select` and `export`: what an auditor asks of a running bus."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sealway.cli.session import bus_options, connected, examples, post

F = TypeVar("F", bound=Callable[..., Any])

SELECTION_BYTES_MAX: Final = 1024 * 1024
EXPORT_S: Final = 60.0  # without a byte
_LISTS: Final = {
    "member": "Messages of this member, on either side.",
    "system": "Messages of this system, on either side.",
    "service": "Messages of this service.",
    "kind": "Leaves of this kind: request, response, refusal …",
    "purpose": "Parts only of exchanges with this purpose.",
    "party": "A party export: leaves of these members, hashes of all others.",
}


def _filters(function: F) -> F:
    """Adds the options that a selection is made of."""
    for name, text in reversed(_LISTS.items()):
        function = click.option(f"--{name}", multiple=True, help=f"{text} Repeatable.")(function)
    options = (
        click.option("--since", metavar="TIME", help="Like 2026-11-22T06:40:00.000Z."),
        click.option("--until", metavar="TIME", help="The range ends at the heads after it."),
        click.option("--no-content", is_flag=True, help="Envelopes without their parts."),
        click.option("--no-tests", is_flag=True, help="Leave test messages out."),
        click.option(
            "--no-accesses", is_flag=True, help="Without the records of who read and exported."
        ),
        click.option(
            "--selection",
            "file",
            metavar="FILE",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="What `audit select --save` wrote; filters given here are added.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command
@_filters
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Keep it for `audit export`."
)
@bus_options
@examples(
    "sealway audit select --service person-status --since 2026-11-01T00:00:00.000Z",
    "sealway audit select --member sx/GOV/1001 --save selection.json",
)
def select(save: Path | None, profile_name: str | None, as_json: bool, **filters: Any) -> int:
    """Say what a selection would take: the range, and how many leaves of each log match.

    Filters of one name are alternatives; those of different names all hold. All but --purpose are
    decided by the leaves alone, so that a verifier sees by itself that nothing was left out.
    """
    from sealway.cli.output import print_json, print_object

    asked = _asked(filters)
    with connected(profile_name) as connection:
        found = post(connection, "/v1/exports/preview", asked, EXPORT_S)
    if save is not None:
        save.write_text(json.dumps(asked, indent=2) + "\n", "utf-8")
    if as_json:
        print_json({**found, "selection": asked})
        return 0
    print_object(
        {
            "range": _spoken(found["range"]),
            "leaves": found["leaves"],
            "selected": found["selected"],
            **{f"log {one['n']}": f"{one['selected']} of {one['leaves']}" for one in found["logs"]},
        }
    )
    return 0


def _spoken(ends: Sequence[int | None]) -> str:
    """The range between two heads, in the words of `audit verify`."""
    first, last = ends
    return f"log 0 from {'its beginning' if first is None else first} to {last}"


@click.command
@click.argument("out", metavar="CASE.ZIP", type=click.Path(path_type=Path))
@_filters
@click.option("--reason", help="Why; it stands in the record of the export.")
@click.option(
    "--for", "recipient", metavar="KEY", help="Seal it for this recipient (`audit recipient`)."
)
@click.option("--force", is_flag=True, help="Write over a file of that name.")
@bus_options
@examples(
    "sealway audit export case.zip --since 2026-11-01T00:00:00.000Z --reason 'case 12/2026'",
    "sealway audit export case.zip --party sx/GOV/1001",
    "sealway audit export case.zip --selection selection.json",
    'sealway audit export case.zip.sealed --for "$RECIPIENT"',
)
def export(
    out: Path,
    reason: str | None,
    recipient: str | None,
    force: bool,
    profile_name: str | None,
    as_json: bool,
    **filters: Any,
) -> int:
    """Fetch an evidence bundle from a running bus. It is recorded in the bus's log 0.

    Without --party it is a full one, with all leaves of its range. The file is there only when it
    is whole; verify it with `sealway audit verify`. With --for it is sealed before it leaves the
    bus, and `sealway audit open` opens it where the recipient's key is.
    """
    import hashlib

    from sealway.audit.container import Container
    from sealway.cli.audit_progress import end_progress, progress
    from sealway.cli.output import print_json, print_object
    from sealway.steps import Call

    if out.exists() and not force:
        raise click.BadParameter(f"{out} exists already; --force writes over it")
    asked = _asked(filters)
    if reason is not None:
        asked["reason"] = reason
    if recipient is not None:
        asked["recipient"] = recipient
    part = out.with_name(out.name + ".part")
    show, digest, size = progress(), hashlib.sha256(), 0
    files: dict[str, int] = {}
    headers = {"content-type": "application/json", "accept": "*/*"}
    call = Call("POST", "/v1/exports", headers, json.dumps(asked).encode(), EXPORT_S)
    try:
        with connected(profile_name) as connection, part.open("wb") as file:
            for piece in connection.stream(call):
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                if show is not None:
                    show("KiB", size // 1024, 0)
            file.flush()
            os.fsync(file.fileno())
        if recipient is None:
            with part.open("rb") as file:
                files = {"files": len(Container(file).entries)}
        part.replace(out)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}.") from error
    finally:
        end_progress()
        with suppress(OSError):  # it may be why we are here
            part.unlink(missing_ok=True)
    said = {"file": str(out), "bytes": size, **files, "sha256": digest.hexdigest()}
    (print_json if as_json else print_object)(said)
    return 0


def _asked(filters: dict[str, Any]) -> dict[str, Any]:
    """The body of the call, from a file and options. Raises click's errors."""
    from sealway.audit.errors import SelectionInvalid
    from sealway.audit.selection import PARTY, Selection

    file: Path | None = filters["file"]
    whole = _saved(file) if file is not None else {}
    selection = dict(whole.get("selection", {}))
    for name in _LISTS:
        if filters[name]:
            selection[name] = [*selection.get(name, []), *filters[name]]
    for name in ("content", "tests"):
        if filters[f"no_{name}"]:
            selection[name] = False
    if selection.get("party"):
        selection["form"] = PARTY
    without = filters["no_accesses"] or selection.get("accesses") is False
    try:
        whole["selection"] = Selection.from_object(selection).to_object()
    except SelectionInvalid as error:
        raise click.UsageError(error.detail) from error
    if without:
        whole["selection"]["accesses"] = False
    whole |= {name: filters[name] for name in ("since", "until") if filters[name] is not None}
    return whole


def _saved(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            whole = json.loads(opened.read(SELECTION_BYTES_MAX))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file} holds no selection.") from error
    if not isinstance(whole, dict) or not whole.keys() <= {"selection", "since", "until"}:
        raise click.BadParameter(f"{file} holds no selection.")
    return whole
