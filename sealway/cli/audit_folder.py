"""Verifying a bus's own folder or database: the work of `audit fsck`, and what it prints."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sealway.cli.audit_progress import progress

if TYPE_CHECKING:
    from sealway.verify.accesses import Seen
    from sealway.verify.audit import Progress
    from sealway.verify.findings import Finding, Findings
    from sealway.verify.report import Report

NOT_REACHABLE: Final = 4
SHOWN_OF_A_CODE: Final = 3  # for a person; --json has up to 100 of each code
_COLLECTED_EVERY: Final = 50_000
_ORDER: Final = ("false", "incomplete", "notice")
_TEXTS: Final = {
    "envelopes-not-readable": (
        "envelopes not readable: without --epoch-keys neither signatures nor contents are checked"
    ),
}


def check_folder(
    folder: Path,
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    keep: Path | None,
    *,
    as_json: bool,
    verb: str = "fsck",
    processes: int | None = None,
) -> int:
    """Verify a folder and print what came of it; the exit code."""
    from sealway.cli.output import print_json

    report = verified_folder(folder, log_keys, epoch_files, keep, processes=processes)
    if isinstance(report, int):
        return report
    if as_json:
        print_json(report.to_object())
    else:
        _print(report, verb)
    return report.verdict.exit_code


def verified_folder(
    folder: Path,
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    keep: Path | None,
    seen: Seen | None = None,
    processes: int | None = None,
) -> Report | int:
    """Verify a folder, with ``seen`` only its log 0; an exit code when there was none to verify.

    Raises click's errors for files and keys that can't be used.
    """
    from sealway.cli.output import note
    from sealway.verify.audit import parse_pins, verify_folder
    from sealway.verify.copying import CopyFailed, ExtraMissing
    from sealway.verify.database import FolderUnusable
    from sealway.verify.epoch_files import EpochFileInvalid, load_epoch_files
    from sealway.verify.source import source_file
    from sealway.verify.workers import processes_here
    from signing.errors import ProofInvalid

    try:
        epochs = load_epoch_files(epoch_files)
        parse_pins(log_keys)
        show = progress()
        with source_file(folder, keep, _copying(show)) as source, rarely_collected():
            return verify_folder(
                source, log_keys, epochs, show, seen, processes or processes_here()
            )
    except ProofInvalid as error:
        raise click.BadParameter(error.detail, param_hint="--log-key") from error
    except EpochFileInvalid as error:
        raise click.BadParameter(str(error), param_hint="--epoch-keys") from error
    except FolderUnusable as error:
        raise click.BadParameter(str(error), param_hint="DIR") from error
    except ExtraMissing as error:
        raise click.UsageError(str(error)) from error
    except CopyFailed as error:
        note(f"not copied: {error}")
        return NOT_REACHABLE


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Rows come and go as tuples by the million, without a circle among them: Python's collector,
    which looks after every 700, would take a twentieth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTED_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _copying(show: Progress | None) -> Callable[[str], None]:
    """Says which table is being copied; how much there is of it is not known."""
    return lambda table: show(f"copying {table}", 0, 1) if show else None


def _print(report: Report, verb: str) -> None:
    from sealway.cli.output import clean

    for line in (*_counted(report), *found_lines(report.findings), _verdict(report, verb)):
        print(clean(line))


def _counted(report: Report) -> list[str]:
    counts = report.counts
    lines = [f"{'bus':<12} {report.bus}"]
    lines += [f"{'trusts':<12} {key}" for key in report.log_keys]
    for log in report.logs:
        where = "" if log.anchored is None else f", {log.anchored} anchored in log 0"
        state = "" if log.state == "open" else f", {log.state}"
        lines.append(
            f"{f'log {log.name}':<12} {log.leaves} leaves, {log.signed} under its checkpoint"
            f"{where}{state}: {report.verdict_of(log).value}"
        )
    lines += [
        f"{'shards':<12} {len(report.shards)}, of them {report.shards_verified} proven",
        f"{'directory':<12} version {report.directory_version}",
        f"{'messages':<12} {counts.messages}, {counts.receipts} receipts held by the tree",
        f"{'envelopes':<12} {counts.envelopes} opened, signatures verified",
        f"{'refusals':<12} {counts.refusals}",
        f"{'records':<12} {counts.records}, of them {report.heads} heads",
        f"{'exchanges':<12} {report.open_exchanges} still open",
    ]
    return lines


def found_lines(findings: Findings) -> list[str]:
    """What was found, for a person: a few of each code, the rest counted."""
    listed = [one for one in findings.listed if one.text]
    listed.sort(key=lambda one: _ORDER.index(one.weight.value))
    lines, shown = [], Counter[str]()
    for one in listed:
        shown[one.code] += 1
        if shown[one.code] <= SHOWN_OF_A_CODE:
            lines.append(_line(one))
        total = findings.counts[one.code]
        if shown[one.code] == SHOWN_OF_A_CODE < total:
            lines.append(f"{'':<10} {one.code.value:<26} … {total - SHOWN_OF_A_CODE} more")
    for code, total in findings.counts.items():
        if code.value in _TEXTS:
            lines.append(f"{_TEXTS[code.value]} ({total})")
    return ["", *lines] if lines else []


def _line(one: Finding) -> str:
    where = f"{one.place}: " if one.place else ""
    return f"{one.weight.value:<10} {one.code.value:<26} {where}{one.text}"


def _findings(findings: int) -> str:
    return f"{findings} finding" if findings == 1 else f"{findings} findings"


def _verdict(report: Report, verb: str) -> str:
    from sealway.verify.findings import Weight

    rate = int(report.leaves / report.seconds) if report.seconds else 0
    took = f"{report.leaves} leaves in {report.seconds:.1f} s, {rate}/s"
    found = report.findings
    said = {
        "proven": "proven",
        "false": f"false: {_findings(found.count(Weight.FALSE))}",
        "incomplete": "incomplete: nothing false, not everything decided",
    }[report.verdict.value]
    return f"\naudit {verb}: {said} ({took})"
