"""What is told of attempts: the last one, as states and waiting callers see it."""

from collections.abc import Sequence
from typing import Any

from exchange.api.problems import ATTEMPTS
from exchange.storage.rows import StepRow
from signing.encoding import format_time


def last_attempt_step(steps: Sequence[StepRow]) -> StepRow | None:
    """The last failed attempt in a timeline, or None; other lines are no attempts."""
    return next((step for step in reversed(steps) if step.code in ATTEMPTS), None)


def last_attempt(steps: Sequence[StepRow]) -> dict[str, Any] | None:
    """``{code, at, next_at?}`` of the last failed attempt in a timeline, or None."""
    step = last_attempt_step(steps)
    if step is None:
        return None
    told = {"code": step.code, "at": format_time(step.at_ms)}
    if step.next_at_ms is not None:
        told["next_at"] = format_time(step.next_at_ms)
    return told
