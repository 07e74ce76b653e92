"""`sealway key`: new, show, csr, renew."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sealway.cli.session import bus_options, clock, examples, json_option

DAY_MS = 86_400_000
DAYS_MAX = 3650  # ten years; a key outlives neither its algorithm nor its owner's memory


@click.group
def key() -> None:
    """Make, show and renew keys and certificates."""


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
    from sealway.credentials import read_certificate

    key_file, certificate_file = _make(name, system, alg, days)
    said = {
        "key": str(key_file),
        "certificate": str(certificate_file),
        "x5t": read_certificate(certificate_file.read_bytes()).x5t,
    }
    (print_json if as_json else print_object)(said)
    return 0


def _make(name: Path, system: str, alg: str, days: int) -> tuple[Path, Path]:
    """Make a key and its self-issued certificate in new files beside each other."""
    from signing.certificates import der_to_pem, issue_self_signed
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
    return key_file, certificate_file


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


@key.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--system", required=True, metavar="ID", help="Whose key it is.")
@examples("sealway key csr benefits.key.pem --system sx/GOV/1001/benefits > benefits.csr.pem")
def csr(file: Path, system: str) -> int:
    """Print a certificate request (PKCS #10) signed with the private key in FILE.

    For a CA; and as the proof of `sealway certificate add --csr` that the key is held.
    """
    from sealway.secret_files import warn_if_open
    from signing.csr import csr_to_pem, make_csr
    from signing.identifiers import parse_system_id
    from signing.keys import load_private_key

    warn_if_open(file)
    made = make_csr(load_private_key(file.read_bytes()), parse_system_id(system))
    print(csr_to_pem(made).decode("ascii"), end="")
    return 0


@key.command
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=365, show_default=True)
@click.option("--alg", type=click.Choice(["ES256", "Ed25519"]), default="ES256", show_default=True)
@bus_options
@examples("sealway key renew keys/benefits-2 --profile benefits")
def renew(name: Path, days: int, alg: str, profile_name: str | None, as_json: bool) -> int:
    """Make the next key of the profile's own system, and register its certificate on the bus.

    NAME.key.pem and NAME.cert.pem are new files. The old key counts on until its certificate ends
    or an integrator withdraws it; put the new files into the profile when you switch.
    """
    from sealway.cli.changing import show_object
    from sealway.cli.session import connected_as, post
    from sealway.credentials import identity_of, read_certificate
    from sealway.possession import token_proof
    from sealway.profile import load_profile
    from signing.encoding import b64url_encode

    profile = load_profile(profile_name)
    system = identity_of(profile).system
    key_file, certificate_file = _make(name, system, alg, days)
    parsed = read_certificate(certificate_file.read_bytes())
    proof = token_proof(
        profile.bus, profile.url, system, key_file.read_bytes(), parsed, clock().now_ms()
    )
    members = {"system": system, "certificate": b64url_encode(parsed.der), "proof": proof}
    with connected_as(profile) as bus:
        post(bus, "/v1/certificates", members)
    said = {"key": str(key_file), "certificate": str(certificate_file), "x5t": parsed.x5t}
    show_object(said, as_json)
    return 0
