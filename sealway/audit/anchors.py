"""Anchors: what an auditor knows from elsewhere, and trusts (docs/evidence.md, *Anchors*).

A file that is got once, by another way than the bundles: the bus's name, log 0's keys, the keys of
witnesses and how many of them must agree, the algorithms that count. Its hash is in every verdict.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sealway.audit.errors import AnchorsInvalid
from sealway.verify.audit import Pins, parse_pins
from signing.errors import ProofInvalid
from signing.keys import ALGORITHMS
from signing.log.cosignature import CosignatureVerifier, parse_cosignature_key

FILE_BYTES_MAX: Final = 1024 * 1024
_MEMBERS: Final = {"bus", "log_keys", "algorithms", "witnesses"}
_WITNESSES: Final = {"quorum", "keys"}


@dataclass(frozen=True, slots=True)
class Anchors:
    """What is trusted."""

    bus: str
    pins: Pins
    witnesses: tuple[CosignatureVerifier, ...]
    quorum: int
    algorithms: frozenset[str]
    sha256: str
    """Of the file's bytes, in hex."""


def load_anchors(file: Path) -> Anchors:
    """Read an anchors file. Raises AnchorsInvalid."""
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise AnchorsInvalid(f"{file}: {error.strerror}.") from error
    if len(data) > FILE_BYTES_MAX:
        raise AnchorsInvalid(f"{file} is too long for an anchors file.")
    return parse_anchors(data)


def parse_anchors(data: bytes) -> Anchors:
    """Read its bytes. Raises AnchorsInvalid."""
    try:
        members = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AnchorsInvalid(f"The anchors are not TOML: {error}") from error
    if not {"bus", "log_keys"} <= members.keys() <= _MEMBERS:
        raise AnchorsInvalid("Anchors have bus and log_keys, and maybe algorithms and witnesses.")
    try:
        bus, pins = parse_pins(_texts(members["log_keys"], "log_keys"))
    except ProofInvalid as error:
        raise AnchorsInvalid(f"log_keys: {error.detail}") from error
    if members["bus"] != bus or 0 not in pins:
        raise AnchorsInvalid(f"The keys are of the logs of {bus}, or log 0's own key is missing.")
    witnesses, quorum = _witnesses(members.get("witnesses", {"quorum": 0, "keys": []}))
    algorithms = frozenset(_texts(members.get("algorithms", list(ALGORITHMS)), "algorithms"))
    if not algorithms or not algorithms <= set(ALGORITHMS):
        raise AnchorsInvalid(f"Algorithms are among {' and '.join(ALGORITHMS)}.")
    digest = hashlib.sha256(data).hexdigest()
    return Anchors(bus, pins, witnesses, quorum, algorithms, digest)


def _witnesses(table: Any) -> tuple[tuple[CosignatureVerifier, ...], int]:
    if not isinstance(table, dict) or table.keys() != _WITNESSES:
        raise AnchorsInvalid("[witnesses] has exactly quorum and keys.")
    try:
        keys = tuple(map(parse_cosignature_key, _texts(table["keys"], "witnesses.keys")))
    except ProofInvalid as error:
        raise AnchorsInvalid(f"witnesses.keys: {error.detail}") from error
    quorum = table["quorum"]
    if type(quorum) is not int or not 0 <= quorum <= len(keys):
        raise AnchorsInvalid("The quorum is a number from 0 to that of the witnesses.")
    if len({one.public_key for one in keys}) != len(keys):
        raise AnchorsInvalid("Two witnesses have one key.")
    return keys, quorum


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise AnchorsInvalid(f"{name} is a list of texts.")
    return value
