"""`make bench-fsck N=100000`: what an audit of a long log costs, and the most memory it holds.

    python benchmarks/long_audit.py --entries 1000000

Makes a data folder whose traffic log holds so many messages, signed, sealed and committed to as a
bus does (`tests/support/long_bus.py`), then runs `sealway audit fsck` on it as a process: with
epoch keys and without. A million entries take 2.5 GB of disk and a quarter of an hour or more.
Exits with 0 when both held: the verdict, and 200 MiB.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.goals import Figure
from benchmarks.outside import Ran, fsck_lines, ran
from benchmarks.processes import python
from benchmarks.stage import room

MEMORY_MIB_MAX: Final = 200


def main() -> int:
    """Fill, audit, print; the exit code says whether the memory held."""
    parser = argparse.ArgumentParser(description="An audit of a long log")
    parser.add_argument("--entries", type=int, default=100_000)
    args = parser.parse_args()
    with room() as folder:
        began_s = time.monotonic()
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            key = pool.submit(fill, folder, args.entries).result()
        print(f"filled in {time.monotonic() - began_s:.0f} s", flush=True)
        fsck = python("sealway", "audit", "fsck", str(folder / "data"), "--log-key", key, "--json")
        runs = {
            "P7": ran([*fsck, "--epoch-keys", str(folder / "epoch-1")]),
            "P7 tree": ran(fsck),
        }
    return _told(runs, {"P7": "proven", "P7 tree": "incomplete"})


def fill(folder: Path, entries: int) -> str:
    """Make the log; the key of log 0. In a process of its own: what a process held before it starts
    another is counted as the other's too."""
    from tests.support.long_bus import LongBus

    bus = LongBus()
    bus.fill(folder / "data", entries)
    bus.write_epoch(folder)
    (key,) = bus.log_keys()
    return key


def _told(runs: dict[str, Ran], verdicts: dict[str, str]) -> int:
    held = True
    for goal, run in runs.items():
        said = json.loads(run.out)
        count = int(said["counts"]["leaves"])
        figure = Figure(goal, count / run.cpu_s, "", "", count, run.peak_mib)
        print("\n".join(fsck_lines([figure])), flush=True)
        held = held and said["verdict"] == verdicts[goal] and run.peak_mib <= MEMORY_MIB_MAX
    print(f"bench-fsck: {'held' if held else 'not held'}: at most {MEMORY_MIB_MAX} MiB")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
