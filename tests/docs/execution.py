"""Run one block as a reader would who pastes it, and judge what it printed."""

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.docs.blocks import Block
from tests.docs.expected import Step, keeps, keeps_in_order, promises_in_comments, read_console

# What a reader types against a bus started by `make serve`.
DOCUMENTED_ADDRESS = re.compile(r"\b(localhost|127\.0\.0\.1):8480\b")
# Where a documented agent and sandbox listen; ours must not meet one that runs on this machine.
DOCUMENTED_PORTS = ("8470", "8490")
# What a reader's terminal does not have: the make that runs us, and settings of another bus.
PRIVATE = re.compile(r"MAKE|MFLAGS|SEALWAY_|PYTEST_")
_MARK = "\x1edone"
_PIPE_CLOSED = 128 + signal.SIGPIPE  # a reader like `head` had enough: no failure


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a block held; if not, why, in lines for a person."""

    block: Block
    held: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a block runs: its folder, the environment on top of ours, the bus to speak to."""

    folder: Path
    environment: dict[str, str]
    bus_address: str | None = None


def run_block(block: Block, where: Surroundings) -> Outcome:
    """Run a block to its end or its time limit; nothing that it started outlives it."""
    text = block.text
    if where.bus_address:
        text = DOCUMENTED_ADDRESS.sub(where.bus_address, text)
    for port in DOCUMENTED_PORTS:
        text = re.sub(rf"\b{port}\b", _free_port(), text)
    if block.language == "console":
        return _run_console(block, read_console(text), where)
    shell = ["bash", "-euo", "pipefail", "-c", text]
    argv = shell if block.language == "bash" else [sys.executable, "-P", "-c", text]
    code, printed = _run(argv, where, block.timeout_s)
    if code not in (0, _PIPE_CLOSED):
        return Outcome(block, False, f"exit {code}\n{printed}")
    if not keeps_in_order(promises_in_comments(text), printed.splitlines()):
        return Outcome(block, False, f"printed something else:\n{printed}")
    return Outcome(block, True)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _run_console(block: Block, steps: list[Step], where: Surroundings) -> Outcome:
    if not steps:
        return Outcome(block, False, "no command: a line that starts with '$ '")
    script = "set -o pipefail\n" + "".join(
        f"{step.command}\nprintf '{_MARK} %s\\n' $?\n" for step in steps
    )
    code, printed = _run(["bash", "-c", script], where, block.timeout_s)
    parts = re.split(_MARK + r" (\d+)\n", printed)
    for step, output, status in zip(steps, parts[::2], parts[1::2], strict=False):
        if int(status) != step.exit_code and int(status) != _PIPE_CLOSED:
            return Outcome(block, False, f"$ {step.command}\n{output}exit {status}")
        if step.promised and not keeps(step.promised, output.rstrip("\n").split("\n")):
            return Outcome(block, False, f"$ {step.command}\nprinted something else:\n{output}")
    if len(parts[1::2]) < len(steps):
        return Outcome(block, False, f"ended early with exit {code}\n{parts[-1]}")
    return Outcome(block, True)


def _run(argv: list[str], where: Surroundings, timeout_s: int) -> tuple[int, str]:
    binaries = str(Path(sys.executable).parent)
    inherited = {name: value for name, value in os.environ.items() if not PRIVATE.match(name)}
    environment = {
        **inherited,
        "PATH": binaries + os.pathsep + os.environ.get("PATH", ""),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        **where.environment,
    }
    process = subprocess.Popen(
        argv,
        cwd=where.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        return 124, f"{printed}\nnot finished after {timeout_s} s\n"
    return process.returncode, printed
