"""The work of `sealway init`: a new bus's folder, complete, or a refusal.

Owns the layout of the folder; `settings_text` has the text of its `sealway.toml`. Refuses a folder
that holds any part of a bus: keys are never written over. The first leaves of log 0 are written by
the first start, or by `migrate`.

Invariant: the settings file is written last, so a folder that has one has everything else.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.ledger.marks import create_marks
from exchange.operation.founder import TOKEN_FILE, make_founder
from exchange.operation.key_files import (
    BUS_CERTIFICATE,
    BUS_KEY,
    DATABASE_URL,
    FOLDER_MODE,
    epoch_key_name,
    load_log_signer,
    log_key_name,
    sync_folder,
    write_new,
)
from exchange.operation.settings import FILE_NAME, SettingsInvalid, load_settings
from exchange.operation.settings_text import Names, quoted, settings_text
from signing.at_rest import KEY_BYTES
from signing.certificates import der_to_pem, issue_self_signed
from signing.errors import SealwayError
from signing.keys import ED25519, ES256, generate_key, private_key_pem

__all__ = ["MARKS", "AlreadyInitialised", "Names", "NewBus", "initialise"]

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
    _write_keys(folder / "keys", names, now_ms)
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


def _settings_text(names: Names) -> str:
    text = settings_text(names)
    if not names.sandbox:
        return text
    return f"{text}\n# Who comes joins by themselves, and has every grant it asks for.\n[sandbox]\n"


def _check_names(names: Names) -> None:
    values = {
        "SEALWAY_BUS": names.bus,
        "SEALWAY_INSTANCE": names.instance,
        "SEALWAY_PORT": str(names.port),
        "SEALWAY_PUBLIC_URL": names.url,
    }
    if names.shards is not None:
        values["SEALWAY_SHARDS"] = str(names.shards)
    if names.database:
        values["SEALWAY_DATABASE__URL"] = names.database
    if names.kafka:
        values["SEALWAY_KAFKA__BOOTSTRAP"] = names.kafka
    load_settings(None, values, {"sandbox": {}} if names.sandbox else None)
    if names.shards is not None and not names.database:
        raise SettingsInvalid(["`shards` needs a database: without one there is one log."])


def _check_empty(folder: Path) -> None:
    profile = Path("profiles") / f"{PROFILE}.toml"
    for part in (FILE_NAME, "keys", "state", "data", TOKEN_FILE, profile):
        if (folder / part).exists():
            raise AlreadyInitialised(
                f"{folder / part} is there already; choose another folder. Nothing was changed."
            )


def _write_keys(keys: Path, names: Names, now_ms: int) -> None:
    for log in range(names.logs + 1):
        write_new(keys / log_key_name(str(log)), private_key_pem(generate_key(ED25519)))
    if names.hides_database:
        write_new(keys / DATABASE_URL, f"{names.database}\n".encode())
    key = generate_key(ES256)
    write_new(keys / BUS_KEY, private_key_pem(key))
    certificate = issue_self_signed(
        key, f"{names.bus} records", now_ms - BACKDATED_MS, now_ms + CERTIFICATE_MS
    )
    write_new(keys / BUS_CERTIFICATE, der_to_pem(certificate))
    write_new(keys / epoch_key_name(1), secrets.token_bytes(KEY_BYTES))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsInvalid([f"{folder} can't be made ({error.strerror})."]) from error


def _profile_text(names: Names, log_key: str) -> str:
    return f"""\
# The founder's way to this bus. Others make theirs with `sealway profile add`.
url = {quoted(names.url)}
bus = {quoted(names.bus)}
instance = {quoted(names.instance)}
log_key = {quoted(log_key)}
token = "../{TOKEN_FILE}"
"""
