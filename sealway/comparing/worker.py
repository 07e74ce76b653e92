"""A process that compares schemas, asked over a pipe, killed when it takes too long.

Owns starting, asking, killing. Invariant: ``judge`` returns within ``time_s`` and a moment,
whatever the two documents are; what could not be answered is unknown, never yes.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from threading import Lock
from typing import IO, Any

from schemas.compatibility.levels import Policy
from schemas.compatibility.verdicts import Answer, Judged
from sealway.comparing import limits

# The child runs the same files as its parent, with nothing of the environment.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sealway.comparing.child import run; run(int(sys.argv[2]))"
)
_TOO_LONG = "Can't tell: the comparison took longer than {time_s:g} s and was stopped."
_ENDED = "Can't tell: the comparison needed more memory than allowed, or ended by itself."


class Worker:
    """One process, started when first asked. Safe to share between threads; one asks at a time."""

    def __init__(
        self,
        time_s: float = limits.TIME_S,
        memory_bytes_max: int = limits.MEMORY_BYTES_MAX,
        program: str = _PROGRAM,
    ) -> None:
        self._time_s, self._memory_bytes_max = time_s, memory_bytes_max
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._judgements = 0
        self._lock = Lock()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._kill()

    def abort(self) -> None:
        """Kill what is being asked, from another thread: its answer is unknown."""
        process = self._process
        if process is not None:
            process.kill()

    def judge(self, writer: Any, reader: Any, policy: Policy) -> Judged:
        """As ``schemas.compatibility.judge.judge``; unknown when time or memory runs out."""
        question = {"writer": writer, "reader": reader, "policy": policy.value}
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            return self._asked(line)

    def _asked(self, line: bytes) -> Judged:
        process = self._started()
        until = time.monotonic() + self._time_s
        answer: bytes | None
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line)
            process.stdin.flush()
            answer = _line_before(process.stdout, until)
        except BrokenPipeError:
            answer = b""
        if answer is None:
            self._kill()
            return Judged(Answer.UNKNOWN, _TOO_LONG.format(time_s=self._time_s))
        if not answer.endswith(b"\n"):
            self._kill()
            return Judged(Answer.UNKNOWN, _ENDED)
        self._judgements += 1
        if self._judgements >= limits.JUDGEMENTS_MAX:
            self._kill()
        return Judged.from_object(json.loads(answer))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._kill()
            path = json.dumps(sys.path)
            command = [sys.executable, "-I", "-c", self._program, path, str(self._memory_bytes_max)]
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
            )
        return self._process

    def _kill(self) -> None:
        process, self._process, self._judgements = self._process, None, 0
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _line_before(pipe: IO[bytes], until: float) -> bytes | None:
    """A whole line, what came before the end if there is none, None when time is up."""
    found = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not selector.select(left):
                return None
            more = os.read(pipe.fileno(), 1 << 16)
            found += more
            if not more or len(found) > limits.ANSWER_BYTES_MAX:
                return bytes(found[:-1]) if len(found) > limits.ANSWER_BYTES_MAX else bytes(found)
    return bytes(found)
