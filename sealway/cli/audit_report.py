"""`sealway audit report`: make one for people to read and sign, or check one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sealway.cli.session import clock, examples, json_option

if TYPE_CHECKING:
    from signing.certificates import ParsedCertificate
    from signing.keys import LocalSigner

YES: Final = 0
NO: Final = 1
CANNOT_TELL: Final = 2
SECRET_BYTES_MAX: Final = 65_536

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command
@click.argument("case", metavar="CASE.ZIP", type=_file)
@click.option("--anchors", metavar="FILE", type=_file, help="As for `audit verify`.")
@click.option("--cosigned", multiple=True, metavar="FILE", type=_file, help="Likewise.")
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of the report; with --check the one to look at.",
)
@click.option("--key", metavar="FILE", type=_file, help="Sign it with this private key …")
@click.option("--certificate", metavar="FILE", type=_file, help="… of this certificate.")
@click.option("--check", is_flag=True, help="Check a report against CASE.ZIP; write nothing.")
@json_option
@examples(
    "sealway audit report case.zip --anchors anchors.toml --out report",
    "sealway audit report case.zip --anchors anchors.toml --out report"
    " --key auditor.pem --certificate auditor.crt",
    "sealway audit report case.zip --anchors anchors.toml --out report --check"
    " --certificate auditor.crt",
)
def report(
    case: Path,
    anchors: Path | None,
    cosigned: tuple[Path, ...],
    out: Path,
    key: Path | None,
    certificate: Path | None,
    check: bool,
    as_json: bool,
) -> int:
    """Verify a bundle and write what came of it as report.json, report.html and messages.csv.

    With --key and --certificate, sign it too (report.jws). --check verifies the bundle again, and
    that the report says just that and, with --certificate, that it is signed by it.

    \b
    Exit codes: when made, those of `audit verify`; with --check 0 it holds, 1 it was changed.
    """
    from sealway.audit.reports import sign_report, write_report
    from sealway.cli.audit_bundle import verified
    from sealway.cli.output import print_json, print_object

    known = None if certificate is None else _certificate(certificate)
    if check:
        return _check(case, anchors, cosigned, out, known, as_json=as_json)
    if (key is None) != (known is None):
        raise click.UsageError("To sign, give both --key and --certificate.")
    found = verified(case, anchors, cosigned)
    try:
        data = write_report(found.to_object(), out)
        if key is not None and known is not None:
            sign_report(data, _signer(key, known), clock().now_ms() // 1000, out)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}") from error
    said = {"report": str(out), "verdict": found.verdict.value, "signed": key is not None}
    (print_json if as_json else print_object)(said)
    return found.verdict.exit_code


def _check(
    case: Path,
    anchors: Path | None,
    cosigned: tuple[Path, ...],
    out: Path,
    certificate: ParsedCertificate | None,
    *,
    as_json: bool,
) -> int:
    from sealway.audit.errors import BundleRefused
    from sealway.audit.reports import read_report
    from sealway.cli.audit_bundle import verified
    from sealway.cli.output import print_json, print_object

    outcome, code = "holds", YES
    try:
        said = read_report(out, certificate)
        if said != verified(case, anchors, cosigned).to_object():
            raise BundleRefused("Verifying this bundle with these anchors says something else.")
    except BundleRefused as error:
        outcome, code = f"changed: {error.detail}", NO
    except OSError as error:
        raise click.BadParameter(
            f"{error.filename}: {error.strerror}", param_hint="--out"
        ) from error
    shown = {"report": str(out), "outcome": outcome, "signature": _told(certificate)}
    (print_json if as_json else print_object)(shown)
    return code


def _told(certificate: ParsedCertificate | None) -> str:
    return "not asked for" if certificate is None else f"by {certificate.subject}"


def _certificate(file: Path) -> ParsedCertificate:
    from sealway.credentials import read_certificate
    from signing.errors import SealwayError

    try:
        return read_certificate(_bounded(file))
    except SealwayError as error:
        raise click.BadParameter(error.detail, param_hint="--certificate") from error


def _signer(file: Path, certificate: ParsedCertificate) -> LocalSigner:
    from sealway.secret_files import warn_if_open
    from signing.errors import SealwayError
    from signing.keys import LocalSigner, load_private_key

    try:
        warn_if_open(file)
        signer = LocalSigner(load_private_key(_bounded(file)), certificate.x5t)
        certificate.verifier.verify(signer.sign(b"sealway"), b"sealway")
    except SealwayError as error:
        raise click.BadParameter(error.detail, param_hint="--key") from error
    return signer


def _bounded(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(SECRET_BYTES_MAX)
