"""Journals: what each process saw, one JSON line an event, stamped with the machine's own clock.

``at`` is seconds of the monotonic clock, which all processes of one machine share.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """A file that one process appends to; each line is with the system before the next."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, event: str, **members: Any) -> None:
        """One event."""
        line = {"event": event, "at": time.monotonic(), **members}
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a journal; a last line that is still being written is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)
