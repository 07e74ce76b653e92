"""`sealway certificate`: add, list, show, withdraw."""

from __future__ import annotations

from pathlib import Path

import click

from sealway.cli.changing import add_ends, add_object
from sealway.cli.directory import noun_group
from sealway.cli.session import bus_options, clock, examples
from sealway.cli.signing_changes import signed_new, signer_option

EXAMPLE = "3ZcXJ0aV6mGgYx8D3v3pQmH7m2b8c9d0e1f2g3h4i5j"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

certificate = noun_group(
    "certificate",
    "Systems' certificates, by SHA-256 of their DER bytes in base64url.",
    ("x5t", "system", "alg", "custody", "not_after", "state"),
    EXAMPLE,
)
add_ends(
    certificate, EXAMPLE, {"withdraw": ("revoked", "It counts no more, from the next message on.")}
)


@certificate.command("add")
@click.argument("file", type=FILE)
@click.option("--system", required=True, metavar="ID", help="Whose certificate it is.")
@click.option("--key", "key_file", type=FILE, help="Its private key, which signs the proof here.")
@click.option("--csr", "csr_file", type=FILE, help="A request signed with its key, as the proof.")
@signer_option
@bus_options
@examples(
    "sealway certificate add customs.cert.pem --system sx/GOV/5005/customs --key customs.key.pem",
    "sealway certificate add customs.cert.pem --system sx/GOV/5005/customs --csr customs.csr.pem",
    "sealway certificate add next.cert.pem --system sx/GOV/5005/customs --key next.key.pem "
    "--signed-by customs",
)
def add(
    file: Path,
    system: str,
    key_file: Path | None,
    csr_file: Path | None,
    signed_by: str | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Register the certificate in FILE for a system, with proof that its key is held.

    The key stays here: what is sent is a token that it signs, for this bus, this system and this
    minute. An operator may leave the proof out, and answers for whose key it is. With --signed-by
    an earlier key of your member's says that this one is its own, and evidence `member-signed`.
    """
    from sealway.credentials import read_certificate
    from sealway.possession import csr_proof, token_proof
    from sealway.profile import load_profile
    from signing.encoding import b64url_encode

    if key_file is not None and csr_file is not None:
        raise click.UsageError("One proof is enough: --key or --csr.")
    parsed = read_certificate(file.read_bytes())
    members = {"system": system, "certificate": b64url_encode(parsed.der)}
    if key_file is not None:
        profile = load_profile(profile_name)
        members["proof"] = token_proof(
            profile.bus, profile.url, system, key_file.read_bytes(), parsed, clock().now_ms()
        )
    elif csr_file is not None:
        members["proof"] = csr_proof(csr_file.read_bytes())
    if signed_by is not None:
        members |= signed_new(signed_by, profile_name, "certificate", members)
    return add_object(profile_name, as_json, "/v1/certificates", members)
