"""`make bench-fsck N=100000`: what an audit of a long log costs, and the most memory it holds.

    python benchmarks/long_audit.py --entries 1000000 --folder /var/tmp/long

Makes a data folder whose traffic log holds so many messages, signed, sealed and committed to as a
bus does (`tests/support/long_bus.py`), then runs `sealway audit fsck` on it as a process: with
epoch keys and without, each in one process, which gives the rate of a core, and in one for each
core, which gives the time an auditor waits. A million entries take 1.7 GB of disk and two minutes
to fill; a ``--folder`` is kept, and used again. Exits with 0 when all held: the verdict, and 200
MiB in every process.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.goals import Figure
from benchmarks.outside import Ran, fsck_lines, ran
from benchmarks.processes import python
from benchmarks.stage import room
from sealway.verify.workers import processes_here

MEMORY_MIB_MAX: Final = 200


def main() -> int:
    """Fill, audit, print; the exit code says whether the memory held."""
    parser = argparse.ArgumentParser(description="An audit of a long log")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="keep the log here, or use the one that is")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.folder or stack.enter_context(room())
        fsck = [*python("sealway", "audit", "fsck"), *_filled(folder, args.entries), "--json"]
        opened = [*fsck, "--epoch-keys", str(folder / "epoch-1")]
        runs = [
            (goal, verdict, processes, ran([*command, "--processes", str(processes)]))
            for processes in sorted({1, processes_here()})
            for goal, verdict, command in (
                ("P7", "proven", opened),
                ("P7 tree", "incomplete", fsck),
            )
        ]
    return _told(runs)


def _filled(folder: Path, entries: int) -> list[str]:
    """The folder's arguments; it is filled unless it was."""
    key = folder / "log-key"
    if not key.exists():
        began_s = time.monotonic()
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            key.write_text(pool.submit(fill, folder, entries).result())
        print(f"filled in {time.monotonic() - began_s:.0f} s", flush=True)
    return [str(folder / "data"), "--log-key", key.read_text()]


def fill(folder: Path, entries: int) -> str:
    """Make the log; the key of log 0. In a process of its own: what a process held before it starts
    another is counted as the other's too."""
    from tests.support.long_bus import LongBus

    bus = LongBus()
    bus.fill(folder / "data", entries)
    bus.write_epoch(folder)
    (key,) = bus.log_keys()
    return key


def _told(runs: list[tuple[str, str, int, Ran]]) -> int:
    held = True
    for goal, verdict, processes, run in runs:
        said = json.loads(run.out)
        count = int(said["counts"]["leaves"])
        if processes == 1:
            figure = Figure(goal, count / run.cpu_s, "", "", count, run.peak_mib)
            print("\n".join(fsck_lines([figure])), flush=True)
        else:
            print(f"      {processes} processes: {run.took_s:.1f} s, {count / run.took_s:,.0f}/s")
        held = held and said["verdict"] == verdict and run.peak_mib <= MEMORY_MIB_MAX
    print(f"bench-fsck: {'held' if held else 'not held'}: at most {MEMORY_MIB_MAX} MiB")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
