"""The signer's high-water mark: what each log had reached when it was last signed here.

A file outside the database, so that a database rolled back can't fork a log with our own key.
One fixed slot of 256 bytes a log, written in turn to two copies with a checksum: ``pwrite`` and
``fdatasync``, no rename. Slot: ``magic 8 ‖ u64 turn ‖ u64 size ‖ root 32 ‖ u16 n ‖ origin n ‖ 0…
‖ SHA-256 of all before 32``.

The processes of one machine share the file: each move takes the file's lock (``flock``), reads
the slot again and compares, so that a mark goes along one line whoever moves it.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.ledger.errors import LedgerError, MarksDamaged
from signing.encoding import sha256
from signing.log.merkle import EMPTY_ROOT

SLOT_BYTES: Final = 256
COPIES: Final = 2
_MAGIC: Final = b"SWMARK01"
_HEAD_BYTES: Final = 8 + 8 + 8 + 32 + 2
ORIGIN_BYTES_MAX: Final = SLOT_BYTES - _HEAD_BYTES - 32
_STEP: Final = SLOT_BYTES * COPIES


@dataclass(frozen=True, slots=True)
class Mark:
    """What a log had reached: never to be signed below, or beside."""

    origin: str
    size: int = 0
    root: bytes = EMPTY_ROOT
    turn: int = 0


class MarkMoved(LedgerError):
    """The mark isn't where it was expected: another process signed meanwhile. ``mark`` is it."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(f"{mark.origin} was signed at size {mark.size} by another process.")
        self.mark = mark


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


@dataclass(slots=True)
class _Slot:
    """One log's place in the file, as last read."""

    number: int
    raw: bytes
    mark: Mark


class Marks:
    """The mark file of one bus on this machine, open for as long as we sign.

    Thread-safe: a log's signer calls from its own thread. Each call waits for the file's lock,
    which others hold for one write.
    """

    def __init__(self, path: Path) -> None:
        self._fd = _open(path)
        self._lock = threading.Lock()
        self._slots: dict[str, _Slot] = {}
        with self._locked(fcntl.LOCK_SH):
            self._read_all()

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """The file's lock is this descriptor's, so threads of one process take turns first."""
        with self._lock:
            fcntl.flock(self._fd, how)
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _read_all(self) -> None:
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        self._slots = {}
        for number in range((len(data) + _STEP - 1) // _STEP):
            raw = data[number * _STEP :][:_STEP]
            mark = _newest(raw)
            self._slots[mark.origin] = _Slot(number, raw, mark)

    def _slot(self, origin: str) -> _Slot | None:
        """A log's slot as the file has it now; call it under the lock."""
        slot = self._slots.get(origin)
        if slot is not None:
            raw = os.pread(self._fd, _STEP, slot.number * _STEP)
            if raw == slot.raw:
                return slot
            mark = _newest(raw)
            if mark.origin == origin:
                slot.raw, slot.mark = raw, mark
                return slot
        self._read_all()
        return self._slots.get(origin)

    def of(self, origin: str) -> Mark | None:
        """What the file says of a log now, or None when it was never signed here."""
        with self._locked(fcntl.LOCK_SH):
            slot = self._slot(origin)
            return None if slot is None else slot.mark

    def all(self) -> list[Mark]:
        """Every log's mark, as the file says now."""
        with self._locked(fcntl.LOCK_SH):
            self._read_all()
            return [slot.mark for slot in self._slots.values()]

    def advance(self, origin: str, before: tuple[int, bytes], size: int, root: bytes) -> None:
        """Move a log's mark from exactly ``before`` (size, root) to a tree that extends it.

        A log that was never signed here stands at size 0. The caller has shown the extension.
        Durable on return.

        Raises:
            MarkMoved: the mark is not at ``before``; nothing was written.
            MarksDamaged: the slot has no readable copy; nothing was written.
        """
        with self._locked(fcntl.LOCK_EX):
            slot = self._slot(origin)
            found = Mark(origin) if slot is None else slot.mark
            if (found.size, found.root) != before:
                raise MarkMoved(found)
            number = len(self._slots) if slot is None else slot.number
            raw = bytearray(_STEP if slot is None else slot.raw.ljust(_STEP, b"\0"))
            new = Mark(origin, size, root, found.turn + 1)
            self._write(number, raw, new)
            self._slots[origin] = _Slot(number, bytes(raw), new)

    def _write(self, number: int, raw: bytearray, new: Mark) -> None:
        """Write one of the two copies, and let ``raw`` be the slot afterwards."""
        at = new.turn % COPIES * SLOT_BYTES
        copy = _encode(new)
        os.pwrite(self._fd, copy, number * _STEP + at)
        os.fdatasync(self._fd)
        raw[at : at + SLOT_BYTES] = copy

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _encode(mark: Mark) -> bytes:
    origin = mark.origin.encode("ascii")
    assert len(origin) <= ORIGIN_BYTES_MAX
    head = _MAGIC + mark.turn.to_bytes(8, "big") + mark.size.to_bytes(8, "big") + mark.root
    body = (head + len(origin).to_bytes(2, "big") + origin).ljust(SLOT_BYTES - 32, b"\0")
    return body + sha256(body)


def _newest(raw: bytes) -> Mark:
    """The later of a slot's readable copies. Raises MarksDamaged when there is none."""
    copies = [_parse(raw[i * SLOT_BYTES :][:SLOT_BYTES]) for i in range(COPIES)]
    found = [mark for mark in copies if mark is not None]
    if not found:
        raise MarksDamaged(
            "A slot of the mark file has no readable copy; put back the file, or treat the"
            " log as behind."
        )
    return max(found, key=lambda mark: mark.turn)


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
