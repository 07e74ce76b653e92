"""What the bus is told of a committed entry: a dispatch, a wake-up, a copy of a dead letter.

Owns the way from an outcome of the ledger to records. Refuses to own sending them: that is the
relay's.
"""

from typing import Final
from uuid import UUID

from exchange.acceptance.accept import Taken
from exchange.acceptance.sealing import collects
from exchange.acceptance.stored import OpenedEnvelope, OpenedMessage
from exchange.bus.port import BusRecord, DeadLetter, Dispatch, Signal, SignalKind
from exchange.delivery.jobs import Job
from exchange.ledger.entries import Placed, RecordEntry
from exchange.ledger.group_commit import Submission
from exchange.storage.rows import DeliveryState, StoredMessage
from signing.identifiers import MessageId, ServiceCode, SystemId
from signing.manifest import ANSWERS


def directory_signal(version: int) -> BusRecord:
    """The directory has reached ``version``: whoever is behind reads log 0."""
    return BusRecord.signal(Signal(SignalKind.DIRECTORY, version=version))


PROBE: Final = directory_signal(0)
"""A record that is news to nobody; whether it is acknowledged tells whether a cluster is back."""


def announced(submission: Submission, place: Placed) -> list[BusRecord]:
    """What the bus is told of one entry that has its place in a log."""
    if isinstance(submission.payload, Taken):
        return records_of(submission.payload, place)
    if isinstance(submission.entry, RecordEntry):
        return _stated(submission.entry, place)
    return []


def records_of(taken: Taken, place: Placed) -> list[BusRecord]:
    """What the bus is told of one accepted message; nothing of what a sweep takes anyway."""
    envelope, parts = taken.arrival.envelope, taken.parts
    manifest, size = envelope.manifest, parts.size_bytes
    if manifest.kind in ANSWERS and manifest.about is not None:
        signal = Signal(
            SignalKind.ANSWERED,
            manifest.about.id,
            manifest.to,
            payload=OpenedMessage(envelope.raw, manifest, envelope.digest, parts, place),
            payload_bytes=size,
            traceparent=manifest.traceparent,
        )
        return [BusRecord.signal(signal), *_collected(taken)]
    if manifest.kind == "cancel" and manifest.about is not None:
        return [BusRecord.signal(Signal(SignalKind.ANSWERED, manifest.about.id, manifest.sender))]
    right = taken.arrival.right
    if right is None or manifest.to is None:
        return []
    recipient = SystemId(manifest.to)
    if right.delivery.kind == "mailbox":
        return [BusRecord.signal(Signal(SignalKind.MAILBOX, None, recipient, manifest.service))]
    if taken.is_due:
        return []
    message = OpenedMessage(envelope.raw, manifest, envelope.digest, parts, place)
    dispatch = Dispatch(
        manifest.id,
        recipient,
        manifest.kind,
        place.shard,
        place.index,
        place.at_ms,
        manifest.service,
        taken.answer_by_ms,
        payload=Job(message, 1, 0, interrupted=False, answer_by_ms=taken.answer_by_ms),
        payload_bytes=size,
        traceparent=manifest.traceparent,
    )
    return [BusRecord.dispatch(dispatch)]


def _collected(taken: Taken) -> list[BusRecord]:
    """The wake-up of a consumer that collects answers from its mailbox."""
    manifest = taken.arrival.envelope.manifest
    if manifest.to is None or not collects(taken.arrival, manifest.to):
        return []
    return [BusRecord.signal(Signal(SignalKind.MAILBOX, None, manifest.to, manifest.service))]


def _stated(entry: RecordEntry, place: Placed) -> list[BusRecord]:
    """What the bus is told of its own statements: an exchange that ended, a delivery given up."""
    if entry.end is not None:
        signal = Signal(SignalKind.ANSWERED, _message_id(entry.end.id))
        return [BusRecord.signal(signal)]
    if entry.kill is not None:
        kill, service = entry.kill, entry.leaf.svc
        letter = DeadLetter(
            _message_id(kill.id),
            kill.recipient,
            None if service is None else ServiceCode(service),
            kill.cause,
            place.at_ms,
        )
        return [BusRecord.dead(letter)]
    if entry.settle is not None and entry.settle.state is DeliveryState.READY:
        service = None if entry.leaf.svc is None else ServiceCode(entry.leaf.svc)
        signal = Signal(SignalKind.MAILBOX, None, entry.settle.recipient, service)
        return [BusRecord.signal(signal)]
    return []


def dispatch_of(stored: StoredMessage, opened: OpenedEnvelope) -> BusRecord | None:
    """The dispatch of a stored request, without payload; None for what nobody is handed."""
    manifest = opened.manifest
    if manifest.to is None or manifest.kind != "request":
        return None
    return BusRecord.dispatch(
        Dispatch(
            manifest.id,
            SystemId(manifest.to),
            manifest.kind,
            stored.shard,
            stored.index,
            stored.accepted_at_ms,
            manifest.service,
            traceparent=manifest.traceparent,
        )
    )


def _message_id(id_: bytes) -> MessageId:
    return MessageId(str(UUID(bytes=id_)))
