"""What a caller prefers: to wait (RFC 7240), and in which form an answer comes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from exchange.api.asgi import Headers
from exchange.api.context import Api
from exchange.api.errors import RateExceeded
from signing.message import DELIVERY_TYPE

_WAIT: Final = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)
_DELIVERY: Final = DELIVERY_TYPE.encode("ascii")
_NO_DELIVERY: Final = re.compile(
    re.escape(_DELIVERY) + rb"\s*(?:;[^,;]*)*;\s*q=0(?:\.0{0,3})?\s*(?:$|[,;])"
)


def wait_s(headers: Headers) -> int | None:
    """The seconds of ``Prefer: wait=N``; None without it, or when it can't be read.

    A preference is no demand: the caller gets at most the bus's own limit.
    """
    prefer = headers.text(b"prefer")
    if prefer is None:
        return None
    match = _WAIT.search(prefer)
    return None if match is None else int(match[1])


def accepts_delivery(headers: Headers) -> bool:
    """Whether an answer may come in the delivery form; ``q=0`` is a no (RFC 9110, 12.4.2)."""
    accept = (headers.get(b"accept") or b"").lower()
    return _DELIVERY in accept and _NO_DELIVERY.search(accept) is None


@contextmanager
def long_poll(api: Api, caller: str) -> Iterator[None]:
    """Count one waiting call of a system, or of a person by ``person:<id>``, while it waits.

    Raises:
        RateExceeded: as many wait already as may.
    """
    waiting = api.long_polls.get(caller, 0)
    if waiting >= api.limits.long_polls_per_system:
        raise RateExceeded(f"{waiting} calls of this caller are waiting already.")
    api.long_polls[caller] = waiting + 1
    try:
        yield
    finally:
        left = api.long_polls[caller] - 1
        if left:
            api.long_polls[caller] = left
        else:
            del api.long_polls[caller]
