"""The demo as a process, and a look at what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.house.source import ROOT

DEMO = ROOT / "examples" / "demo.py"
DEMO_CLUSTER = ROOT / "examples" / "demo_cluster.py"
ENGINES = ("SEALWAY_TEST_KAFKA", "SEALWAY_TEST_POSTGRES")
GONE_S = 10


def environment(folder: Path) -> dict[str, str]:
    """Ours without another bus's settings; temporary files go where we can count them."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith("SEALWAY_") or k in ENGINES
    }
    path = os.pathsep.join((str(Path(sys.executable).parent), inherited.get("PATH", "")))
    return {**inherited, "PATH": path, "TMPDIR": str(folder), "NO_COLOR": "1"}


@contextmanager
def demo(folder: Path, *words: str, script: Path = DEMO) -> Iterator["subprocess.Popen[str]"]:
    """Start a demo in `folder`; whatever happens, it ends with the context."""
    process = subprocess.Popen(
        [sys.executable, str(script), *words],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def read_until(process: "subprocess.Popen[str]", start: str) -> list[str]:
    """What it prints up to the line that starts so, or to its end."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line.rstrip("\n"))
        if line.startswith(start):
            break
    return seen


def processes_of(folder: Path) -> list[str]:
    """The command lines of running processes that a demo started in `folder` has started."""
    wanted = f"TMPDIR={folder}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def left_running(folder: Path) -> list[str]:
    """What still runs after a moment to end in."""
    until_s = time.monotonic() + GONE_S
    while (found := processes_of(folder)) and time.monotonic() < until_s:
        time.sleep(0.1)
    return found
