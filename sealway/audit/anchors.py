"""Anchors: what an auditor knows from elsewhere, and trusts (docs/evidence.md, *Anchors*).

A file that is got once, by another way than the bundles: the bus's name, log 0's keys, the keys of
witnesses and how many of them must agree, the roots of time-stamp authorities, the authorities that
issue members' certificates, the algorithms that count. Its hash is in every verdict.
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
from signing.log.cosignature import parse_cosignature_key
from signing.log.policy import Group, TrustPolicy, parse_policy

FILE_BYTES_MAX: Final = 1024 * 1024
_MEMBERS: Final = {"bus", "log_keys", "algorithms", "witnesses", "timestamps", "certificates"}
_WITNESSES: Final = {"quorum", "keys"}
_QUORUM: Final = "quorum"
NOBODY: Final = TrustPolicy({}, {}, {}, None)


@dataclass(frozen=True, slots=True)
class Anchors:
    """What is trusted."""

    bus: str
    pins: Pins
    policy: TrustPolicy
    """Which witnesses must have cosigned log 0."""
    roots: bytes
    """Roots of time-stamp authorities, in PEM; empty: no time-stamp is asked for."""
    authorities: bytes
    """Certificates of whoever issues members' certificates, in PEM; empty: none is asked for."""
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
        more = ", ".join(sorted(_MEMBERS - {"bus", "log_keys"}))
        raise AnchorsInvalid(f"Anchors have bus and log_keys, and maybe {more}.")
    try:
        bus, pins = parse_pins(_texts(members["log_keys"], "log_keys"))
    except ProofInvalid as error:
        raise AnchorsInvalid(f"log_keys: {error.detail}") from error
    if members["bus"] != bus or 0 not in pins:
        raise AnchorsInvalid(f"The keys are of the logs of {bus}, or log 0's own key is missing.")
    policy = _policy(members["witnesses"]) if "witnesses" in members else NOBODY
    roots = _roots(members["timestamps"]) if "timestamps" in members else b""
    issuers = _authorities(members["certificates"]) if "certificates" in members else b""
    algorithms = frozenset(_texts(members.get("algorithms", list(ALGORITHMS)), "algorithms"))
    if not algorithms or not algorithms <= set(ALGORITHMS):
        raise AnchorsInvalid(f"Algorithms are among {' and '.join(ALGORITHMS)}.")
    digest = hashlib.sha256(data).hexdigest()
    return Anchors(bus, pins, policy, roots, issuers, algorithms, digest)


def _policy(table: Any) -> TrustPolicy:
    """Either quorum and keys, or a whole C2SP tlog-policy."""
    try:
        if isinstance(table, dict) and table.keys() == {"policy"}:
            return parse_policy(str(table["policy"]).encode())
        if not isinstance(table, dict) or table.keys() != _WITNESSES:
            raise AnchorsInvalid("[witnesses] has exactly quorum and keys, or policy.")
        keys = tuple(map(parse_cosignature_key, _texts(table["keys"], "witnesses.keys")))
    except ProofInvalid as error:
        raise AnchorsInvalid(f"[witnesses]: {error.detail}") from error
    least = table["quorum"]
    if type(least) is not int or not 0 <= least <= len(keys):
        raise AnchorsInvalid("The quorum is a number from 0 to that of the witnesses.")
    if len({one.public_key for one in keys}) != len(keys):
        raise AnchorsInvalid("Two witnesses have one key.")
    named = {str(key): key for key in keys}
    groups = {_QUORUM: Group(least, tuple(named))}
    return TrustPolicy({}, named, groups, _QUORUM if least else None)


def _roots(table: Any) -> bytes:
    if not isinstance(table, dict) or table.keys() != {"roots"}:
        raise AnchorsInvalid("[timestamps] has exactly roots, certificates in PEM.")
    roots = "\n".join(_texts(table["roots"], "timestamps.roots")).encode()
    if roots:
        from signing.timestamps import load_roots  # needed by no other part of this

        try:
            load_roots(roots)
        except ProofInvalid as error:
            raise AnchorsInvalid(f"timestamps.roots: {error.detail}") from error
    return roots


def _authorities(table: Any) -> bytes:
    if not isinstance(table, dict) or table.keys() != {"roots"}:
        raise AnchorsInvalid("[certificates] has exactly roots, certificates in PEM.")
    pem = "\n".join(_texts(table["roots"], "certificates.roots")).encode()
    from sealway.audit.chains import load_authorities  # needed by no other part of this

    try:
        load_authorities(pem)
    except ProofInvalid as error:
        raise AnchorsInvalid(f"certificates.roots: {error.detail}") from error
    return pem


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise AnchorsInvalid(f"{name} is a list of texts.")
    return value
