"""What is measured of whole programs: the offline audit, imports, a start, a synced append.

Owns running them and reading their CPU. Invariant: a program's own start is measured beside it and
taken off where the goal is about what it does afterwards; the text of the figure says so.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.goals import Figure
from benchmarks.network import Country, make_country
from benchmarks.processes import ROOT, free_ports, python
from benchmarks.stage import room, start_bus, wait_until_ready

FSYNCS: Final = 50
IMPORTS: Final = 5
STARTS: Final = 3
SDK: Final = "from sealway import *"
"""Every public name: one that is loaded only when it is used would cost nothing here."""
_CLOCK: Final = "import time; began = time.process_time(); {}; print(time.process_time() - began)"


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that came to its end."""

    code: int
    cpu_s: float
    took_s: float
    peak_mib: float
    out: str


def ran(command: list[str]) -> Ran:
    """Run a program to its end; its CPU and peak memory are the kernel's word."""
    began_s = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    cpu_s = used.ru_utime + used.ru_stime
    took_s = time.perf_counter() - began_s
    return Ran(process.returncode, cpu_s, took_s, used.ru_maxrss / 1024, text)


def audit(country: Country) -> list[Figure]:
    """P7 on the folder of a bus that has stopped: with signatures, and without; on one core."""
    key = ["--log-key", country.log_keys[0], "--processes", "1", "--json"]
    verify = python("sealway", "audit", "verify", str(country.folder / "data"), *key)
    nothing = python("sealway", "audit", "verify", str(country.folder / "nothing"), *key)
    opened = [*verify, "--epoch-keys", str(country.folder / "keys" / "epoch-1")]
    start_s = median(ran(nothing).cpu_s for _ in range(3))
    return [
        _audited("P7", ran(opened), start_s, "envelopes opened"),
        _audited("P7 tree", ran(verify), start_s, "envelopes stay shut"),
    ]


def entry_bytes(country: Country, entries: int) -> float:
    """What an entry takes on disk: the data folder of a stopped bus over its entries."""
    files = (country.folder / "data").rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file()) / max(1, entries)


def _audited(goal: str, run: Ran, start_s: float, how: str) -> Figure:
    if run.code not in (0, 2):  # 2: some of it can't be decided, as without epoch keys
        raise RuntimeError(f"audit verify: exit {run.code}: {run.out[-2_000:]}")
    entries = audited_entries(run.out)
    per_s = entries / max(1e-9, run.cpu_s - start_s)
    note = f"{entries:,} entries in {run.cpu_s:.2f} s of CPU, {how}; its start took {start_s:.2f} s"
    return Figure(goal, per_s, f"{note}; peak {run.peak_mib:.0f} MiB", "", entries, run.peak_mib)


def fsck_lines(figures: Iterable[Figure]) -> list[str]:
    """Entries, rate and memory of each audit, one line each."""
    return [
        f"fsck: {one.count:,} entries, {one.value:,.0f} entries/s of a core, {one.peak_mib:.0f} MiB"
        f" ({'signatures and contents' if one.goal == 'P7' else 'the tree only'})"
        for one in figures
        if one.goal in ("P7", "P7 tree") and one.value is not None
    ]


def audited_entries(said: str) -> int:
    """How many entries of all logs an audit says that it went through."""
    return int(json.loads(said)["counts"]["leaves"])


def imports(times: int = IMPORTS) -> Figure:
    """P10: CPU of importing the SDK over that of `import httpx`, in fresh processes, by turns."""
    pairs = [(_import_s("import httpx"), _import_s(SDK)) for _ in range(times)]
    ratio = median(own / peer for peer, own in pairs)
    note = "; ".join(
        f"{name} {median(column) * 1000:.0f} ms"
        for name, column in zip(("httpx", "all of the SDK"), zip(*pairs, strict=True), strict=True)
    )
    return Figure("P10", ratio, note, peer="import httpx")


def _import_s(statement: str) -> float:
    run = ran([sys.executable, "-c", _CLOCK.format(statement)])
    assert run.code == 0, run.out
    return float(run.out)


def starting(times: int = STARTS) -> Figure:
    """P10: seconds from the command to the first 200 of `/readyz`, on a folder already used."""
    took = []
    with room() as folder:
        port, provider_port = free_ports(2)
        country = make_country(folder / "bus", port, provider_port, "ES256")
        for _ in range(times + 1):
            began_s = time.perf_counter()
            with ExitStack() as stack:
                process, log = start_bus(stack, country, "serve")
                wait_until_ready(process, port, log)
                took.append(time.perf_counter() - began_s)
    return Figure("P10 start", median(took[1:]), f"median of {times}, by the wall clock")


def fsync_us(folder: Path, size: int = 4_096) -> float:
    """What a synced append costs on the disk of a folder."""
    took, path = [], folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(size))
            began_s = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began_s)
    path.unlink()
    return median(took) * 1e6
