"""How an answer is handed over: the same for who waited in POST and who fetches it later.

Owns the three forms (wire.md, *HTTP*): delivery form, frame, short form; and what an exchange
that ended without a response is told as. Refuses to decide who may have it: ask that before.
"""

from typing import Final

from exchange.acceptance.stored import OpenedMessage
from exchange.api.context import Api
from exchange.api.deprecation import used_lines
from exchange.api.replies import HeaderLine, Reply, problem_reply
from exchange.storage.rows import ExchangeState, StoredExchange
from signing.encoding import b64url_encode
from signing.identifiers import MessageId
from signing.message import DELIVERY_TYPE, FRAME_TYPE, encode_delivery

HEADER_ENVELOPE_BYTES_MAX: Final = 2_048  # proxies and clients drop longer fields of responses

UNTRUSTED: Final[tuple[HeaderLine, ...]] = (
    (b"content-security-policy", b"default-src 'none'; sandbox; frame-ancestors 'none'"),
    (b"content-disposition", b"attachment"),
)
"""For bytes that somebody else made: a browser saves them and runs nothing."""

_DELIVERY_TYPE: Final = (b"content-type", DELIVERY_TYPE.encode("ascii"))
_FRAME_TYPE: Final = (b"content-type", FRAME_TYPE.encode("ascii"))


async def delivery_form(api: Api, message: OpenedMessage) -> bytes:
    """A message with its receipt, as the bus hands messages over."""
    return encode_delivery(await api.receipts.receipt(message.place), message.frame)


async def delivery_reply(api: Api, message: OpenedMessage) -> Reply:
    """A message in the delivery form, as a reply."""
    return 200, [_DELIVERY_TYPE, *UNTRUSTED], await delivery_form(api, message)


async def answer_response(
    api: Api,
    answer: OpenedMessage,
    *,
    request_id: MessageId,
    accept_delivery: bool,
    trace_id: str,
    waited_s: int | None = None,
) -> Reply:
    """The answer to a request, in the form asked for; a rejection is a 422.

    ``waited_s`` is what a ``Prefer: wait`` was granted, told in ``Preference-Applied``.

    Raises:
        LogUnavailable, OutcomeUnknown: its receipt can't be signed now.
    """
    headers = _headers(request_id, answer.manifest.id, waited_s)
    headers += used_lines(api.directory.current, answer.manifest)
    rejected = answer.manifest.kind == "rejection"
    if accept_delivery:
        form = await delivery_form(api, answer)
        return 422 if rejected else 200, [_DELIVERY_TYPE, *UNTRUSTED, *headers], form
    if rejected:
        return _rejection(api, answer, request_id, trace_id, headers)
    parts = answer.parts.data
    if len(answer.envelope) > HEADER_ENVELOPE_BYTES_MAX or len(parts) != 1:
        return 200, [_FRAME_TYPE, *UNTRUSTED, *headers], answer.frame
    short = (
        (b"content-type", answer.manifest.parts[0].type.encode("ascii")),
        (b"sealway-envelope", answer.envelope),
        (b"sealway-salt", b64url_encode(answer.parts.salt).encode("ascii")),
    )
    return 200, [*short, *UNTRUSTED, *headers], parts[0]


def _headers(request_id: MessageId, answer_id: MessageId, waited_s: int | None) -> list[HeaderLine]:
    lines = [
        (b"location", f"/v1/messages/{request_id}".encode("ascii")),
        (b"link", f'</v1/messages/{answer_id}/receipt>; rel="receipt"'.encode("ascii")),
    ]
    if waited_s is not None:
        lines.append((b"preference-applied", b"wait=%d" % waited_s))
    return lines


def _rejection(
    api: Api,
    answer: OpenedMessage,
    request_id: MessageId,
    trace_id: str,
    headers: list[HeaderLine],
) -> Reply:
    extra = {
        "rejection": {"code": answer.manifest.reason},
        "envelope": answer.envelope.decode("ascii"),
        "salt": b64url_encode(answer.parts.salt),
        "parts": [b64url_encode(part) for part in answer.parts.data],
    }
    return problem_reply(
        api,
        ("rejected", f"The provider rejected it: {answer.manifest.reason}."),
        trace_id=trace_id,
        instance=f"/v1/messages/{request_id}",
        extra=extra,
        headers=headers,
    )


async def ended_response(
    api: Api,
    exchange: StoredExchange,
    *,
    request_id: MessageId,
    accept_delivery: bool,
    trace_id: str,
    waited_s: int | None = None,
) -> Reply | None:
    """What the consumer is told about an exchange that is over; None while it is open.

    Raises:
        StoredInvalid: the answer's content was erased.
        LogUnavailable, OutcomeUnknown: its receipt can't be signed now.
    """
    if exchange.state is ExchangeState.OPEN:
        return None
    if exchange.answer is not None:
        answer = await api.opened.message(exchange.answer)
        assert answer is not None, "an exchange names an answer that is not there"
        return await answer_response(
            api,
            answer,
            request_id=request_id,
            accept_delivery=accept_delivery,
            trace_id=trace_id,
            waited_s=waited_s,
        )
    return over_reply(api, exchange.state, request_id=request_id, trace_id=trace_id)


def over_reply(api: Api, state: ExchangeState, *, request_id: MessageId, trace_id: str) -> Reply:
    """The problem of an exchange that ended without an answer: expired, or cancelled."""
    if state is ExchangeState.CANCELLED:
        error = ("exchange-cancelled", "The consumer cancelled this exchange.")
    else:
        error = ("message-expired", "No answer was accepted before the exchange's time was over.")
    return problem_reply(api, error, trace_id=trace_id, instance=f"/v1/messages/{request_id}")
