"""A sandbox's own time-stamp authority: so that receipts become anchored where nobody was asked.

Owns `keys/sandbox/time.*`: key, certificate, and the root to give to whoever verifies. Refuses to
exist but in a sandbox, and steps aside where the settings name an authority.
"""

import time
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from exchange.ledger.log_writer import Clock
from exchange.operation.key_files import FOLDER_MODE, sync_folder, write_new
from exchange.operation.sandbox_keys import BACKDATED_MS, FOLDER
from exchange.operation.settings import SettingsInvalid
from exchange.witnessing.rules import Authority
from exchange.witnessing.time_stamping import (
    REJECTED,
    Credentials,
    issue,
    new_credentials,
    parse_request,
)
from signing.errors import ProofInvalid, SealwayError
from signing.keys import load_private_key, private_key_pem

NAME: Final = "sandbox"
KEY, CERTIFICATE, ROOT = "time.key.pem", "time.cert.pem", "time.root.pem"
VALID_MS: Final = 10 * 365 * 86_400_000  # what it stamped stays provable as long as anybody plays


def sandbox_authority(keys: Path, clock: Clock) -> Authority:
    """The authority of the sandbox whose `keys` these are; makes its files the first time.

    Raises:
        SettingsInvalid: a file can't be read.
    """
    folder = keys / FOLDER
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if not (folder / ROOT).exists():
        _make(folder)
    credentials = _load(folder)

    def answer(query: bytes) -> bytes:
        try:
            return issue(parse_request(query), credentials, clock())
        except ProofInvalid:
            return REJECTED

    return Authority(NAME, "", (credentials.root,), answer)


def _make(folder: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    made = new_credentials("Sealway sandbox time", now_ms - BACKDATED_MS, now_ms + VALID_MS)
    for name in (KEY, CERTIFICATE):
        (folder / name).unlink(missing_ok=True)  # half of them, from a crash
    write_new(folder / KEY, private_key_pem(made.key))
    write_new(folder / CERTIFICATE, made.certificate.public_bytes(Encoding.PEM))
    write_new(folder / ROOT, made.root.public_bytes(Encoding.PEM), 0o644)
    sync_folder(folder)


def _load(folder: Path) -> Credentials:
    try:
        key = load_private_key((folder / KEY).read_bytes())
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        root = x509.load_pem_x509_certificate((folder / ROOT).read_bytes())
    except (OSError, ValueError, SealwayError) as error:
        raise SettingsInvalid(
            [f"{folder}: the sandbox's time.* files can't be read; remove all three."]
        ) from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Credentials(key, certificate, root)
