"""Confluent's errors: ``{"error_code", "message"}`` under its numbers.

Owns the one way from any error to such a body. As in problem documents, only what our errors say of
themselves is told; anything else is logged by type and leaves as a number.
"""

from collections.abc import Mapping
from typing import Final

import orjson
import structlog

from exchange.api.confluent.wording import confluent_reply
from exchange.api.context import Api
from exchange.api.errors import RequestInvalid
from exchange.api.problems import PROBLEMS
from exchange.api.replies import RETRY_AFTER_S, HeaderLine, Reply
from registry.errors import SchemaIncompatible, SchemaInUse, SchemaUndecided
from signing.errors import SealwayError

log = structlog.get_logger()

NO_SUBJECT: Final = 40401
NO_VERSION: Final = 40402
NO_SCHEMA: Final = 40403
SUBJECT_DELETED: Final = 40404
NO_SUBJECT_LEVEL: Final = 40408
INVALID_SCHEMA: Final = 42201
INVALID_VERSION: Final = 42202
INVALID_LEVEL: Final = 42203
NOT_PERMITTED: Final = 42205
IN_USE: Final = 42206
INVALID_SUBJECT: Final = 42208
INCOMPATIBLE: Final = 409
FORBIDDEN: Final = 40301
TOO_MANY: Final = 42901
STORE_FAILED: Final = 50001

_INSTANCE_CHARS_MAX: Final = 500  # the whole report is at /v1; this is one line of a client's log


class Told(RequestInvalid):
    """What Confluent has a number for; the status is the number's first three digits."""

    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code


_BY_CODE: Final[Mapping[str, int]] = {
    "request-invalid": INVALID_SCHEMA,
    "conflict": NOT_PERMITTED,
    "schema-unknown": INVALID_SCHEMA,
    "role-missing": FORBIDDEN,
    "rate-exceeded": TOO_MANY,
}
"""Our codes that Confluent has a number for; others go by their status."""


def error_reply(api: Api, error: Exception, trace_id: str) -> Reply:
    """The body, status and headers that an error leaves as; it is counted like any other."""
    code, number, message = _numbered(error, trace_id)
    api.problems[code] += 1
    status = number if number < 1_000 else number // 100
    if status == 500:
        status = PROBLEMS[code].status  # 503 where it passes by itself: clients try again
    headers: list[HeaderLine] = []
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer, Basic realm="sealway"'))
    if (retry_after := RETRY_AFTER_S.get(code)) is not None:
        headers.append((b"retry-after", retry_after))
    return confluent_reply({"error_code": number, "message": message}, status, headers)


def _numbered(error: Exception, trace_id: str) -> tuple[str, int, str]:
    """Our code, Confluent's number, and a sentence for strangers."""
    if isinstance(error, Told):
        return error.code, error.error_code, error.detail
    if not isinstance(error, SealwayError) or error.code not in PROBLEMS:
        log.error("api.failed", error=type(error).__name__, trace_id=trace_id)
        return "internal", STORE_FAILED, f"Error in the registry; its log has trace {trace_id}."
    if isinstance(error, RequestInvalid):
        return error.code, 400, error.detail
    if isinstance(error, SchemaIncompatible):
        return error.code, INCOMPATIBLE, _told_of("This schema would break a reader", error.report)
    if isinstance(error, SchemaUndecided):
        said = (
            "Nobody can tell whether this schema would break a reader; a person may decide at /v1"
        )
        return error.code, INCOMPATIBLE, _told_of(said, error.report)
    if isinstance(error, SchemaInUse):
        return error.code, IN_USE, error.detail
    status = PROBLEMS[error.code].status
    if status >= 500:
        log.warning("api.refused", code=error.code, trace_id=trace_id)
        return error.code, STORE_FAILED, error.detail
    return error.code, _BY_CODE.get(error.code, status), error.detail


def _told_of(said: str, report: Mapping[str, object]) -> str:
    """A sentence, and those of the report's findings that are no yes."""
    return " ".join([f"{said} ({report['level']}, {report['policy']}).", *messages_of(report)])


def messages_of(report: Mapping[str, object]) -> list[str]:
    """One sentence for each reading that is no yes, with the instance that shows a no."""
    findings = report["findings"]
    assert isinstance(findings, list)
    return [_sentence(one) for one in findings if one["answer"] != "yes"]


def _sentence(finding: Mapping[str, object]) -> str:
    where = f"{finding['direction']}, version {finding['version']}"
    witness = finding.get("witness")
    if not isinstance(witness, Mapping):
        return f"{where}: {finding['answer']}. {finding['reason']}"
    instance = str(orjson.dumps(witness["instance"]), "utf-8")[:_INSTANCE_CHARS_MAX]
    return f"{where}: {finding['answer']}. {witness['sentence']} Instance: {instance}"
