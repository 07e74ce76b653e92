"""Standard output and standard error whose reader may go away: `sealway member list | head -1`.

Owns that nothing breaks then: what is written afterwards is dropped, and the verb goes on to its
own end and exit code, since a reader who has seen enough changes no verdict.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class _Forgiving(io.FileIO):
    """A descriptor that leads nowhere once its reader is gone."""

    def write(self, data: Any) -> int:
        """Write, or drop; the number of bytes taken off the caller's hands."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes


def forgive_closed_pipes() -> None:
    """Let this process's own standard output and error survive their readers.

    Streams that something else has put in their place are left alone.
    """
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        sys.stdout = _forgiving(sys.stdout)
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        sys.stderr = _forgiving(sys.stderr)


def _forgiving(stream: Any) -> io.TextIOWrapper:
    stream.flush()
    raw = _Forgiving(stream.fileno(), "w", closefd=False)
    is_unbuffered = isinstance(stream.buffer, io.RawIOBase)  # as with PYTHONUNBUFFERED
    buffer: Any = raw if is_unbuffered else io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer,
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
