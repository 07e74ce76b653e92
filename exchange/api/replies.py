"""What leaves: a reply as status, headers and bytes, and the problem document of any error.

Owns the one way from an error to RFC 9457. Refuses to tell anything but what the problem table
and the error's ``detail`` say: a code that isn't answered over HTTP leaves as ``internal``.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
import structlog

from exchange.acceptance.accept import Refused
from exchange.api.context import Api
from exchange.api.errors import MethodNotAllowed, RequestInvalid
from exchange.api.problems import MEDIA_TYPE, PROBLEMS, problem_bytes
from exchange.ledger.entries import Placed
from exchange.ledger.errors import MailboxFull, QuotaExceeded
from exchange.ledger.names import origin_of
from registry.errors import RegistryError, SchemaIncompatible, SchemaInUse, SchemaUndecided
from schemas.errors import PayloadInvalid
from signing.errors import SealwayError

log = structlog.get_logger()

HeaderLine = tuple[bytes, bytes]
Reply = tuple[int, list[HeaderLine], bytes]
"""Status, headers without the content's length, body."""

JSON_TYPE: Final = (b"content-type", b"application/json")
_PROBLEM_TYPE: Final = (b"content-type", MEDIA_TYPE.encode())

RETRY_AFTER_S: Final[Mapping[str, bytes]] = {
    "answer-not-yet": b"1",
    "rate-exceeded": b"1",
    "quota-exceeded": b"5",
    "mailbox-full": b"5",
    "log-unavailable": b"2",
    "bus-backlogged": b"2",
    "outcome-unknown": b"1",
    "not-ready": b"2",
    "anchoring-late": b"60",
    "anchor-not-yet": b"60",
}
"""Seconds until the same bytes have a chance: a moment for what passes by itself, longer for
what somebody must first collect."""

_CLOSING: Final = frozenset({"client-too-slow", "body-too-large"})
"""Refused with a body still on its way: the connection can't be used again."""


def json_reply(document: Any, status: int = 200, headers: Iterable[HeaderLine] = ()) -> Reply:
    """A document as JSON."""
    return status, [JSON_TYPE, *headers], orjson.dumps(document)


def problem_reply(
    api: Api,
    error: Exception | tuple[str, str],
    *,
    trace_id: str,
    instance: str | None = None,
    extra: Mapping[str, Any] | None = None,
    headers: Iterable[HeaderLine] = (),
) -> Reply:
    """The problem that an error leaves as.

    ``error`` is one of ours, a `Refused` (its place in the log is told), a pair of code and
    detail, or anything else: then it is logged by type alone and leaves as ``internal``.
    """
    refusal = None
    if isinstance(error, Refused):
        refusal, error = _refusal(api, error.place), error.error
    code, detail = error if isinstance(error, tuple) else _told(error, trace_id)
    api.problems[code] += 1
    members = {} if isinstance(error, tuple) else _members(error)
    lines = [_PROBLEM_TYPE, *headers]
    if (retry_after := RETRY_AFTER_S.get(code)) is not None:
        lines.append((b"retry-after", retry_after))
    if code in _CLOSING:
        lines.append((b"connection", b"close"))
    if PROBLEMS[code].status == 401:
        lines.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, MethodNotAllowed):
        lines.append((b"allow", error.allow.encode("ascii")))
    body = problem_bytes(
        code,
        detail,
        base_url=api.public_url,
        instance=instance,
        trace_id=trace_id,
        refusal=refusal,
        extra={**members, **(extra or {})},
    )
    return PROBLEMS[code].status, lines, body


def _told(error: Exception, trace_id: str) -> tuple[str, str]:
    """Code and detail for strangers; what they must not see goes to the log."""
    if isinstance(error, SealwayError) and error.code in PROBLEMS and error.code != "internal":
        if PROBLEMS[error.code].status >= 500:
            log.warning("api.refused", code=error.code, trace_id=trace_id)
        return error.code, error.detail
    log.error("api.failed", error=type(error).__name__, trace_id=trace_id)
    return "internal", "The cause is in the bus's own log, under this trace_id."


def _refusal(api: Api, place: Placed | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"log": origin_of(api.bus, place.shard), "index": place.index}


def _members(error: Exception) -> dict[str, Any]:
    """The members that an error adds to its document."""
    if isinstance(error, PayloadInvalid):
        return {"errors": [dataclasses.asdict(one) for one in error.errors]}
    if isinstance(error, RequestInvalid) and error.pointers:
        return {"errors": [{"pointer": at, "message": text} for at, text in error.pointers]}
    if isinstance(error, QuotaExceeded | MailboxFull):
        return {"depth": error.depth}
    members: dict[str, Any] = {}
    if isinstance(error, RegistryError) and error.index is not None:
        members["index"] = error.index
    if isinstance(error, SchemaIncompatible | SchemaUndecided):
        members["report"] = error.report
    if isinstance(error, SchemaInUse):
        members["touched"] = error.touched
    return members
