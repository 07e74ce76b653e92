"""The files in `keys/`: their names, how they are written once and read at the start.

Owns names and permissions. Refuses to replace a key: a log's key that is lost or changed is another
log's key. `data/` is copied and put back; nothing here ever is, with it. A secret that others on
this machine may read is used all the same, with a warning: some orchestrators mount them so.

    log-<n>       Ed25519, PEM: signs checkpoints of log n and nothing else
    bus, bus.crt  ES256, PEM: signs the bus's records; its self-issued certificate
    epoch-<n>     32 bytes: wraps the keys of messages stored in epoch n
    database.url  the database's address, where it holds a password
    founder.hash  what the founder's token hashes to, and until when it counts
"""

import os
import re
import stat
from functools import cache
from pathlib import Path
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ed25519

from exchange.operation.settings import SettingsInvalid
from signing.at_rest import KEY_BYTES, EpochKeys
from signing.certificates import ParsedCertificate, parse_certificate, pem_to_der
from signing.errors import SealwayError
from signing.keys import LocalSigner, load_private_key
from signing.log.note import NoteSigner

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
BUS_KEY: Final = "bus"
BUS_CERTIFICATE: Final = "bus.crt"
FOUNDER_HASH: Final = "founder.hash"
DATABASE_URL: Final = "database.url"
SECRET_BYTES_MAX: Final = 4096
_EPOCH: Final = re.compile(r"epoch-([1-9][0-9]{0,8})")

_events = structlog.get_logger()


def log_key_name(log: str) -> str:
    """The file name of a log's key: `log-0`, `log-17`, after a restore `log-0.1`."""
    return f"log-{log}"


def epoch_key_name(epoch: int) -> str:
    """The file name of an epoch's key."""
    return f"epoch-{epoch}"


def write_new(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Write a file that isn't there yet, durably, readable as `mode` says from its first byte.

    Raises:
        FileExistsError: it is there; nothing was changed.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def load_log_signer(keys: Path, bus: str, log: str) -> NoteSigner:
    """The signer of a log's checkpoints; `log` is its number, or `0.1` for a successor.

    Raises:
        SettingsInvalid: the file can't be read or holds no Ed25519 key.
    """
    path = keys / log_key_name(log)
    pem = _read_private(path)
    try:
        key = load_private_key(pem)
    except SealwayError as error:
        raise _unusable(path, "an Ed25519 private key in PEM") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise _unusable(path, "an Ed25519 private key in PEM")
    return NoteSigner(f"{bus}/log/{log}", key)


def load_signer(key: Path, certificate: Path) -> tuple[LocalSigner, ParsedCertificate]:
    """A key with its certificate: the bus's record key, or a hosted system's.

    Raises:
        SettingsInvalid: a file can't be read, or the two don't belong together.
    """
    key_pem, certificate_pem = _read_private(key), _read(certificate)
    try:
        private = load_private_key(key_pem)
    except SealwayError as error:
        raise _unusable(key, "a P-256 or Ed25519 private key in PEM") from error
    try:
        parsed = parse_certificate(pem_to_der(certificate_pem))
    except SealwayError as error:
        raise _unusable(certificate, "a certificate in PEM") from error
    signer = LocalSigner(private, parsed.x5t)
    try:
        parsed.verifier.verify(signer.sign(b"sealway"), b"sealway")
    except SealwayError as error:
        raise _unusable(certificate, f"the certificate of the key in {key.name}") from error
    return signer, parsed


def load_bus_signer(keys: Path) -> tuple[LocalSigner, ParsedCertificate]:
    """The bus's record key and its certificate. Raises SettingsInvalid."""
    return load_signer(keys / BUS_KEY, keys / BUS_CERTIFICATE)


def load_epoch_keys(keys: Path) -> EpochKeys:
    """All epoch keys at hand; the highest epoch is the current one.

    Raises:
        SettingsInvalid: there is none, or one hasn't 32 bytes.
    """
    found: dict[int, bytes] = {}
    for path in sorted(keys.glob("epoch-*")):
        if name := _EPOCH.fullmatch(path.name):
            data = _read_private(path)
            if len(data) != KEY_BYTES:
                raise _unusable(path, f"{KEY_BYTES} bytes")
            found[int(name[1])] = data
    if not found:
        raise _unusable(keys, "a file epoch-1")
    return EpochKeys(max(found), found)


def read_secret(path: Path) -> str:
    """The one line of a file that holds a password or an address; spaces around it don't count.

    Raises:
        SettingsInvalid: it can't be read, or holds something else.
    """
    try:
        text = _read_private(path)[: SECRET_BYTES_MAX + 1].decode().strip()
    except UnicodeDecodeError as error:
        raise _unusable(path, "one line of text") from error
    if not text or len(text.splitlines()) > 1 or len(text) > SECRET_BYTES_MAX:
        raise _unusable(path, "one line of text")
    return text


def is_open_to_others(path: Path) -> bool:
    """Whether the file's group or anybody else on this machine may read or write it."""
    return bool(stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO))


def _read_private(path: Path) -> bytes:
    """A file with a secret."""
    data = _read(path)
    if is_open_to_others(path):
        _warn_of(path)
    return data


@cache
def _warn_of(path: Path) -> None:
    """Once a process for each file, however often it is read."""
    _events.warning("key.open_to_others", file=str(path), remedy=f"chmod 600 {path}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        what = f"{path} can't be read ({error.strerror}); put the file back or correct its path."
        raise SettingsInvalid([what]) from error


def _unusable(path: Path, expected: str) -> SettingsInvalid:
    return SettingsInvalid([f"{path} must hold {expected}; put the right file there."])
