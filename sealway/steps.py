"""Conversations with the bus as steps, without sockets.

A conversation is a generator: it yields a `Call` (send this and give me the reply) or a `Pause`,
and returns its result. Whoever owns a socket drives it; a synchronous and an asynchronous client
share every rule that way. A driver that cannot reach the bus throws `BusUnavailable` in.

Owns repeating: only calls that are harmless to repeat pass through `repeat`, and always with the
bytes of the first time.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from sealway.errors import BusUnavailable, ProofFailed, Refused
from signing.errors import JsonInvalid
from signing.strict_json import parse_json

PROBLEM_TYPE: Final = "application/problem+json"
FIRST_PAUSE_S: Final = 0.1  # a bus that restarts is back within a second or two
PAUSE_S_MAX: Final = 5.0  # long enough not to drum on a bus in trouble
FETCH_PAUSES_S: Final = (0.1, 0.4, 1.5)  # a connection that broke; a process that restarts
CALL_S_MAX: Final = 10.0  # how long a call that doesn't wait may take before it counts as lost
REPLY_BYTES_MAX: Final = 64 * 1024 * 1024  # a batch of leases in base64 with room to spare
JSON_DEPTH_MAX: Final = 64  # as for JSON parts
GRACE_S: Final = 5.0  # beyond `Prefer: wait`, for the reply itself to arrive


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call. `path` begins with `/`; `bearer` adds the profile's authentication."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float = CALL_S_MAX
    bearer: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after_s(self) -> float | None:
        """`Retry-After` in seconds, when it is a number."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isascii() and value.isdigit() else None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds before the next step."""

    seconds: float


log = logging.getLogger("sealway")

T = TypeVar("T")
Steps = Generator[Call | Pause, Reply | None, T]


class Clock(Protocol):
    """Both sorts of time, so that every rule can be tried at any moment."""

    def now_ms(self) -> int:
        """The wall clock, in milliseconds since 1970, UTC."""

    def elapsed_s(self) -> float:
        """A clock that only goes forward, in seconds."""


def once(call: Call) -> Steps[Reply]:
    """Make one call and give its reply, whatever its status.

    Raises:
        BusUnavailable: it could not be reached, or something in between answered for it.
    """
    reply = yield call
    assert reply is not None, "a driver answers a Call with a Reply"
    if reply.status >= 500 and reply.media_type != PROBLEM_TYPE:
        raise BusUnavailable(
            f"Something between here and the bus answered {reply.status}.", maybe_sent=True
        )
    return reply


def fetch(call: Call) -> Steps[Reply]:
    """As `once`, for a call that reads: tried again for two seconds while the bus is away."""
    for pause_s in FETCH_PAUSES_S:
        try:
            return (yield from once(call))
        except BusUnavailable as error:
            log.warning("%s again in %.1f s: %s", call.method, pause_s, error.code)
            yield Pause(pause_s)
    return (yield from once(call))


def repeat(make: Callable[[float], Call], clock: Clock, until_s: float) -> Steps[Reply]:
    """Make a call, again while the bus is away or says "send the same again", until `until_s`.

    `make` gets the seconds left; the bytes it sends must be the same every time. At least one
    call is made. The pauses double, with jitter, and never undercut `Retry-After`.

    Raises:
        BusUnavailable: not reached by then.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        failure: BusUnavailable | None = None
        reply: Reply | None = None
        try:
            reply = yield from once(make(max(until_s - clock.elapsed_s(), 0.0)))
        except BusUnavailable as error:
            failure = error
        if reply is not None and not _again(reply):
            return reply
        wait_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        if reply is not None and reply.retry_after_s is not None:
            wait_s = max(wait_s, reply.retry_after_s)
        if clock.elapsed_s() + wait_s >= until_s:
            if failure is not None:
                raise failure
            assert reply is not None
            return reply
        code = failure.code if failure is not None else f"status {reply.status}" if reply else ""
        log.warning("the same again in %.1f s: %s", wait_s, code)
        yield Pause(wait_s)
        pause_s = min(pause_s * 2, PAUSE_S_MAX)


def _again(reply: Reply) -> bool:
    return reply.status in (429, 500, 503) and problem_of(reply).retryable


def problem_of(reply: Reply) -> Refused:
    """A reply of status 400 or more as the exception to raise."""
    members: Any = None
    if reply.media_type == PROBLEM_TYPE:
        try:
            members = json_of(reply)
        except ProofFailed:
            members = None
    if not isinstance(members, dict):
        return Refused(
            "unexpected-reply",
            f"The bus answered {reply.status} without saying why.",
            remedy="Is the profile's url the bus's own, with no other service in its place?",
            status=reply.status,
        )
    detail = members.get("detail") or members.get("title") or ""
    return Refused(
        str(members.get("code", "unexpected-reply")),
        str(detail),
        remedy=str(members.get("remedy") or ""),
        retryable=members.get("retryable") is True,
        status=reply.status,
        problem=members,
    )


def json_of(reply: Reply) -> Any:
    """A reply's JSON, read as strictly as everything that is signed.

    Raises:
        ProofFailed: not strict JSON.
    """
    try:
        return parse_json(reply.body, depth_max=JSON_DEPTH_MAX, bytes_max=REPLY_BYTES_MAX)
    except JsonInvalid as error:
        raise ProofFailed(f"The bus's reply is not strict JSON: {error.detail}") from error


def object_of(reply: Reply) -> dict[str, Any]:
    """A successful reply's JSON object.

    Raises:
        Refused: the status is 400 or more.
        ProofFailed: not a JSON object.
    """
    if reply.status >= 400:
        raise problem_of(reply)
    members = json_of(reply)
    if not isinstance(members, dict):
        raise ProofFailed("The bus's reply is not a JSON object.")
    return members
