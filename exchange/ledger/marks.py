"""The signer's high-water mark: what each log had reached when we last signed it.

A file outside the database, so that a database rolled back can't fork a log with our own key.
One fixed slot of 256 bytes a log, written in turn to two copies with a checksum: ``pwrite`` and
``fdatasync``, no rename. Slot: ``magic 8 ‖ u64 turn ‖ u64 size ‖ root 32 ‖ u16 n ‖ origin n ‖ 0…
‖ SHA-256 of all before 32``.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.ledger.errors import LogBehind, MarksDamaged
from signing.encoding import sha256

SLOT_BYTES: Final = 256
COPIES: Final = 2
_MAGIC: Final = b"SWMARK01"
_HEAD_BYTES: Final = 8 + 8 + 8 + 32 + 2
ORIGIN_BYTES_MAX: Final = SLOT_BYTES - _HEAD_BYTES - 32


@dataclass(frozen=True, slots=True)
class Mark:
    """What a log had reached: never to be signed below, or beside."""

    origin: str
    size: int
    root: bytes
    turn: int = 0


def create_marks(path: Path) -> None:
    """Make an empty mark file, readable by its owner only; refuses to replace one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.fsync(fd)
    os.close(fd)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise MarksDamaged(
            f"{path} can't be opened ({error.strerror}); put the file back. It holds how far the "
            "logs were signed: without it nothing is signed."
        ) from error


class Marks:
    """The mark file of one bus, open for as long as we sign.

    Thread-safe: a log's signer calls from its own thread.
    """

    def __init__(self, path: Path) -> None:
        self._fd = _open(path)
        self._lock = threading.Lock()
        self._slots: dict[str, tuple[int, Mark]] = {}
        self._read()

    def _read(self) -> None:
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        step = SLOT_BYTES * COPIES
        for number in range((len(data) + step - 1) // step):
            copies = [
                _parse(data[number * step + i * SLOT_BYTES :][:SLOT_BYTES]) for i in range(COPIES)
            ]
            found = [mark for mark in copies if mark is not None]
            if not found:
                raise MarksDamaged(
                    "A slot of the mark file has no readable copy; put back the file, or treat the"
                    " log as behind."
                )
            newest = max(found, key=lambda mark: mark.turn)
            self._slots[newest.origin] = (number, newest)

    def of(self, origin: str) -> Mark | None:
        """The mark of a log, or None when it was never signed here."""
        slot = self._slots.get(origin)
        return slot and slot[1]

    def all(self) -> list[Mark]:
        """Every log's mark."""
        return [mark for _, mark in self._slots.values()]

    def advance(self, origin: str, before: tuple[int, bytes], size: int, root: bytes) -> None:
        """Move a log's mark from exactly ``before`` (size, root) to a tree that extends it.

        The caller has shown the extension (it appended the leaves itself). Durable on return.

        Raises:
            LogBehind: the mark is not at ``before``: another history was signed.
        """
        with self._lock:
            number, mark = self._slots.get(origin, (len(self._slots), None))
            if mark is not None and (mark.size, mark.root) != before:
                raise LogBehind(
                    f"{origin} was signed at size {mark.size}; it can't go on from {before[0]}."
                )
            turn = 1 if mark is None else mark.turn + 1
            new = Mark(origin, size, root, turn)
            place = (number * COPIES + turn % COPIES) * SLOT_BYTES
            os.pwrite(self._fd, _encode(new), place)
            os.fdatasync(self._fd)
            self._slots[origin] = (number, new)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _encode(mark: Mark) -> bytes:
    origin = mark.origin.encode("ascii")
    assert len(origin) <= ORIGIN_BYTES_MAX
    head = _MAGIC + mark.turn.to_bytes(8, "big") + mark.size.to_bytes(8, "big") + mark.root
    body = (head + len(origin).to_bytes(2, "big") + origin).ljust(SLOT_BYTES - 32, b"\0")
    return body + sha256(body)


def _parse(slot: bytes) -> Mark | None:
    body, checksum = slot[:-32], slot[-32:]
    if len(slot) != SLOT_BYTES or body[:8] != _MAGIC or sha256(body) != checksum:
        return None
    length = int.from_bytes(body[56:58], "big")
    return Mark(
        origin=body[58 : 58 + length].decode("ascii"),
        size=int.from_bytes(body[16:24], "big"),
        root=body[24:56],
        turn=int.from_bytes(body[8:16], "big"),
    )
