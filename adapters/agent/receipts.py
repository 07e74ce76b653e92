"""The agency's own evidence: each message's envelope and receipt, in a file a day.

Owns `YYYY-MM-DD.jsonl` below one folder: append-only, one JSON object a line, synced to disk before
anybody is told. Refuses to hold content, to remove a line, and to share its folder with a second
agent.

Invariant: `keep` returns once its lines are on disk. A line that a crash tore is ended by the next
start, and what it was about is written again when it is needed.
"""

import asyncio
import fcntl
import json
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from adapters.errors import AdapterSettingsInvalid
from sealway.exchange_rules import Delivered
from signing.encoding import format_time
from signing.envelope import VerifiedEnvelope
from signing.errors import SealwayError
from signing.receipts import VerifiedReceipt

Act = Literal["asked", "got", "was-asked", "answered"]
LATELY_MAX: Final = 10_000  # ids remembered so that a repeat writes no second line


class ReceiptsNotKept(SealwayError):
    """Receipts can't be written to disk: what they prove is withheld until they can."""

    code = "receipts-not-kept"


@dataclass(frozen=True, slots=True)
class Kept:
    """One message and its place in the log, as a line tells it."""

    act: Act
    envelope: VerifiedEnvelope
    receipt: VerifiedReceipt

    @classmethod
    def of(cls, act: Act, delivered: Delivered) -> "Kept":
        """What was handed to us."""
        return cls(act, delivered.envelope, delivered.receipt)

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same line again."""
        return self.act, self.envelope.manifest.id

    def line(self, now_ms: int) -> bytes:
        """The line, with its end."""
        manifest = self.envelope.manifest
        members = {
            "kept": format_time(now_ms),
            "act": self.act,
            "id": manifest.id,
            "about": manifest.about.id if manifest.about else None,
            "kind": manifest.kind,
            "from": manifest.sender,
            "to": manifest.to,
            "service": manifest.service,
            "purpose": manifest.purpose,
            "digest": self.envelope.digest,
            "log": self.receipt.log,
            "index": self.receipt.index,
            "envelope": self.envelope.raw.decode("ascii"),
            "receipt": self.receipt.text,
        }
        told = {name: value for name, value in members.items() if value is not None}
        return json.dumps(told, ensure_ascii=True).encode() + b"\n"


class ReceiptBook:
    """The folder of one agent's receipts; open it before the first `keep`."""

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._now_ms = now_ms
        self._lately: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._writing = asyncio.Lock()
        self._lock: int | None = None
        self._open: tuple[str, int] | None = None
        self.trouble: str | None = None
        """Why the last lines could not be written; None while all is well."""

    def open(self) -> None:
        """Take the folder, and show that today's file can be written.

        Raises:
            AdapterSettingsInvalid: it can't be made or written, or another agent has it.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            what = f"Receipts can't be kept in {self._folder} ({error.strerror})."
            raise AdapterSettingsInvalid(what) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock = lock
            self._file(format_time(self._now_ms())[:10])
        except OSError as error:
            os.close(lock)
            self._lock = None
            busy = isinstance(error, BlockingIOError)
            why = "another agent keeps its own there" if busy else error.strerror
            raise AdapterSettingsInvalid(
                f"Receipts can't be kept in {self._folder} ({why})."
            ) from error

    async def keep(self, *found: Kept) -> None:
        """Have these on disk; what was kept lately is not written again.

        Raises:
            ReceiptsNotKept: they are not.
        """
        async with self._writing:
            new = [one for one in found if one.key not in self._lately]
            if not new:
                return
            now_ms = self._now_ms()
            data = b"".join(one.line(now_ms) for one in new)
            appending = asyncio.to_thread(self._append, format_time(now_ms)[:10], data)
            try:
                await _to_its_end(asyncio.create_task(appending))
            except OSError as error:
                self.trouble = error.strerror or type(error).__name__
                raise ReceiptsNotKept(
                    f"Receipts can't be written ({self.trouble}); what they prove is withheld."
                ) from error
            self.trouble = None
            for one in new:
                self._lately[one.key] = None
            while len(self._lately) > LATELY_MAX:
                self._lately.popitem(last=False)

    def close(self) -> None:
        """Let go of the folder; closing twice is nothing."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _append(self, day: str, data: bytes) -> None:
        file = self._file(day)
        size = os.fstat(file).st_size
        try:
            written = os.write(file, data)
            if written != len(data):
                raise OSError(None, "the disk took a part only")
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)  # a line is whole or not there
            raise

    def _file(self, day: str) -> int:
        if self._open is not None and self._open[0] == day:
            return self._open[1]
        path = self._folder / f"{day}.jsonl"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._end_torn_line(file)
            self._sync_folder()
        except OSError:
            os.close(file)
            raise
        if self._open is not None:
            os.close(self._open[1])
        self._open = (day, file)
        return file

    def _end_torn_line(self, file: int) -> None:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


async def _to_its_end(task: "asyncio.Task[None]") -> None:
    """Wait for a task that a cancelled caller mustn't leave running; then be cancelled.

    A thread can't be stopped: whoever let go of the file's lock before it ended would let the next
    one write beside it, and cut off that one's lines should the first fail.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # seen; the caller asks no more
        raise cancelled
    task.result()
