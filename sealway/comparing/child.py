"""The inside of the worker process: a line with a question in, a line with the answer out.

Sets its own memory limit before it reads anything. Whatever else goes wrong here ends the
process, which the parent tells as unknown.
"""

from __future__ import annotations

import json
import resource
import sys

from schemas.compatibility.judge import judge
from schemas.compatibility.levels import Policy
from schemas.compatibility.verdicts import Answer, Judged


def run(memory_bytes_max: int) -> None:
    """Answer until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        try:
            judged = judge(asked["writer"], asked["reader"], Policy(asked["policy"]))
        except (MemoryError, RecursionError):
            judged = Judged(Answer.UNKNOWN, "Can't tell: it takes more memory than allowed.")
        sys.stdout.write(json.dumps(judged.to_object()) + "\n")
        sys.stdout.flush()
