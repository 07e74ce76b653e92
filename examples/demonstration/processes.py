"""Processes that live no longer than the demo.

Owns starting, stopping and waiting. Each process has a log file of its own, and a session of its
own, so that Ctrl-C reaches the demo alone, which then ends them in order. On Linux the kernel
ends them too when the demo itself is killed. One that has ended may be started again.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

START_S = 60  # four processes at once on a busy machine
STOP_S = 15
_PR_SET_PDEATHSIG = 1
_direct = build_opener(ProxyHandler({}))  # this machine is not behind a proxy


class ProcessFailed(Exception):
    """A process ended when it should not have, or never got ready; its last words are with it."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether 127.0.0.1 has this port for us."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _with_parent(ends_on: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def die_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, ends_on, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return die_with_parent


class Processes:
    """The processes of one demo, by name; a context manager that leaves none behind."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._end_on: dict[str, int] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        folder: Path | None = None,
        ends_on: int = signal.SIGTERM,
    ) -> None:
        """Start a process; what it prints goes to its log file, and `ends_on` ends it in order."""
        assert name not in self._running, f"{name} runs already"
        self._logs.mkdir(exist_ok=True)
        self._end_on[name] = ends_on
        with self.log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                argv,
                cwd=folder,
                user=user,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_with_parent(ends_on),
            )

    def wait_until_ready(self, name: str, url: str) -> None:
        """Wait until `url` answers 200.

        Raises:
            ProcessFailed: the process ended, or START_S passed.
        """
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            self.check_alive(name)
            try:
                with _direct.open(url, timeout=2):
                    return
            except (HTTPError, URLError, OSError):
                time.sleep(0.03)
        raise ProcessFailed(f"{name} was not ready after {START_S} s.\n{self.last_words(name)}")

    def wait_until_listening(self, name: str, port: int) -> None:
        """Wait until something accepts connections at this port of 127.0.0.1.

        Raises:
            ProcessFailed: as `wait_until_ready`.
        """
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            self.check_alive(name)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise ProcessFailed(f"{name} didn't listen after {START_S} s.\n{self.last_words(name)}")

    def watch(self, name: str, text: str) -> Callable[[float], bool]:
        """Listen from now on for a text in a process's log; call it to wait so many seconds."""
        begin = self.log_file(name).stat().st_size

        def is_there(within_s: float) -> bool:
            until_s = time.monotonic() + within_s
            while time.monotonic() < until_s:
                with self.log_file(name).open("rb") as log:
                    log.seek(begin)
                    if text.encode() in log.read():
                        return True
                time.sleep(0.05)
            return False

        return is_there

    def events(self, name: str, event: str) -> list[dict[str, Any]]:
        """The events of that name in the log of a process that logs a JSON object a line."""
        marked = (
            line
            for line in self.log_file(name).read_text("utf-8", "replace").splitlines()
            if line.startswith("{") and f'"{event}"' in line
        )
        return [one for one in map(json.loads, marked) if one.get("event") == event]

    def is_running(self, name: str) -> bool:
        """Whether a process of this name was started and not stopped."""
        return name in self._running

    def check_alive(self, *names: str) -> None:
        """Raises ProcessFailed when one of them, or any without names, has ended."""
        for name in names or tuple(self._running):
            code = self._running[name].poll()
            if code is not None:
                raise ProcessFailed(f"{name} ended with exit {code}.\n{self.last_words(name)}")

    def stop(self, name: str) -> int:
        """Ask a process to end, wait for it, and give its exit code."""
        return self._ended(name, self._end_on[name])

    def stop_together(self, *names: str) -> dict[str, int]:
        """As `stop`, for several at the same time."""
        for name in names:
            if self._running[name].poll() is None:
                self._running[name].send_signal(self._end_on[name])
        return {name: self._waited_for(name) for name in names}

    def kill(self, name: str) -> None:
        """End a process at once, as a power cut would."""
        self._ended(name, signal.SIGKILL)

    def _ended(self, name: str, signal_number: int) -> int:
        process = self._running[name]
        if process.poll() is None:
            process.send_signal(signal_number)
        return self._waited_for(name)

    def _waited_for(self, name: str) -> int:
        process = self._running[name]
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        del self._running[name]
        return code

    def stop_all(self) -> None:
        """End every process, the last started first."""
        for name in reversed(tuple(self._running)):
            self.stop(name)

    def last_words(self, name: str) -> str:
        """The end of a process's log."""
        text = self.log_file(name).read_text("utf-8", "replace")
        return "\n".join(text.splitlines()[-12:])

    def log_file(self, name: str) -> Path:
        """What a process printed."""
        return self._logs / f"{name}.log"
