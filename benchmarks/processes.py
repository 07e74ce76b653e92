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
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
START_S: Final = 60.0  # seven processes at once, on a machine that is busy with others
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
        DidNotStart: it ended, or a minute was not enough.
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


def family(pid: int) -> list[int]:
    """A process and all that descend from it; RabbitMQ and PostgreSQL are several."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if fields := _fields(stat):
            children[int(fields[1])].append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def family_cpu_s(pids: Iterable[int]) -> float:
    """Seconds of CPU that some processes and their descendants have used."""
    return sum(cpu_s(one) for pid in pids for one in family(pid))


def peak_mib(pids: Iterable[int]) -> float:
    """The most memory that some processes have held; of each and its descendants the largest."""
    return sum(max(_peak_kib(one) for one in family(pid)) for pid in pids) / 1024


def _peak_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def threads_cpu_s(pid: int) -> dict[int, float]:
    """The same for each thread of a process, by its number."""
    return {int(path.name): _cpu_s(path / "stat") for path in Path(f"/proc/{pid}/task").glob("*")}


def _cpu_s(stat: Path) -> float:
    fields = _fields(stat)
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S if fields else 0.0


def _fields(stat: Path) -> list[str]:
    """What stands after the process's name; nothing when it is gone."""
    try:
        return stat.read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return []


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
