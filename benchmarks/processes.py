"""Processes of a run: started, waited for, stopped, and how much CPU each has used.

Invariant: what a run started, it ends, by the process it holds and never by a name.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
START_S: Final = 20.0
STOP_S: Final = 20.0
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    """A process ended, or could not be asked, before it was ready."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def python(*arguments: str) -> list[str]:
    """The command that runs this Python on a module of the repository."""
    return [sys.executable, "-X", "utf8", "-m", *arguments]


@contextlib.contextmanager
def running(command: list[str], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process for as long as the context lasts; SIGTERM ends it, and after 20 s SIGKILL."""
    process = subprocess.Popen(command, cwd=ROOT, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(process: "subprocess.Popen[str]", port: int, path: str = "") -> None:
    """Return when the process takes connections, and answers ``path`` with 200 if one is given.

    Raises:
        DidNotStart: it ended, or 20 s were not enough.
    """
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise DidNotStart(f"{process.args!r} ended with {process.returncode}.")
        if _answers(port, path):
            return
        time.sleep(0.05)
    raise DidNotStart(f"{process.args!r} was not ready after {START_S:.0f} s.")


def _answers(port: int, path: str) -> bool:
    try:
        if not path:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used, all threads; 0 where there is no /proc."""
    return _cpu_s(Path(f"/proc/{pid}/stat"))


def threads_cpu_s(pid: int) -> dict[int, float]:
    """The same for each thread of a process, by its number."""
    return {int(path.name): _cpu_s(path / "stat") for path in Path(f"/proc/{pid}/task").glob("*")}


def _cpu_s(stat: Path) -> float:
    try:
        text = stat.read_text("utf-8")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


class Worker:
    """A process that carries out one command at a time: a line of JSON in, a line of JSON out."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, **command: Any) -> dict[str, Any]:
        """Carry out a command and wait for its result.

        Raises:
            DidNotStart: the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise DidNotStart(f"The load's process ended with {self._process.wait()}.")
        result: dict[str, Any] = json.loads(line)
        return result
