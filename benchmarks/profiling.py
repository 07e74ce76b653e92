"""Where the bus's microseconds go: the load of the quick benchmark while py-spy looks on.

    python benchmarks/profiling.py --seconds 10

Prints µs of CPU an exchange for each stage of an exchange. A sample belongs to the innermost frame
that `STAGES` knows; what no stage claims is the event loop or Python itself. A thread that waits
for the disk looks busy to py-spy, so each thread's samples share the CPU that the thread used.
py-spy is not among the project's dependencies: install it beside them to use this.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.legs import Leg
from benchmarks.processes import threads_cpu_s
from benchmarks.report import surroundings
from benchmarks.stage import embedded

RATE_HZ: Final = 400
WARM_S: Final = 1.5
LEAVES_SHOWN: Final = 25

STAGES: Final = (
    ("signature: verify", ("verify_jws (",)),
    ("signature: sign", ("LocalSigner.sign (", "NoteSigner.sign (")),
    ("envelope: decode, manifest, digest", ("verify_envelope (",)),
    ("answer: compose", ("compose_answer (",)),
    ("parts: frames and commitments", ("check_commitments (", "parse_frame (", "encode_frame (")),
    ("payload: strict JSON, schema", ("Validator.check (",)),
    ("checks: rights, times, binding", ("Acceptance._arrive (", "Acceptance.arrive (")),
    ("sealing at rest, leaf draft", ("message_entry (",)),
    ("acceptance: the rest", ("Acceptance.take (", "Acceptance.accept (")),
    ("commit: SQLite's COMMIT", ("WriterThread._transact (",)),
    ("commit: rows", ("write_group (", "commit_group (")),
    ("commit: leaves, tree, decisions", ("decide (",)),
    ("commit: hand-over", ("WriterThread.", "GroupCommitter.", "LogWriter.commit (")),
    ("mark and checkpoint", ("Sealing.", "Marks.", "LogWriter.")),
    ("relay and bus", ("Relay.", "Backlog.", "announced (", "records_of (", "EmbeddedBus.")),
    ("reading the bus", ("EmbeddedSubscription.",)),
    ("provider: the call", ("Egress.call (", "_Connection.", "PlainPool.")),
    ("provider: adapter", ("RestAdapter.",)),
    ("deliverer: the rest", ("Deliverer.", "Attempts.", "Asking.", "Hand.", "Parking.")),
    ("waiting", ("Waiting.",)),
    ("receipt and reply", ("MessagesRoute._hand_over (", "Receipts.")),
    ("HTTP: uvicorn", ("RequestResponseCycle.", "HttpToolsProtocol.")),
    ("HTTP: our routes", ("MessagesRoute.", "Application.", "send (exchange/api", "_read_")),
)
"""Stage and the beginnings of its frames, as py-spy writes them. The innermost frame decides."""

LOOP: Final = "event loop, tasks, Python itself"


def stage_of(frames: Iterable[str]) -> str:
    """The stage of one stack, outermost frame first."""
    for frame in reversed(list(frames)):
        for name, beginnings in STAGES:
            if frame.startswith(beginnings):
                return name
    return LOOP


@dataclass(frozen=True, slots=True)
class Stack:
    """A thread's frames, outermost first, and how often they were seen."""

    tid: int
    thread: str
    frames: tuple[str, ...]
    count: int


def read_stacks(path: Path) -> list[Stack]:
    """The stacks of a py-spy recording in the raw format."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        tid, _, name = thread.removeprefix("thread (").partition("): ")
        found.append(Stack(int(tid), name, tuple(frames or ["nothing (:0)"]), int(count)))
    return found


def record(seconds: float, concurrency: int, to: Path, spy: str) -> tuple[Leg, dict[int, float]]:
    """One run with py-spy beside it: its figures, and the CPU seconds of each thread."""
    with embedded() as on:
        pid = on.bus[0].pid
        on.leg("bus", concurrency, WARM_S, 0)
        command = [spy, "record", "--pid", str(pid), "--format", "raw", "--threads"]
        command += ["--nonblocking", "--rate", str(RATE_HZ), "--duration", str(int(seconds))]
        with subprocess.Popen(
            [*command, "--output", str(to)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as recorder:
            time.sleep(0.3)
            before = threads_cpu_s(pid)
            leg = on.leg("bus", concurrency, seconds, 1)
            after = threads_cpu_s(pid)
            _, told = recorder.communicate(timeout=seconds + 30)
        if recorder.returncode != 0:
            raise RuntimeError(told)
    return leg, {tid: after[tid] - before.get(tid, 0.0) for tid in after}


def by_stage(leg: Leg, stacks: Sequence[Stack], threads_s: Mapping[int, float]) -> dict[str, float]:
    """µs of CPU an exchange for each stage, the most first."""
    samples: Counter[int] = Counter()
    for stack in stacks:
        samples[stack.tid] += stack.count
    costs: defaultdict[str, float] = defaultdict(float)
    for stack in stacks:
        each_us = threads_s.get(stack.tid, 0.0) / leg.count * 1e6 / samples[stack.tid]
        costs[stage_of(stack.frames)] += each_us * stack.count
    return dict(sorted(costs.items(), key=lambda item: -item[1]))


def report(leg: Leg, stacks: Sequence[Stack], threads_s: Mapping[int, float]) -> list[str]:
    """The table of stages, and the functions that used most by themselves."""
    samples: Counter[int] = Counter()
    for stack in stacks:
        samples[stack.tid] += stack.count
    by_stage: defaultdict[str, float] = defaultdict(float)
    by_thread: defaultdict[str, float] = defaultdict(float)
    by_leaf: defaultdict[str, float] = defaultdict(float)
    for stack in stacks:
        each_us = threads_s.get(stack.tid, 0.0) / leg.count * 1e6 / samples[stack.tid]
        for counts, name in (
            (by_stage, stage_of(stack.frames)),
            (by_thread, stack.thread),
            (by_leaf, f"{stack.frames[-1].rpartition(':')[0]})"),
        ):
            counts[name] += each_us * stack.count
    whole_us = leg.cpu_us()
    seen = sum(samples.values())
    lines = [f"{leg.rate:,.0f}/s, {whole_us:.0f} µs of CPU an exchange, {seen} samples", ""]
    for title, counts in (("stage", by_stage), ("thread", by_thread), ("function", by_leaf)):
        lines.append(f"{'µs':>6}  {title}")
        lines += [f"{us:6.0f}  {name}" for name, us in _most(counts) if us >= 1]
        lines.append("")
    return lines


def _most(costs: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(costs.items(), key=lambda item: -item[1])[:LEAVES_SHOWN]


def main() -> int:
    """Record and print."""
    parser = argparse.ArgumentParser(description="µs of the bus by stage, under load")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--json", type=Path, help="where the µs of each stage are written")
    parser.add_argument("--keep", type=Path, help="where the raw recording is kept")
    args = parser.parse_args()
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        print("profiling: needs py-spy; install it into the environment", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        path = args.keep or Path(folder) / "stacks"
        leg, threads_s = record(args.seconds, args.concurrency, path, spy)
        stacks = read_stacks(path)
    print("\n".join(report(leg, stacks, threads_s)))
    if args.json is not None:
        stages = {name: round(us, 1) for name, us in by_stage(leg, stacks, threads_s).items()}
        found = {**surroundings(), "cpu_us": round(leg.cpu_us(), 1), "stages": stages}
        args.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
