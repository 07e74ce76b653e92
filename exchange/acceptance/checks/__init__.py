"""The checks, one file each, and the one list that orders them (wire.md, *Errors*).

A check takes an `Arrival`, may note on it what it found, and raises the error of its refusal.
`ON_SENDER` comes before the question whether the message was accepted before; `ON_MESSAGE` after
it; `ON_PARTS` needs the parts, which aren't read until all others have passed.
"""

from collections.abc import Callable

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.checks.binding import check_binding
from exchange.acceptance.checks.kind import check_kind
from exchange.acceptance.checks.payload import check_body_type
from exchange.acceptance.checks.right import check_recipient
from exchange.acceptance.checks.sender import check_certificate, check_names
from exchange.acceptance.checks.standing import check_sender_standing
from exchange.acceptance.checks.times import check_times

Check = Callable[[Arrival], None]

ON_SENDER: tuple[Check, ...] = (check_certificate, check_names, check_sender_standing)
ON_MESSAGE: tuple[Check, ...] = (
    check_times, check_kind, check_binding, check_recipient, check_body_type,
)  # fmt: skip

__all__ = ["ON_MESSAGE", "ON_SENDER", "Check"]
