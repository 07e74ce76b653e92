"""`make pairs`: random pairs of schemas, judged by us, checked by a validator that isn't ours.

For each yes, instances that the writer's version takes must be taken by the reader's; for each no,
the witness must be taken by the one and refused by the other. `jsonschema` decides both. Exits 0
only if nothing unsafe was found and at most a tenth was left unknown.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from schemas.catalogue import admit
from schemas.compatibility.declared import declared_only
from schemas.compatibility.document import document_of
from schemas.compatibility.levels import Policy
from schemas.compatibility.verdicts import Answer, Judged
from schemas.errors import SchemaInvalid
from sealway.comparing import Worker
from tests.pairs.random_instances import Sampler
from tests.pairs.random_schemas import DIALECT, Writer

UNKNOWN_SHARE_MAX = 0.1
INSTANCES = 24  # a pair of which it was said yes; from either document
SAMPLED_NO = 10  # every tenth no is sampled too, to know how much the sampler sees
BLOCK = 50
FORMATS = FormatChecker(["date", "ipv4", "uuid"])


def pair(rng: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two admitted documents: mostly one and a change of it, sometimes strangers."""
    while True:
        writer = Writer(rng)
        one = writer.document()
        other = writer.document() if rng.random() < 0.08 else writer.changed(one)
        try:
            for document in (one, other):
                admit("json-schema", json.dumps(document))
        except SchemaInvalid:
            continue
        return (one, other) if rng.random() < 0.5 else (other, one)


def breaking(
    writer: dict[str, Any], reader: dict[str, Any], policy: Policy, instances: Iterator[Any]
) -> Any:
    """The first instance that the writer's side takes and the reader's refuses, in a list."""
    takes = [Draft202012Validator(writer, format_checker=FORMATS)]
    if policy is Policy.EVOLVE:
        closed = declared_only(document_of(writer)).root
        takes.append(Draft202012Validator({"$schema": DIALECT, **closed}, format_checker=FORMATS))
    reads = Draft202012Validator(reader, format_checker=FORMATS)
    for instance in instances:
        if not reads.is_valid(instance) and all(one.is_valid(instance) for one in takes):
            return [instance]
    return []


def sampled(writer: dict[str, Any], reader: dict[str, Any], rng: Random, n: int) -> Iterator[Any]:
    """Instances made from either document."""
    samplers = (Sampler(writer, rng), Sampler(reader, rng))
    for turn in range(n):
        yield samplers[turn % 3 == 2].sample()


def judged_pair(seed: int, number: int, worker: Worker) -> tuple[Judged, list[str], bool | None]:
    """The answer, what is unsafe about it, and whether sampling alone saw a no."""
    rng = Random(f"{seed}-{number}")
    writer, reader = pair(rng)
    policy = rng.choice(list(Policy))
    judged = worker.judge(writer, reader, policy)
    told = f"pair {number} ({policy.value}): {json.dumps(writer)} -> {json.dumps(reader)}"
    if judged.answer is Answer.YES:
        found = breaking(writer, reader, policy, sampled(writer, reader, rng, INSTANCES))
        return judged, [f"yes, but {json.dumps(one)} breaks {told}" for one in found], None
    if judged.witness is None:
        return judged, [], None
    witness = judged.witness.instance
    wrong = not breaking(writer, reader, policy, iter([witness]))
    unsafe = [f"no, but the witness {json.dumps(witness)} is none: {told}"] if wrong else []
    if number % SAMPLED_NO:
        return judged, unsafe, None
    seen = bool(breaking(writer, reader, policy, sampled(writer, reader, rng, INSTANCES)))
    return judged, unsafe, seen


def block(seed: int, first: int, last: int) -> tuple[Counter[str], list[str]]:
    """The counts of some pairs, and what is unsafe among them."""
    counts: Counter[str] = Counter()
    unsafe: list[str] = []
    with Worker() as worker:
        for number in range(first, last):
            judged, found, seen = judged_pair(seed, number, worker)
            counts[judged.answer.value] += 1
            counts["asked"] += seen is not None
            counts["seen"] += bool(seen)
            unsafe += found
    return counts, unsafe


def run(n: int, seed: int, processes: int) -> tuple[Counter[str], list[str]]:
    """All pairs, in blocks over some processes; the same for every number of processes."""
    spans = [(first, min(first + BLOCK, n)) for first in range(0, n, BLOCK)]
    counts: Counter[str] = Counter()
    unsafe: list[str] = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(block, seed, *span) for span in spans]
        for future in futures:
            some, found = future.result()
            counts.update(some)
            unsafe += found
            for one in found:
                print(f"UNSAFE: {one}", flush=True)
    return counts, unsafe


def last_line(n: int, counts: Counter[str], unsafe: int) -> str:
    """The figures, all of them counted."""
    share = 100 * counts["unknown"] / n
    return (
        f"pairs: {n:,}; yes {counts['yes']:,}, no {counts['no']:,}, "
        f"unknown {counts['unknown']:,} ({share:.1f} %); {unsafe} unsafe"
    )


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if asked.n < 1:
        parser.error("--n must be at least 1")
    print(f"seed {asked.seed}, {asked.processes} processes", flush=True)
    counts, unsafe = run(asked.n, asked.seed, asked.processes)
    if counts["asked"]:
        share = 100 * counts["seen"] / counts["asked"]
        print(f"{INSTANCES} sampled instances alone see {share:.0f} % of the no (of every tenth)")
    print(last_line(asked.n, counts, len(unsafe)))
    return 0 if not unsafe and counts["unknown"] <= UNKNOWN_SHARE_MAX * asked.n else 1


if __name__ == "__main__":
    sys.exit(main())
