"""The work of `sealway init`: a new bus's folder, complete, or a refusal.

Owns the layout of the folder and the text of `sealway.toml`. Refuses a folder that holds any part
of a bus: keys are never written over. The first leaves of log 0 are written by the first start.

Invariant: the settings file is written last, so a folder that has one has everything else.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.ledger.marks import create_marks
from exchange.operation.founder import TOKEN_FILE, make_founder
from exchange.operation.key_files import (
    BUS_CERTIFICATE,
    BUS_KEY,
    FOLDER_MODE,
    epoch_key_name,
    load_log_signer,
    log_key_name,
    sync_folder,
    write_new,
)
from exchange.operation.settings import FILE_NAME, SettingsInvalid, load_settings
from signing.at_rest import KEY_BYTES
from signing.certificates import der_to_pem, issue_self_signed
from signing.errors import SealwayError
from signing.keys import ED25519, ES256, generate_key, private_key_pem

MARKS: Final = "marks"
PROFILE: Final = "founder"
CERTIFICATE_MS: Final = 3650 * 86_400_000  # ten years: it is renewed by a record, not by a CA
BACKDATED_MS: Final = 300_000  # clocks of those who verify may be 5 min behind


class AlreadyInitialised(SealwayError):
    """The folder holds a bus, or part of one."""

    code = "already-initialised"


@dataclass(frozen=True, slots=True)
class NewBus:
    """What `init` has made: paths, and the key of log 0 that members pin."""

    folder: Path
    settings: Path
    keys: Path
    state: Path
    data: Path
    token: Path
    profile: Path
    log_key: str


@dataclass(frozen=True, slots=True)
class Names:
    """What a bus is called and where it listens; the first two are for ever."""

    bus: str = "sx.example"
    instance: str = "sx"
    port: int = 8480
    public_url: str = ""

    @property
    def url(self) -> str:
        """The public URL given, or this machine."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")


def initialise(folder: Path, names: Names, now_ms: int) -> NewBus:
    """Make a new bus in `folder`; nothing is started and no token is returned.

    Raises:
        AlreadyInitialised: some part of a bus is there; nothing was changed.
        SettingsInvalid: a name, port or URL that the settings would refuse, or a folder that can't
            be made; nothing was changed.
    """
    folder = folder.absolute()
    _check_names(names)
    _check_empty(folder)
    for path in (folder, folder / "profiles"):
        _make(path)
    for path in (folder / "keys", folder / "state", folder / "data"):
        path.mkdir(mode=FOLDER_MODE)
    _write_keys(folder / "keys", names.bus, now_ms)
    create_marks(folder / "state" / MARKS)
    make_founder(folder / "keys", folder / TOKEN_FILE, now_ms)
    log_key = str(load_log_signer(folder / "keys", names.bus, "0").verifier)
    profile = folder / "profiles" / f"{PROFILE}.toml"
    write_new(profile, _profile_text(names, log_key).encode(), 0o644)
    sync_folder(folder / "state")
    write_new(folder / FILE_NAME, _settings_text(names).encode(), 0o644)
    return NewBus(
        folder=folder,
        settings=folder / FILE_NAME,
        keys=folder / "keys",
        state=folder / "state",
        data=folder / "data",
        token=folder / TOKEN_FILE,
        profile=profile,
        log_key=log_key,
    )


def _check_names(names: Names) -> None:
    load_settings(
        None,
        {
            "SEALWAY_BUS": names.bus,
            "SEALWAY_INSTANCE": names.instance,
            "SEALWAY_PORT": str(names.port),
            "SEALWAY_PUBLIC_URL": names.url,
        },
    )


def _check_empty(folder: Path) -> None:
    profile = Path("profiles") / f"{PROFILE}.toml"
    for part in (FILE_NAME, "keys", "state", "data", TOKEN_FILE, profile):
        if (folder / part).exists():
            raise AlreadyInitialised(
                f"{folder / part} is there already; choose another folder. Nothing was changed."
            )


def _write_keys(keys: Path, bus: str, now_ms: int) -> None:
    for log in ("0", "1"):
        write_new(keys / log_key_name(log), private_key_pem(generate_key(ED25519)))
    key = generate_key(ES256)
    write_new(keys / BUS_KEY, private_key_pem(key))
    certificate = issue_self_signed(
        key, f"{bus} records", now_ms - BACKDATED_MS, now_ms + CERTIFICATE_MS
    )
    write_new(keys / BUS_CERTIFICATE, der_to_pem(certificate))
    write_new(keys / epoch_key_name(1), secrets.token_bytes(KEY_BYTES))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsInvalid([f"{folder} can't be made ({error.strerror})."]) from error


def _quoted(text: str) -> str:
    return json.dumps(text)  # a TOML basic string, for the characters that names may have


def _profile_text(names: Names, log_key: str) -> str:
    return f"""\
# The founder's way to this bus. Others make theirs with `sealway profile add`.
url = {_quoted(names.url)}
bus = {_quoted(names.bus)}
instance = {_quoted(names.instance)}
log_key = {_quoted(log_key)}
token = "../{TOKEN_FILE}"
"""


def _settings_text(names: Names) -> str:
    return f"""\
# Settings of this bus. Relative paths start at this file's folder; unknown keys are refused.
# A variable SEALWAY_KEY or SEALWAY_TABLE__KEY wins over the file.

# Two names, for ever: they stand in every signed message and in the logs' names.
bus = {_quoted(names.bus)}
instance = {_quoted(names.instance)}

# Where the bus listens, and the address by which others reach it (through a proxy with TLS, say).
# Systems' tokens are bound to public_url: change it when the address changes.
host = "127.0.0.1"
port = {names.port}
public_url = {_quoted(names.url)}

# Back up data; keep keys apart from it, and never put state back from a backup: it holds how far
# the logs were signed, which is how a database that was rolled back is found out.
data = "data"
keys = "keys"
state = "state"

[egress]
# The hosts that adapters here may call, as "host:port"; with " private" after it, its address may
# be a private one. Nothing else is ever called.
hosts = []

[policy]
# The token in {TOKEN_FILE} acts as operator and for every member. Turn it off when people have
# tokens of their own.
founder = true
algorithms = ["ES256", "Ed25519"]

# A system whose answers an adapter here signs, with a key of its own:
# [hosted."{names.instance}/GOV/2002/civil-registry"]
# key = "keys/civil-registry.pem"
# certificate = "keys/civil-registry.crt"

# The adapters that services name in `delivery`, each with its own settings:
# [adapters.civil]
# kind = "sql"

# Limits and times have defaults with reasons; [limits] and [delivery] change them.
# [limits]
# mailbox_max = 1000
"""
