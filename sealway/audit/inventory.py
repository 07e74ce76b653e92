"""The inventory: what the bus says that it handed over, under its record key.

It names every file with its hash, the range, and what was asked for. It is the last file, so that
a bundle can be made as a stream. What it claims about logs is believed only as far as log 0 bears
it out; its own signature pins who made the bundle and that no file was changed since.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from sealway.audit.errors import BundleRefused
from sealway.audit.selection import Selection
from signing.encoding import format_time, parse_time
from signing.errors import SealwayError
from signing.jws import BUNDLE, decode_jws, sign_jws, verify_jws
from signing.keys import KeyResolver, Signer
from signing.strict_json import parse_json

INVENTORY_BYTES_MAX: Final = 16 * 1024 * 1024
_MEMBERS: Final = {"v", "bus", "made", "by", "selection", "range", "logs", "files", "log_key"}


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file of the bundle."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """The part of a traffic log that the bundle holds: leaves ``first`` to ``end``, exclusive."""

    n: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Range:
    """Two heads of log 0, by their index there; ``start`` None is the beginning of everything."""

    start: int | None
    end: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a bundle says of itself."""

    bus: str
    log_key: str
    """Log 0's key: a candidate, never a root."""
    made_ms: int
    by: str
    selection: Selection
    range: Range
    logs: tuple[LogLine, ...]
    files: tuple[FileLine, ...]

    def sign(self, signer: Signer) -> bytes:
        """As the file `inventory.jws`."""
        members = {
            "v": 1,
            "bus": self.bus,
            "log_key": self.log_key,
            "made": format_time(self.made_ms),
            "by": self.by,
            "selection": self.selection.to_object(),
            "range": [self.range.start, self.range.end],
            "logs": [[one.n, one.first, one.end] for one in self.logs],
            "files": [[one.name, one.size, one.sha256] for one in self.files],
        }
        payload = json.dumps(members, ensure_ascii=True, separators=(",", ":")).encode()
        return sign_jws(payload, signer, BUNDLE, self.made_ms // 1000)


def parse_inventory(raw: bytes) -> Inventory:
    """What the file says, its signature not looked at. Raises BundleRefused."""
    try:
        payload = decode_jws(raw, BUNDLE, INVENTORY_BYTES_MAX).payload
        members = parse_json(payload, depth_max=4, bytes_max=INVENTORY_BYTES_MAX)
        if type(members) is not dict or members.keys() != _MEMBERS or members["v"] != 1:
            raise BundleRefused("The inventory does not have the members of a v 1 inventory.")
        return _read(members)
    except (SealwayError, TypeError, ValueError) as error:
        if isinstance(error, BundleRefused):
            raise
        raise BundleRefused("The inventory is malformed.") from error


def _read(members: dict[str, Any]) -> Inventory:
    start, end = members["range"]
    logs = tuple(LogLine(*map(_number, line)) for line in members["logs"])
    files = tuple(FileLine(_text(a), _number(b), _text(c)) for a, b, c in members["files"])
    return Inventory(
        bus=_text(members["bus"]),
        log_key=_text(members["log_key"]),
        made_ms=parse_time(_text(members["made"])),
        by=_text(members["by"]),
        selection=Selection.from_object(members["selection"]),
        range=Range(None if start is None else _number(start), _number(end)),
        logs=logs,
        files=files,
    )


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise TypeError
    return value


def verify_inventory(raw: bytes, keys: KeyResolver) -> None:
    """Check the signature under one of the bus's record keys. Raises SealwayError."""
    verify_jws(decode_jws(raw, BUNDLE, INVENTORY_BYTES_MAX), keys)
