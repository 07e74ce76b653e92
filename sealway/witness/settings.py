"""A witness's folder: ``witness.toml``, its key, its state; read, and made anew.

Refuses unknown members, so that a misspelt one isn't silently without effect, and a key file that
others may read.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ed25519

from sealway.witness.errors import WitnessUnusable
from signing.errors import SealwayError
from signing.keys import ED25519, generate_key, load_private_key, private_key_pem
from signing.log.cosignature import CosignatureVerifier, Cosigner
from signing.log.note import KEY_NAME, NoteVerifier, parse_verifier_key

SETTINGS_FILE: Final = "witness.toml"
KEY_FILE: Final = "witness.key.pem"
STATE_FOLDER: Final = "state"
NAME_CHARS_MAX: Final = 200
LOGS_MAX: Final = 100  # one file and a few tiles a round each
EVERY_S_MIN: Final = 5  # a log's checkpoint moves at most once a second; others ask too
EVERY_S_MAX: Final = 3600
LISTEN: Final = "127.0.0.1:8791"
EVERY_S: Final = 30  # a bus shows one checkpoint for a minute: no minute is missed


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """A log by its pinned key, and where it is published; without that it is served only."""

    key: NoteVerifier
    url: str | None


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """What ``witness.toml`` says."""

    name: str
    key_file: Path
    state: Path
    listen: tuple[str, int]
    every_s: int
    logs: tuple[WatchedLog, ...]
    deliver: bool
    """Whether `poll` brings each cosignature to the bus."""


def make_witness(folder: Path, name: str) -> CosignatureVerifier:
    """Make the folder of a new witness; what is there already is never written over.

    Raises:
        WitnessUnusable: a name that can't stand in a note, or a folder that can't be made.
    """
    if not KEY_NAME.fullmatch(name) or not name.isascii() or len(name) > NAME_CHARS_MAX:
        raise WitnessUnusable("A witness's name is like 'witness.agency.example/w1', no spaces.")
    key = generate_key(ED25519)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    text = _TEMPLATE.format(name=name, listen=LISTEN, every_s=EVERY_S)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(folder / KEY_FILE, private_key_pem(key), 0o600)
        _write_new(folder / SETTINGS_FILE, text.encode(), 0o644)
        (folder / STATE_FOLDER).mkdir(mode=0o700)
    except OSError as error:
        raise WitnessUnusable(f"{error.filename}: {error.strerror}") from error
    return Cosigner(name, key).verifier


def _write_new(file: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def load_settings(folder: Path) -> WitnessSettings:
    """Read a witness's settings.

    Raises:
        WitnessUnusable: missing, no TOML, an unknown member, a value out of range.
    """
    file = folder / SETTINGS_FILE
    try:
        members = tomllib.loads(file.read_text("utf-8"))
        return _settings(folder, members)
    except OSError as error:
        raise WitnessUnusable(f"{file}: {error.strerror}") from error
    except (ValueError, SealwayError) as error:
        raise WitnessUnusable(f"{file}: {error}") from error


def load_cosigner(settings: WitnessSettings) -> Cosigner:
    """The witness's key.

    Raises:
        WitnessUnusable: missing, readable by others, or no Ed25519 key.
    """
    file = settings.key_file
    try:
        if file.stat().st_mode & 0o077:
            raise WitnessUnusable(f"{file} may be read by others; chmod 600 it.")
        key = load_private_key(file.read_bytes())
    except OSError as error:
        raise WitnessUnusable(f"{file}: {error.strerror}") from error
    except WitnessUnusable:
        raise
    except SealwayError as error:
        raise WitnessUnusable(f"{file}: {error.detail}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise WitnessUnusable(f"{file}: a witness's key is Ed25519.")
    return Cosigner(settings.name, key)


def _settings(folder: Path, members: dict[str, Any]) -> WitnessSettings:
    _known(members, {"name", "key", "state", "listen", "every_s", "log", "deliver"})
    name, every_s, logs = members.get("name"), members.get("every_s", EVERY_S), members.get("log")
    if not isinstance(name, str) or not KEY_NAME.fullmatch(name):
        raise ValueError("name: the witness's name, as its verifier key has it")
    if type(every_s) is not int or not EVERY_S_MIN <= every_s <= EVERY_S_MAX:
        raise ValueError(f"every_s: {EVERY_S_MIN} to {EVERY_S_MAX} seconds")
    deliver = members.get("deliver", True)
    if not isinstance(deliver, bool):
        raise ValueError("deliver: true or false")
    if not isinstance(logs or [], list) or len(logs or []) > LOGS_MAX:
        raise ValueError(f"log: at most {LOGS_MAX} tables [[log]]")
    watched = tuple(map(_watched, logs or []))
    if len({log.key.name for log in watched}) < len(watched):
        raise ValueError("log: two tables are of one log")
    return WitnessSettings(
        name,
        folder / _text(members, "key", KEY_FILE),
        folder / _text(members, "state", STATE_FOLDER),
        parse_listen(_text(members, "listen", LISTEN)),
        every_s,
        watched,
        deliver,
    )


def parse_listen(text: str) -> tuple[str, int]:
    """``127.0.0.1:8791`` or ``[::1]:8791``. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError("listen: an address and a port, like 127.0.0.1:8791")
    return host.strip("[]"), int(port)


def _watched(members: object) -> WatchedLog:
    if not isinstance(members, dict):
        raise ValueError("log: tables [[log]]")
    _known(members, {"key", "url"})
    url = members.get("url")
    if url is not None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("log.url: where the log is published, like https://bus.example/log/0")
    return WatchedLog(parse_verifier_key(_text(members, "key", "")), url)


def _text(members: dict[str, Any], name: str, default: str) -> str:
    value = members.get(name, default)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: a text")
    return value


def _known(members: dict[str, Any], names: set[str]) -> None:
    unknown = sorted(members.keys() - names)
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")


_TEMPLATE: Final = """\
# The witness's name stands in each cosignature; it and the key never change.
name = "{name}"

# For `sealway witness serve`: put a proxy that ends TLS in front.
listen = "{listen}"

# For `sealway witness poll`: seconds between rounds.
every_s = {every_s}

# `poll` brings each cosignature to the bus, at the log's url. false: they are kept here alone.
deliver = true

# One table for each log: its verifier key, compared with what its operator told you by another way
# than this network; `url`, its prefix, when it is to be polled.
#
# [[log]]
# key = "sx.example/log/0+…"
# url = "https://bus.sx.example/log/0"
"""
