"""What the agent says no with: the bus's own problem documents, and a few of its own.

Owns the rows of what the agent itself finds; a refusal of the bus passes through as it came.
Refuses codes that the bus's table doesn't have: titles, statuses and pages are the same there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sealway.errors import BusUnavailable, ProofFailed, Refused, SdkError
from signing.errors import SealwayError

PROBLEM_TYPE: Final = "application/problem+json"
BAD_GATEWAY: Final = 502  # the bus said something that is no problem of its own


@dataclass(frozen=True, slots=True)
class Row:
    """What is the same each time that a code is said."""

    status: int
    title: str
    retryable: bool
    remedy: str


ROWS: Final[Mapping[str, Row]] = {
    "request-invalid": Row(
        422,
        "The request is not valid",
        False,
        "Send one strict JSON document in UTF-8, and headers as the how-to of the agent says.",
    ),
    "token-missing": Row(
        401,
        "This call needs a bearer token",
        False,
        "Send the token of `listen.token_file` as `Authorization: Bearer`.",
    ),
    "token-invalid": Row(
        401,
        "The bearer token is not valid for this call",
        False,
        "Send the very text of `listen.token_file`, without the line's end.",
    ),
    "not-allowed": Row(
        403,
        "Not allowed",
        False,
        "Call the agent by its own address, from a program and not from a web page.",
    ),
    "not-found": Row(
        404,
        "There is nothing here for you",
        False,
        "Ask at `/<instance>/<class>/<member>/<system>/<service>`, by POST.",
    ),
    "answer-not-yet": Row(
        404,
        "The provider has not answered yet",
        True,
        "Ask again, perhaps with `Prefer: wait=20`.",
    ),
    "method-not-allowed": Row(
        405,
        "This address does not take this method",
        False,
        "Use a method of the `Allow` header.",
    ),
    "client-too-slow": Row(
        408,
        "The request arrived too slowly",
        True,
        "Send the whole body at once; the limit is `limits.body_s_max`.",
    ),
    "body-too-large": Row(
        413,
        "The body is larger than this bus accepts",
        False,
        "Send less; the limit is `limits.body_bytes_max`.",
    ),
    "body-type-unsupported": Row(
        415,
        "This media type is not accepted here",
        False,
        "Send plain JSON as application/json. Messages come to the agent from the bus alone, with "
        "their receipt: send envelopes to the bus.",
    ),
    "rejected": Row(
        422,
        "The provider has rejected the request",
        False,
        "Read `rejection`: it is the provider's signed and final word.",
    ),
    "rate-exceeded": Row(
        429,
        "Too many requests in a short time",
        True,
        "Ask fewer questions at once; the limit is `limits.questions_max`.",
    ),
    "internal": Row(
        500,
        "Something went wrong inside the bus",
        True,
        "Look into the agent's log; tell its maintainers.",
    ),
    "proof-failed": Row(
        502,
        "What arrived is not proven",
        False,
        "The content was withheld on purpose. Keep the id; tell the operator and your auditor.",
    ),
    "bus-unavailable": Row(
        503,
        "The bus could not be reached",
        True,
        "Look at `/readyz`. Where the problem names an `exchange`, fetch its answer from there "
        "before you ask again: the question may have arrived.",
    ),
    "receipts-not-kept": Row(
        503,
        "Receipts can't be kept",
        True,
        "Make room in the folder of receipts, or give the agent the right to write there; then "
        "fetch the answer from `exchange`.",
    ),
    "not-ready": Row(
        503,
        "The bus does not accept messages now",
        True,
        "Read `reasons`; the agent goes on trying.",
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A status and a document to answer with."""

    status: int
    document: dict[str, Any]
    headers: Sequence[tuple[str, str]] = ()

    @property
    def body(self) -> bytes:
        """The document's bytes."""
        return json.dumps(self.document, ensure_ascii=True).encode()


def problem(
    pages: str, code: str, detail: str, headers: Sequence[tuple[str, str]] = (), **more: Any
) -> Problem:
    """One of the agent's own rows; `pages` is the address of the bus, which serves the pages."""
    row = ROWS[code]
    document = {
        "type": f"{pages}/problems/{code}",
        "title": row.title,
        "status": row.status,
        "code": code,
        "retryable": row.retryable,
        "detail": detail,
        "remedy": row.remedy,
        **{name: value for name, value in more.items() if value is not None},
    }
    retry = [("retry-after", "1")] if row.retryable else []
    return Problem(row.status, document, (*headers, *retry))


def problem_of(pages: str, error: SealwayError, exchange: str | None = None) -> Problem:
    """What an error of the SDK, or of ours, is to a local system."""
    if isinstance(error, Refused):
        return _of_the_bus(error, exchange)
    if isinstance(error, BusUnavailable):
        known = exchange if error.maybe_sent else None
        return problem(pages, "bus-unavailable", error.detail, exchange=known)
    if isinstance(error, ProofFailed):
        return problem(pages, "proof-failed", error.detail, exchange=exchange)
    if error.code in ROWS:
        return problem(pages, error.code, error.detail, exchange=exchange)
    assert not isinstance(error, SdkError), f"{error.code} has no row"
    return problem(pages, "request-invalid", error.detail)


def _of_the_bus(error: Refused, exchange: str | None) -> Problem:
    status = error.status if 400 <= error.status <= 599 else BAD_GATEWAY
    document = {
        "title": error.code,
        "retryable": error.retryable,
        "detail": error.detail,
        "remedy": error.remedy,
        **error.problem,
        "status": status,
        "code": error.code,
    }
    if exchange is not None:
        document["exchange"] = exchange
    return Problem(status, document)
