"""`sealway audit reads`: who read or exported what, asked of a bus or read out of its log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import click

from sealway.cli.session import bus_options, connected, examples, fetch_all

if TYPE_CHECKING:
    from sealway.verify.accesses import AccessFilter, AccessList
    from sealway.verify.findings import Findings
    from sealway.verify.report import Verdict

COLUMNS: Final = ("at", "kind", "person", "role", "what", "part", "service", "reason")


@click.command
@click.argument("source", metavar="[CASE.ZIP|DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--person", metavar="ID", help="Whose; as `sealway person list` shows it.")
@click.option("--message", metavar="ID", help="Reads of this message.")
@click.option("--since", metavar="TIME", help="Like 2026-11-22T06:40:00.000Z.")
@click.option("--until", metavar="TIME", help="To this millisecond.")
@click.option("--kind", type=click.Choice(("read", "export")), help="Only these.")
@click.option(
    "--anchors",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For a bundle: what you trust, from elsewhere.",
)
@click.option(
    "--log-key", "log_keys", multiple=True, metavar="KEY", help="For a folder: log 0's key."
)
@click.option(
    "--epoch-keys",
    "epoch_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="For a folder: files named epoch-<n>. Without them it is not known who read.",
)
@bus_options
@examples(
    "sealway audit reads --since 2026-11-01T00:00:00.000Z",
    "sealway audit reads --message 01a201fb-aa7b-7cc0-98c4-dc0c0c07398f --json",
    'sealway audit reads copy/data --log-key "$KEY" --epoch-keys keys/epoch-1 --person p0123',
    "sealway audit reads case.zip --anchors anchors.toml --kind export",
)
def reads(
    source: Path | None,
    anchors: Path | None,
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    profile_name: str | None,
    as_json: bool,
    **asked: str | None,
) -> int:
    """Say who read or exported what: of a running bus with an auditor's token, or offline of a
    copy of its folder or of a bundle, whose log 0 is verified before anything is shown.

    Every reading of content and every export by a person is a leaf of log 0. A bundle holds the
    leaves and not the records: when, and of which message, but not who.

    \b
    Exit codes: 0 shown (offline: and proven), 1 the log is false, 2 not anchored, or records
    that can't be read, 3 usage, 4 bus or database not reachable.
    """
    from sealway.cli.audit_bundle import is_bundle

    wanted = _filter(asked)
    if source is None:
        if anchors or log_keys or epoch_files:
            raise click.UsageError("--anchors, --log-key and --epoch-keys are for a bundle or DIR.")
        return _ask(asked, profile_name, as_json=as_json)
    if profile_name is not None:
        raise click.UsageError("A bundle or DIR is read without a bus: no --profile.")
    if is_bundle(source):
        if log_keys or epoch_files:
            raise click.UsageError("A bundle takes --anchors; --log-key is for a folder.")
        return _of_bundle(source, anchors, wanted, as_json=as_json)
    if anchors is not None or not log_keys:
        raise click.UsageError("A folder takes --log-key, and --epoch-keys to say who.")
    return _of_folder(source, log_keys, epoch_files, wanted, as_json=as_json)


def _filter(asked: dict[str, str | None]) -> AccessFilter:
    """The same filter as the bus's. Raises click's errors."""
    from sealway.verify.accesses import AccessFilter
    from signing.encoding import parse_time
    from signing.errors import EncodingInvalid, MessageIdInvalid
    from signing.identifiers import parse_message_id

    since, until, message = asked["since"], asked["until"], asked["message"]
    try:
        return AccessFilter(
            asked["kind"],
            asked["person"],
            None if message is None else parse_message_id(message),
            None if since is None else parse_time(since),
            None if until is None else parse_time(until),
        )
    except (EncodingInvalid, MessageIdInvalid) as error:
        raise click.UsageError(error.detail) from error


def _ask(asked: dict[str, str | None], profile_name: str | None, *, as_json: bool) -> int:
    from sealway.cli.output import print_json

    query = urlencode({name: value for name, value in asked.items() if value is not None})
    with connected(profile_name) as connection:
        found = fetch_all(connection, f"/v1/reads?{query}" if query else "/v1/reads")
    if as_json:
        print_json(found)
    else:
        _table(found["items"])
    return 0


def _of_bundle(case: Path, anchors: Path | None, asked: AccessFilter, *, as_json: bool) -> int:
    from sealway.cli.audit_bundle import verified
    from sealway.verify.accesses import AccessList

    found = AccessList(asked)
    report = verified(case, anchors, accesses=found)
    return _told(found, report.verdict, report.sentence, report.findings, as_json=as_json)


def _of_folder(
    folder: Path,
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    asked: AccessFilter,
    *,
    as_json: bool,
) -> int:
    from sealway.cli.audit_folder import verified_folder
    from sealway.cli.audit_progress import end_progress
    from sealway.verify.accesses import AccessList

    found = AccessList(asked)
    report = verified_folder(folder, log_keys, epoch_files, None, found.see)
    if isinstance(report, int):
        return report
    end_progress()
    said = {"proven": "log 0 is proven", "false": "log 0 is false"}
    sentence = said.get(report.verdict.value, "incomplete: not everything of log 0 is decided")
    return _told(found, report.verdict, sentence, report.findings, as_json=as_json)


def _told(
    found: AccessList, verdict: Verdict, sentence: str, findings: Findings, *, as_json: bool
) -> int:
    from sealway.cli.audit_folder import found_lines
    from sealway.cli.output import clean, note, print_json

    lines = found.lines()
    if as_json:
        said: dict[str, Any] = {
            "verdict": verdict.value,
            "items": lines,
            "left_out": found.left_out,
            "not_readable": found.not_readable,
            "findings": {code.value: count for code, count in sorted(findings.counts.items())},
        }
        print_json(said)
        return verdict.exit_code
    _table(lines)
    for line in found_lines(findings):
        note(clean(line))
    if found.left_out:
        note(f"{found.left_out} more are left out: ask for a shorter time.")
    if found.not_readable:
        note(f"{found.not_readable} records are not at hand, so who read there is not known.")
    note(f"audit reads: {sentence}")
    return verdict.exit_code


def _table(lines: list[dict[str, Any]]) -> None:
    from sealway.cli.output import print_table

    rows = [{**line, "what": line.get("message") or line.get("bundle")} for line in lines]
    print_table(COLUMNS, rows)
