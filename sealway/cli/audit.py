"""`sealway audit`: select, export, open, verify, fsck, custody, reads, report."""

from __future__ import annotations

from pathlib import Path

import click

from sealway.cli.audit_export import export, select
from sealway.cli.audit_reads import reads
from sealway.cli.audit_report import report
from sealway.cli.audit_sealed import open_, recipient
from sealway.cli.session import examples, json_option


@click.group
def audit() -> None:
    """Take evidence from a bus, and prove offline what a bundle or a log holds."""


_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_log_key = click.option(
    "--log-key",
    "log_keys",
    multiple=True,
    metavar="KEY",
    help="The verifier key of the bus's log 0, from a source other than this folder; with a "
    "successor of log 0, one for each.",
)
_epoch_keys = click.option(
    "--epoch-keys",
    "epoch_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file named epoch-<n>; give one for each epoch. Without them envelopes stay shut.",
)
_keep = click.option(
    "--keep",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Keep the copy of a PostgreSQL database here, to be verified elsewhere.",
)
_anchors = click.option(
    "--anchors",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What you trust, from elsewhere than the bundle: the bus, its log key, witnesses.",
)
_processes = click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(1, 64),
    help="How many processes go through long logs; without it, one for each core, up to 8.",
)
_cosigned = click.option(
    "--cosigned",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint of log 0 that a witness gave you; repeatable.",
)


@audit.command
@click.argument("source", metavar="CASE.ZIP|DIR", type=click.Path(path_type=Path))
@_anchors
@_cosigned
@_log_key
@_epoch_keys
@_keep
@_processes
@json_option
@examples(
    "sealway audit verify case.zip --anchors anchors.toml",
    "sealway audit verify case.zip --anchors anchors.toml --cosigned from-witness.txt --json",
    'sealway audit verify copy/data --log-key "$KEY" --epoch-keys keys/epoch-1',
)
def verify(
    source: Path,
    anchors: Path | None,
    cosigned: tuple[Path, ...],
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    keep: Path | None,
    processes: int | None,
    as_json: bool,
) -> int:
    """Prove an evidence bundle (a file that `audit export` made), or a folder as `fsck` does.

    A bundle is verified with no network and no database, against the anchors alone: keys inside
    it are candidates, never roots. Without anchors the best answer is "consistent, not anchored".

    \b
    Exit codes: 0 proven, 1 false, 2 incomplete, not anchored or undecidable, 3 usage,
    4 database not reachable.
    """
    from sealway.cli.audit_bundle import check_bundle, is_bundle

    if not source.exists():
        raise click.BadParameter(f"there is no {source}", param_hint="CASE.ZIP|DIR")
    if is_bundle(source):
        if log_keys or epoch_files or keep or processes:
            raise click.UsageError("A bundle takes --anchors; --log-key and others are a folder's.")
        return check_bundle(source, anchors, cosigned, as_json=as_json)
    if anchors is not None or cosigned:
        raise click.UsageError("A folder takes --log-key; --anchors are for an evidence bundle.")
    return _fsck(source, log_keys, epoch_files, keep, processes, as_json, "verify")


@audit.command
@_folder
@_log_key
@_epoch_keys
@_keep
@_processes
@json_option
@examples(
    "sealway audit fsck copy/data --log-key sx.example/log/0+1a2b3c4d+AT…",
    'sealway audit fsck copy/data --log-key "$KEY" --epoch-keys keys/epoch-1 --json',
    'sealway audit fsck copy/data --log-key "$KEY" --epoch-keys keys/epoch-1 --processes 4',
    'sealway audit fsck /etc/sealway --log-key "$KEY" --keep sealway-copy.db',
    'sealway audit fsck sealway-copy.db --log-key "$KEY"',
)
def fsck(
    folder: Path,
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    keep: Path | None,
    processes: int | None,
    as_json: bool,
) -> int:
    """Prove what DIR holds: a copy of a bus's data folder, made after it stopped; a database
    file; or a bus's own folder with its sealway.toml. A database on PostgreSQL, which that names,
    is copied first, as it stands at one moment.

    Trusts the pinned key of log 0 and nothing in the folder. Rebuilds every tree, checks every
    checkpoint, record and row, and makes a receipt for each message. DIR is never written to.

    \b
    Exit codes: 0 proven, 1 false, 2 incomplete or undecidable, 3 usage, 4 database not reachable.
    """
    return _fsck(folder, log_keys, epoch_files, keep, processes, as_json, "fsck")


def _fsck(
    folder: Path,
    log_keys: tuple[str, ...],
    epoch_files: tuple[Path, ...],
    keep: Path | None,
    processes: int | None,
    as_json: bool,
    verb: str,
) -> int:
    from sealway.cli.audit_folder import check_folder

    if not log_keys:
        raise click.UsageError(
            "Missing option '--log-key': what is in a folder can't vouch for it."
        )
    return check_folder(
        folder, log_keys, epoch_files, keep, as_json=as_json, verb=verb, processes=processes
    )


@audit.command
@click.argument("case", metavar="CASE.ZIP", type=click.Path(path_type=Path))
@_anchors
@json_option
@examples("sealway audit custody case.zip --anchors anchors.toml")
def custody(case: Path, anchors: Path | None, as_json: bool) -> int:
    """Who held the keys that signed: the members themselves, or the bus for them.

    What a key held by the bus signed, its operator could have signed too. Exits as `verify` does.
    """
    from sealway.cli.audit_bundle import show_custody

    return show_custody(case, anchors, as_json=as_json)


for _verb in (select, export, reads, report, recipient, open_):
    audit.add_command(_verb)
