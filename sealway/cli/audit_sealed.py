"""`sealway audit recipient` and `open`: bundles that were sealed for one key."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealway.cli.session import examples, json_option

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

KEY_BYTES_MAX = 16_384


@click.command
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@examples("sealway audit recipient auditor.key.pem")
def recipient(file: Path, as_json: bool) -> int:
    """Make a key for sealed bundles in FILE (readable by you alone), and say its recipient.

    The recipient is public: give it to whoever exports. Whoever has FILE opens what was sealed for
    it, and without FILE nobody does. A file that exists is never written over.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from sealway.cli.output import print_json, print_object
    from signing.sealed import recipient_of

    key = X25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise click.BadParameter(f"{file} exists already") from error
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}.") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)
    said = {"key": str(file), "recipient": recipient_of(key)}
    (print_json if as_json else print_object)(said)
    return 0


@click.command("open")
@click.argument(
    "sealed",
    metavar="CASE.ZIP.SEALED",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.argument("out", metavar="CASE.ZIP", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The private key that `audit recipient` made.",
)
@click.option("--force", is_flag=True, help="Write over a file of that name.")
@json_option
@examples("sealway audit open case.zip.sealed case.zip --key auditor.key.pem")
def open_(sealed: Path, out: Path, key_file: Path, force: bool, as_json: bool) -> int:
    """Open a bundle that was sealed for your key; then verify it with `sealway audit verify`.

    CASE.ZIP is there only when all of it opened.

    \b
    Exit codes: 0 opened, 1 it was altered, cut off, or sealed for another key, 3 usage.
    """
    from sealway.cli.output import note, print_json, print_object
    from signing.sealed import SealedInvalid, open_sealed

    if out.exists() and not force:
        raise click.BadParameter(f"{out} exists already; --force writes over it")
    key, size = _key(key_file), 0
    part = out.with_name(out.name + ".part")
    try:
        with sealed.open("rb") as file, part.open("wb") as opened:
            for piece in open_sealed(file, key):
                size += opened.write(piece)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(out)
    except SealedInvalid as error:
        note(error.detail)
        return 1
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}.") from error
    finally:
        with suppress(OSError):  # it may be why we are here
            part.unlink(missing_ok=True)
    (print_json if as_json else print_object)({"file": str(out), "bytes": size})
    return 0


def _key(file: Path) -> X25519PrivateKey:
    """The X25519 key of a file. Raises click's errors."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from sealway.secret_files import warn_if_open

    try:
        warn_if_open(file)
        with file.open("rb") as opened:
            key = load_pem_private_key(opened.read(KEY_BYTES_MAX), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise click.BadParameter(f"{file} holds no private key in PEM that can be read.") from error
    if not isinstance(key, X25519PrivateKey):
        raise click.BadParameter(f"{file} is no key that `sealway audit recipient` made.")
    return key
