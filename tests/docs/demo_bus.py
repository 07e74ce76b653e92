"""The bus that documents speak to: the demo's own, started as `make serve` does, in a spare folder.

Interface with examples/demo.py: `--serve --dir FOLDER --port PORT` keeps everything it makes below
FOLDER, and prints a line that starts with `serve:` and names the bus's address once it can be
asked. SIGTERM ends it and all that it started.
"""

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.house.source import ROOT

START_S = 60
STOP_S = 20
_READY = re.compile(r"^serve:.*?https?://(?P<address>[\w.\[\]:-]+:\d+)")


class DemoBusFailed(Exception):
    """The demo ended, or said nothing for a minute, before its bus could be asked."""


@dataclass(frozen=True, slots=True)
class DemoBus:
    """A running demo: its folder and its bus's host and port."""

    folder: Path
    address: str


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[str]", seen: list[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if ready := _READY.search(line):
            return ready["address"]
    raise DemoBusFailed("".join(seen[-30:]))


@contextmanager
def demo_bus(folder: Path) -> Iterator[DemoBus]:
    """Run the demo's bus and agencies for as long as the context lasts.

    Raises:
        DemoBusFailed: it did not come up.
    """
    command = [sys.executable, str(ROOT / "examples/demo.py"), "--serve"]
    process = subprocess.Popen(
        [*command, "--dir", str(folder), "--port", str(_free_port())],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    late = threading.Timer(START_S, process.kill)
    late.start()
    reader = threading.Thread(target=_drain, args=(process,), daemon=True)
    try:
        address = _wait_until_ready(process, [])
        late.cancel()
        reader.start()
        yield DemoBus(folder, address)
    finally:
        late.cancel()
        _stop(process)
        if reader.is_alive():
            reader.join(STOP_S)
        if process.stdout is not None:
            process.stdout.close()


def _drain(process: "subprocess.Popen[str]") -> None:
    """Keep reading, so that the demo never blocks on a full pipe."""
    assert process.stdout is not None
    for _ in process.stdout:
        pass


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
