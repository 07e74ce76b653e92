"""What wiring makes some parts with: the parts themselves, or kinds of them that are traced.

Owns that choice, once a process. Invariant: without tracing there is nothing on the path of a
message to ask whether there is any.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exchange.acceptance.accept import Acceptance
from exchange.delivery.asking import Asking
from exchange.delivery.pushing import Pushing
from exchange.delivery.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Makers:
    """One for each part that a span is told of; called as the part itself is."""

    acceptance: Callable[..., Acceptance] = Acceptance
    waiting: Callable[..., Waiting] = Waiting
    asking: Callable[..., Asking] = Asking
    pushing: Callable[..., Pushing] = Pushing
