"""What was in flight at a moment, told from journals that are still being written."""

import json
from pathlib import Path
from typing import Any

ENDED = ("receipt", "answer", "refused", "given-up")


class InFlight:
    """Follows journals; asked for moments in their order, it reads each line once."""

    def __init__(self, *paths: Path) -> None:
        self._readers = [_Reader(path) for path in paths]
        self._calls: set[str] = set()
        self._messages: set[str] = set()
        self.taken_at = 0.0
        """When the bus last took a message, as of the last moment asked for."""

    def at(self, moment: float) -> tuple[int, int]:
        """Calls without a reply at that moment, and messages without an outcome."""
        for reader in self._readers:
            for line in reader.until(moment):
                self._count(line)
        return len(self._calls), len(self._messages)

    def _count(self, line: dict[str, Any]) -> None:
        event, id_ = line["event"], line.get("id")
        if id_ is None:
            return
        if event == "made":
            self._messages.add(id_)
        elif event == "sent":
            self._calls.add(id_)
        else:
            self._calls.discard(id_)
            if event in ENDED:
                self._messages.discard(id_)
            if event in ("receipt", "answer"):
                self.taken_at = max(self.taken_at, line["at"])


class _Reader:
    """One journal, from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._held: list[dict[str, Any]] = []

    def until(self, moment: float) -> list[dict[str, Any]]:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._held += [json.loads(line) for line in whole.splitlines()]
        due = [line for line in self._held if line["at"] <= moment]
        self._held = [line for line in self._held if line["at"] > moment]
        return due
