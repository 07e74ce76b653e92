"""How a message stands, as its parties are shown it: state, timeline, the last attempt.

Owns the document of ``GET /v1/messages/{id}``, made from rows alone. Refuses to be proof: the
receipts are that. A moment that only the log knows (a confirmation, a dead letter without an
attempt) is left out rather than guessed.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from exchange.api.attempts import last_attempt, last_attempt_step
from exchange.api.context import Api
from exchange.storage.rows import (
    DeliveryState,
    ExchangeState,
    StepRow,
    StoredDelivery,
    StoredExchange,
    StoredMessage,
)
from signing.encoding import format_time
from signing.identifiers import MessageId

_ANSWER_KINDS: Final = {
    ExchangeState.ANSWERED: "response",
    ExchangeState.REJECTED: "rejection",
}

_DETAILS: Final = {"interim": "status", "acknowledged": "says"}
"""What a line calls its detail, where it isn't the reason."""

Line = dict[str, Any]


def message_id_of(id_: bytes) -> MessageId:
    """A message id from its 16 bytes."""
    return MessageId(str(uuid.UUID(bytes=id_)))


def _line(step: StepRow) -> Line:
    line: Line = {"at": format_time(step.at_ms), "code": step.code}
    if step.attempt is not None:
        line["attempt"] = step.attempt
    if step.next_at_ms is not None:
        line["next_at"] = format_time(step.next_at_ms)
    if step.detail is not None:
        line[_DETAILS.get(step.code, "reason")] = step.detail
    if step.message is not None:
        line["id"] = message_id_of(step.message)
    return line


async def state_document(api: Api, message: StoredMessage) -> Line:
    """The document about one message.

    Raises:
        StoredInvalid: its envelope was erased.
    """
    manifest = api.opened.envelope(message).manifest
    document: Line = {
        "id": manifest.id,
        "kind": manifest.kind,
        "state": "accepted",
        "from": manifest.sender,
        "to": manifest.to,
        "service": manifest.service,
        "accepted_at": format_time(message.accepted_at_ms),
    }
    if manifest.about is not None:
        document["about"] = manifest.about.id
    timeline = [{"at": document["accepted_at"], "code": "accepted"}]
    exchange = await api.reads.exchange(message.id)
    if exchange is None:
        return {**document, "stuck": False, "timeline": timeline}
    steps = await api.reads.steps(message.id)
    deliveries = await api.reads.deliveries(message.id)
    document["state"] = exchange.state.value
    document["answer_by"] = format_time(exchange.answer_by_ms)
    ends = await _ends(api, exchange)
    if ends.answer is not None:
        document["answer"] = ends.answer
    document["stuck"] = is_stuck(exchange, deliveries)
    if (attempt := last_attempt(steps)) is not None:
        document["last_attempt"] = attempt
    if (told := last_interim(steps)) is not None:
        document["interim"] = told
    lines = [*timeline, *map(_line, steps), *_delivery_lines(exchange, deliveries, steps)]
    return {**document, "timeline": [*lines, *ends.lines]}


def last_interim(steps: Sequence[StepRow]) -> Line | None:
    """``{at, status, id}`` of the provider's last word before its answer, or None."""
    for step in reversed(steps):
        if step.code == "interim":
            return {name: value for name, value in _line(step).items() if name != "code"}
    return None


def is_stuck(exchange: StoredExchange, deliveries: Sequence[StoredDelivery]) -> bool:
    """Whether nobody tries any more and the exchange is still open: a person must look."""
    is_dead = any(one.state is DeliveryState.DEAD for one in deliveries)
    return exchange.state is ExchangeState.OPEN and is_dead


def _delivery_lines(
    exchange: StoredExchange, deliveries: Sequence[StoredDelivery], steps: Sequence[StepRow]
) -> list[Line]:
    lines: list[Line] = []
    for one in deliveries:
        if one.state is DeliveryState.DEAD:
            attempt = last_attempt_step(steps)
            at = {} if attempt is None else {"at": format_time(attempt.at_ms)}
            lines.append({**at, "code": "dead", "cause": one.cause, "attempt": one.attempt})
        elif one.state is DeliveryState.DONE and exchange.answer is None:
            lines.append({"code": "delivered", "attempt": one.attempt})
    return lines


class _Ends:
    """How an exchange ended: the answer's name, and the last line of the timeline."""

    __slots__ = ("answer", "lines")

    def __init__(self, answer: Line | None, lines: list[Line]) -> None:
        self.answer = answer
        self.lines = lines


async def _ends(api: Api, exchange: StoredExchange) -> _Ends:
    if exchange.state is ExchangeState.OPEN:
        return _Ends(None, [])
    if exchange.state is ExchangeState.CANCELLED:
        return _Ends(None, [])  # its line is a step: it names the message that cancelled it
    code = exchange.state.value
    if exchange.answer is None:
        # An exchange expires when no answer counts any more; it is written off a little later.
        at_ms = exchange.answer_by_ms if exchange.state is ExchangeState.EXPIRED else None
        at = {} if at_ms is None else {"at": format_time(at_ms)}
        return _Ends(None, [{**at, "code": code}])
    answer = await api.reads.message(exchange.answer)
    assert answer is not None, "an exchange names an answer that is not there"
    named = {"id": message_id_of(exchange.answer), "kind": _ANSWER_KINDS[exchange.state]}
    return _Ends(named, [{"at": format_time(answer.accepted_at_ms), "code": code}])
