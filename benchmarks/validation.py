"""What it costs to validate a 2 kB message: strict JSON and its registered schema, compiled once.

    python benchmarks/validation.py

CPU of this thread, in the process, warm; the median of several rounds over different bodies.
"""

import time
from statistics import median
from typing import Final

from benchmarks.bodies import BODY_BYTES, REQUEST_SCHEMA, request_body
from schemas.catalogue import compile_schema

GOAL_US: Final = 25
ROUNDS: Final = 9
BODIES: Final = 64
TIMES: Final = 10


def validation_us(rounds: int = ROUNDS) -> float:
    """µs of CPU for one body."""
    check = compile_schema("json-schema", REQUEST_SCHEMA.read_text("utf-8")).check
    bodies = [request_body(number) for number in range(BODIES)]
    took = []
    for _ in range(rounds + 1):
        began_ns = time.thread_time_ns()
        for _ in range(TIMES):
            for body in bodies:
                check(body)
        took.append((time.thread_time_ns() - began_ns) / 1_000 / (TIMES * BODIES))
    return median(took[1:])


def line(us: float) -> str:
    """The figure in words, with the goal."""
    return (
        f"validation of the 2 kB message ({BODY_BYTES:,} bytes): {us:.1f} µs, goal ≤ {GOAL_US} µs"
    )


if __name__ == "__main__":
    print(line(validation_us()))
