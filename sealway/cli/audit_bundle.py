"""Verifying an evidence bundle from the command line, and what is printed of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.audit_progress import end_progress, progress

if TYPE_CHECKING:
    from sealway.audit.verdicts import BundleReport
    from sealway.verify.accesses import AccessList

NOTE_BYTES_MAX: Final = 65_536


def is_bundle(path: Path) -> bool:
    """Whether this is to be read as a bundle: a file that is no database."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(6) != b"SQLite"


def verified(
    case: Path,
    anchors: Path | None,
    cosigned: Sequence[Path] = (),
    accesses: AccessList | None = None,
) -> BundleReport:
    """Verify a bundle. Raises click's errors for files that can't be used."""
    from sealway.audit.anchors import load_anchors
    from sealway.audit.errors import AnchorsInvalid
    from sealway.audit.verifying import verify_bundle

    try:
        trusted = None if anchors is None else load_anchors(anchors)
    except AnchorsInvalid as error:
        raise click.BadParameter(error.detail, param_hint="--anchors") from error
    try:
        notes = [_note(file) for file in cosigned]
        return verify_bundle(case, trusted, notes, progress(), accesses)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}") from error
    finally:
        end_progress()


def _note(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(NOTE_BYTES_MAX).decode("utf-8", "replace")


def check_bundle(
    case: Path, anchors: Path | None, cosigned: Sequence[Path], *, as_json: bool
) -> int:
    """Verify a bundle and print what came of it; the exit code."""
    from sealway.cli.audit_folder import found_lines
    from sealway.cli.output import clean, print_json

    report = verified(case, anchors, cosigned)
    if as_json:
        print_json(report.to_object())
        return report.verdict.exit_code
    for line in (*_counted(report), *found_lines(report.findings)):
        print(clean(line))
    rate = int(report.leaves / report.seconds) if report.seconds else 0
    took = f"{report.leaves} leaves in {report.seconds:.1f} s, {rate}/s"
    print(clean(f"\naudit verify: {report.sentence} ({took})"))
    return report.verdict.exit_code


def _counted(report: BundleReport) -> list[str]:
    said = report.to_object()
    counts, span = said["counts"], said["range"]
    start, end = span["heads"]
    lines = [
        f"{'bus':<12} {report.bus}",
        f"{'bundle':<12} SHA-256 {report.bundle_sha256}",
        f"{'anchors':<12} {_anchors(report)}",
        f"{'made':<12} {said['made']} for {report.by}",
        f"{'range':<12} log 0 from {'its beginning' if start is None else start} to {end}",
        f"{'time':<12} {_times(span)}",
    ]
    if not report.bus:  # what is no bundle was made by nobody, at no time
        return lines[1:3]
    for n, first, past in report.logs:
        lines.append(f"{f'log {n}':<12} leaves {first} to {past}, none missing or moved")
    if not report.is_finished:
        lines = lines[:5]
    lines += [
        f"{'complete':<12} {_completeness(said['completeness'])}",
        f"{'messages':<12} {counts['messages']}, signatures verified",
        f"{'custody':<12} {_pairs(said['custody'])}",
        f"{'standing':<12} {_pairs(said['standing']) or 'nothing to judge'}",
        *(f"{f'{name}s':<12} {_pairs(by)}" for name, by in said["rests_on"].items() if by),
        *([f"{'issued':<12} {_pairs(said['issued'])}"] if said["issued"] else []),
        f"{'read':<12} {_accessed(said['accesses'])}",
        f"{'disputed':<12} {said['disputed']}",
    ]
    return lines


def _anchors(report: BundleReport) -> str:
    if report.anchors_sha256 is None:
        return "none: keys in the bundle are candidates, never roots"
    return f"SHA-256 {report.anchors_sha256}"


def _times(span: dict[str, Any]) -> str:
    if span["t_hi"] is None:
        return "the bus's own: nobody else vouches for it"
    by = " and ".join(span["trusted_time"])
    return f"after {span['t_lo'] or 'the beginning'}, before {span['t_hi']}, by {by}"


def _completeness(said: dict[str, Any]) -> str:
    if not said["not_provable"]:
        return str(said["leaves"])
    names = ", ".join(said["not_provable"])
    return f"{said['leaves']}, {said['hidden']} as hashes; not provable for: {names}"


def _accessed(said: dict[str, Any]) -> str:
    """Reads and exports within the range, and by whom, as far as the bundle tells."""
    counted = f"{said['reads']} messages by people, {said['exports']} exports"
    if said["hidden"]:
        return f"not shown: {said['hidden']} leaves of log 0 as hashes"
    people = ", ".join(said["people"])
    return f"{counted} ({people})" if people else counted


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def show_custody(case: Path, anchors: Path | None, *, as_json: bool) -> int:
    """Print who held the keys; the exit code of the verification."""
    from sealway.cli.output import print_json, print_table

    report = verified(case, anchors)
    systems: dict[tuple[str, str], int] = dict(sorted(report.signers.items()))
    rows = [{"system": s, "custody": c, "messages": n} for (s, c), n in systems.items()]
    if as_json:
        print_json({"verdict": report.verdict.value, "systems": rows})
    else:
        print_table(("system", "custody", "messages"), rows)
    return report.verdict.exit_code
