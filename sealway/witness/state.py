"""What a witness cosigned last of each log, in files: the one thing that it must never forget.

One note a log, named after the SHA-256 of the origin: the log's signature and our own. It is
replaced whole (new file, fsync, rename, fsync of the folder), so a crash leaves the old or the new
one. `serve` and `poll` may share a folder: who changes it holds the folder's lock. Invariant: what
is read back verifies under the log's key and ours, or nothing is cosigned.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealway.witness.errors import WitnessUnusable
from signing.encoding import sha256
from signing.errors import SealwayError
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.cosignature import CosignatureVerifier, verify_cosignature
from signing.log.note import NOTE_BYTES_MAX, NoteVerifier

EVIDENCE_MAX: Final = 100  # a log that forks once has said it all; the disk is not its to fill


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that this witness cosigned, as a note, and when."""

    checkpoint: Checkpoint
    note: str
    time_s: int


def log_file_name(origin: str) -> str:
    """What stands for an origin in paths: origins may hold slashes."""
    return sha256(origin.encode()).hex()


class WitnessState:
    """The folder of one witness's state. Thread-safe."""

    def __init__(self, folder: Path, own: CosignatureVerifier) -> None:
        """Raises WitnessUnusable: the folder is not there, or can't be locked."""
        self._folder = folder
        self._own = own
        self._turn = threading.Lock()
        try:
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise WitnessUnusable(
                f"{folder} can't be used ({error.strerror}). It holds what was cosigned: without"
                " it, make a new witness with another name and key."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the state meanwhile, in this process or another."""
        with self._turn:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def latest(self, log: NoteVerifier) -> Cosigned | None:
        """What was cosigned last of a log; None when nothing was.

        Raises:
            WitnessUnusable: it can't be read, or isn't signed by the log's key and ours.
        """
        file = self._folder / f"{log_file_name(log.name)}.note"
        try:
            with file.open("rb") as opened:
                note = opened.read(4 * NOTE_BYTES_MAX).decode("utf-8")
            return Cosigned(verify_checkpoint(note, log), note, verify_cosignature(note, self._own))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, SealwayError) as error:
            raise WitnessUnusable(
                f"{file} can't be read, or isn't signed by {log.name}'s key and this witness's."
            ) from error

    def keep(self, origin: str, note: str) -> None:
        """Make a cosigned note the latest of its log; durable on return. Call it under the lock.

        Raises:
            WitnessUnusable: it can't be written; the cosignature must not leave.
        """
        try:
            _replace(self._folder / f"{log_file_name(origin)}.note", note.encode())
        except OSError as error:
            raise WitnessUnusable(
                f"The state in {self._folder} can't be written ({error.strerror})."
            ) from error

    def keep_evidence(self, note: str) -> Path | None:
        """Keep a checkpoint that the log signed and that contradicts what was cosigned.

        Returns where, or None when there is enough of it already, or the disk takes no more:
        refusing to cosign doesn't wait for it.
        """
        folder = self._folder / "evidence"
        file = folder / f"{sha256(note.encode()).hex()[:32]}.note"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if not file.exists():
                if sum(1 for _ in folder.iterdir()) >= EVIDENCE_MAX:
                    return None
                _replace(file, note.encode())
        except OSError:
            return None
        return file

    def close(self) -> None:
        """Close the lock's file."""
        os.close(self._lock)


def _replace(file: Path, data: bytes) -> None:
    """Put a whole new file in a file's place, durably."""
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    new.rename(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
