"""`sealway key`: new, show."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sealway.cli.session import clock, examples, json_option

DAY_MS = 86_400_000
DAYS_MAX = 3650  # ten years; a key outlives neither its algorithm nor its owner's memory


@click.group
def key() -> None:
    """Make and show keys and certificates."""


@key.command
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--system", required=True, metavar="ID", help="Whose key it will be.")
@click.option("--alg", type=click.Choice(["ES256", "Ed25519"]), default="ES256", show_default=True)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=365, show_default=True)
@json_option
@examples(
    "sealway key new keys/benefits --system sx/GOV/1001/benefits",
    "sealway key new benefits --system sx/GOV/1001/benefits --alg Ed25519 --days 90",
)
def new(name: Path, system: str, alg: str, days: int, as_json: bool) -> int:
    """Make a private key NAME.key.pem (readable by you alone) and a certificate NAME.cert.pem.

    The certificate is self-issued: whose it is, is what the registry says once it is added there.
    Files that exist are never written over.
    """
    from sealway.cli.output import print_json, print_object
    from signing.certificates import der_to_pem, issue_self_signed, parse_certificate
    from signing.identifiers import parse_system_id
    from signing.keys import generate_key, private_key_pem

    now_ms = clock().now_ms()
    made = generate_key(alg)
    der = issue_self_signed(made, parse_system_id(system), now_ms - 60_000, now_ms + days * DAY_MS)
    key_file = name.with_name(f"{name.name}.key.pem")
    certificate_file = name.with_name(f"{name.name}.cert.pem")
    for file in (key_file, certificate_file):
        if file.exists():
            raise click.BadParameter(f"{file} exists already")
    try:
        name.parent.mkdir(parents=True, exist_ok=True)
        _write_new(key_file, private_key_pem(made), 0o600)
        _write_new(certificate_file, der_to_pem(der), 0o644)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}") from error
    said = {
        "key": str(key_file),
        "certificate": str(certificate_file),
        "x5t": parse_certificate(der).x5t,
    }
    (print_json if as_json else print_object)(said)
    return 0


def _write_new(file: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)


@key.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@examples("sealway key show benefits.cert.pem", "sealway key show benefits.key.pem")
def show(file: Path, as_json: bool) -> int:
    """What a certificate says, or which algorithm a private key is for. No secret is printed."""
    from sealway.cli.output import print_json, print_object
    from sealway.credentials import read_certificate
    from signing.encoding import format_time
    from signing.keys import algorithm_of, load_private_key

    data = file.read_bytes()
    if b"PRIVATE KEY" in data:
        said = {"sort": "private key", "alg": algorithm_of(load_private_key(data))}
    else:
        parsed = read_certificate(data)
        said = {
            "sort": "certificate",
            "alg": parsed.alg,
            "subject": parsed.subject,
            "x5t": parsed.x5t,
            "not_before": format_time(parsed.not_before_ms),
            "not_after": format_time(parsed.not_after_ms),
        }
    (print_json if as_json else print_object)(said)
    return 0
