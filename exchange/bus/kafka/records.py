"""Records as Kafka carries them: CloudEvents 1.0 in binary mode, all of the meaning in headers.

Whoever looks at a topic with a console consumer sees what each record is about: kind, parties,
service, place in the log, never a word of content. Headers are what every process could read in
its own database, so nobody trusts them: they say where to look.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from exchange.bus.kafka.sealing import Header
from exchange.bus.port import (
    Body,
    BusRecord,
    DeadLetter,
    Dispatch,
    Signal,
    SignalKind,
    Topic,
)
from signing.encoding import format_time, parse_time
from signing.errors import SealwayError
from signing.identifiers import parse_message_id, parse_service_code, parse_system_id
from signing.manifest import KINDS

CONTENT_TYPE: Final = b"application/vnd.sealway.sealed"
DELIVER_TYPE: Final = "sealway.deliver."
SIGNAL_TYPE: Final = "sealway.signal."
DEAD_TYPE: Final = "sealway.dead.delivery"


def headers_of(record: BusRecord, source: str) -> list[Header]:
    """The headers of a record; ``source`` is the bus's name.

    A dispatch's ``ce_id`` is its message's, so that a repeat is the same event to everybody.
    """
    body = record.body
    common = [("ce_specversion", b"1.0"), ("ce_source", source.encode())]
    own = _own(body)
    if body.traceparent is not None:
        own["traceparent"] = body.traceparent
    headers = common + [(name, value.encode()) for name, value in own.items()]
    if body.payload is not None:
        headers.append(("content-type", CONTENT_TYPE))
    return headers


def _own(body: Body) -> dict[str, str]:
    if isinstance(body, Dispatch):
        return _dispatched(body)
    return _signalled(body) if isinstance(body, Signal) else _buried(body)


def _dispatched(body: Dispatch) -> dict[str, str]:
    fields = {
        "ce_id": body.message_id,
        "ce_type": DELIVER_TYPE + body.kind,
        "ce_subject": _subject(body.recipient, body.service),
        "ce_time": format_time(body.accepted_at_ms),
        "ce_recipient": body.recipient,
        "ce_shard": str(body.shard),
        "ce_index": str(body.index),
    }
    if body.service is not None:
        fields["ce_service"] = body.service
    if body.answer_by_ms is not None:
        fields["ce_answerby"] = format_time(body.answer_by_ms)
    return fields


def _buried(body: DeadLetter) -> dict[str, str]:
    fields = {
        "ce_id": body.message_id,
        "ce_type": DEAD_TYPE,
        "ce_subject": _subject(body.recipient, body.service),
        "ce_time": format_time(body.at_ms),
        "ce_recipient": body.recipient,
        "ce_cause": body.cause,
    }
    return fields if body.service is None else {**fields, "ce_service": body.service}


def _signalled(body: Signal) -> dict[str, str]:
    fields = {"ce_id": os.urandom(16).hex(), "ce_type": SIGNAL_TYPE + body.kind}
    optional = {
        "ce_subject": body.recipient and _subject(body.recipient, body.service),
        "ce_message": body.message_id,
        "ce_recipient": body.recipient,
        "ce_service": body.service,
        "ce_version": None if body.version is None else str(body.version),
    }
    fields.update((name, value) for name, value in optional.items() if value is not None)
    return fields


def _subject(recipient: str, service: str | None) -> str:
    return recipient if service is None else f"{recipient}/{service}"


def parse_record(topic: Topic, key: bytes | None, headers: Sequence[Header]) -> BusRecord | None:
    """The record that headers tell of, without payload; None when it is none of ours."""
    try:
        fields = {name: value.decode("ascii") for name, value in headers}
        if fields.get("ce_specversion") != "1.0":
            return None
        return BusRecord(topic, (key or b"").decode(), _PARSERS[topic](fields))
    except (SealwayError, ValueError, KeyError):
        return None


def _dispatch(fields: dict[str, str]) -> Dispatch:
    kind = fields["ce_type"].removeprefix(DELIVER_TYPE)
    if kind not in KINDS:
        raise ValueError(kind)
    service, by = fields.get("ce_service"), fields.get("ce_answerby")
    return Dispatch(
        message_id=parse_message_id(fields["ce_id"]),
        recipient=parse_system_id(fields["ce_recipient"]),
        kind=kind,
        shard=int(fields["ce_shard"]),
        index=int(fields["ce_index"]),
        accepted_at_ms=parse_time(fields["ce_time"]),
        service=None if service is None else parse_service_code(service),
        answer_by_ms=None if by is None else parse_time(by),
        traceparent=fields.get("traceparent"),
    )


def _signal(fields: dict[str, str]) -> Signal:
    message, recipient = fields.get("ce_message"), fields.get("ce_recipient")
    service, version = fields.get("ce_service"), fields.get("ce_version")
    return Signal(
        kind=SignalKind(fields["ce_type"].removeprefix(SIGNAL_TYPE)),
        message_id=None if message is None else parse_message_id(message),
        recipient=None if recipient is None else parse_system_id(recipient),
        service=None if service is None else parse_service_code(service),
        version=None if version is None else int(version),
        traceparent=fields.get("traceparent"),
    )


def _dead(fields: dict[str, str]) -> DeadLetter:
    service = fields.get("ce_service")
    return DeadLetter(
        message_id=parse_message_id(fields["ce_id"]),
        recipient=parse_system_id(fields["ce_recipient"]),
        service=None if service is None else parse_service_code(service),
        cause=fields["ce_cause"],
        at_ms=parse_time(fields["ce_time"]),
        traceparent=fields.get("traceparent"),
    )


_PARSERS: Final[Mapping[Topic, Callable[[dict[str, str]], Body]]] = {
    Topic.DELIVER: _dispatch,
    Topic.SIGNAL: _signal,
    Topic.DEAD: _dead,
}
