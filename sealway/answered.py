"""Which pushed questions were begun, and the answers given: so that none is asked of us twice.

Owns the memory and, if a folder is named, what outlives the process: a file for each answer.
Refuses to hold questions.

Invariant: a question that is remembered as begun is given to nobody until it is forgotten.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from enum import Enum
from pathlib import Path
from typing import Final

from sealway.serving import AnswerMemory

BEGUN_MAX: Final = 100_000  # ids of a busy day, some 10 MB; older ones are in the folder
KEPT_S: Final = 31 * 86_400  # no exchange is open longer than 30 days


class Stage(Enum):
    """How far a question has come."""

    NEW = "new"
    WORKING = "working"
    """Somebody works on it, and may give it up."""
    LATER = "later"
    """It was taken for good; its answer will be sent."""
    ANSWERED = "answered"


class Answered:
    """What was begun and what was answered; for use by many threads."""

    def __init__(self, folder: Path | None = None, now_s: float = 0.0) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, Stage] = OrderedDict()
        self._answers = AnswerMemory()
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in folder.glob("*.frame"):
                if file.stat().st_mtime < now_s - KEPT_S:
                    file.unlink(missing_ok=True)

    def begin(self, message_id: str) -> Stage:
        """Take a question if it is new; how far it had come."""
        with self._lock:
            if self._answers.get(message_id) or self._stored(message_id) is not None:
                return Stage.ANSWERED
            found = self._begun.get(message_id, Stage.NEW)
            if found is Stage.NEW:
                self._begun[message_id] = Stage.WORKING
                if len(self._begun) > BEGUN_MAX:
                    self._begun.popitem(last=False)
            return found

    def later(self, message_id: str) -> None:
        """A question was taken for good, and its answer will be sent."""
        with self._lock:
            self._begun[message_id] = Stage.LATER

    def forget(self, message_id: str) -> None:
        """Give a question back: when it comes again, it is new."""
        with self._lock:
            self._begun.pop(message_id, None)

    def put(self, message_id: str, frame: bytes) -> None:
        """Remember an answer, durably where there is a folder, before it is handed over."""
        with self._lock:
            self._answers.put(message_id, frame)
            self._begun[message_id] = Stage.ANSWERED
            if self._folder is not None:
                _write(self._folder / f"{message_id}.frame", frame)

    def answer(self, message_id: str) -> bytes | None:
        """The frame of the answer to that question, if it is remembered."""
        with self._lock:
            return self._answers.get(message_id) or self._stored(message_id)

    def _stored(self, message_id: str) -> bytes | None:
        if self._folder is None:
            return None
        try:
            return (self._folder / f"{message_id}.frame").read_bytes()
        except FileNotFoundError:
            return None


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, whenever the machine stops."""
    new = file.with_suffix(".new")
    with new.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
