"""The processes of a run: the bus, which is killed and started again, and those around it."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from tests.faults.site import ROOT, Site, environment

READY_S = 30.0
STOP_S = 30.0


class Crowd:
    """Starts processes and ends each of them, whatever happens."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *words: str) -> "subprocess.Popen[bytes]":
        """Start one; its output is appended to a file of its name."""
        with (self._site.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=environment(self._site.bus),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._running.append(process)
        return process

    def stop(self, process: "subprocess.Popen[bytes]") -> int:
        """Ask one to end, and wait; its exit code."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self._running.remove(process)

    def kill(self, process: "subprocess.Popen[bytes]") -> float:
        """SIGKILL; the moment it was sent."""
        at = time.monotonic()
        process.kill()
        process.wait()
        self._running.remove(process)
        return at

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()


def serve(crowd: Crowd, site: Site) -> "subprocess.Popen[bytes]":
    """Start the bus; it isn't ready yet."""
    return crowd.start("serve", "-m", "sealway", "serve", str(site.bus))


def wait_ready(site: Site, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the bus says that it is ready."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        assert process.poll() is None, "the bus did not start; see serve.log"
        try:
            with urllib.request.urlopen(f"{site.url}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise AssertionError("the bus never became ready")
