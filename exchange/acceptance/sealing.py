"""From a checked message to an entry of the ledger: sealed bytes, leaf, what it opens or ends."""

from exchange.acceptance.arrival import Arrival
from exchange.ledger.entries import LeafDraft, MessageEntry, RefusalEntry
from exchange.storage.boxes import NewDelivery
from exchange.storage.rows import (
    DeliveryState,
    EndExchange,
    ExchangeState,
    MessageRow,
    NewExchange,
    StepRow,
)
from registry.access import Right
from signing.at_rest import EpochKeys, seal_content, seal_envelope
from signing.encoding import b64url_decode, b64url_encode
from signing.identifiers import SystemId, message_id_bytes
from signing.log.leaf import LEAF_SALT_BYTES, commit_to
from signing.manifest import ANSWERS
from signing.message import Parts
from signing.randomness import random_bytes

_ENDS = {
    "response": ExchangeState.ANSWERED,
    "rejection": ExchangeState.REJECTED,
    "cancel": ExchangeState.CANCELLED,
}


def answer_by_ms(arrival: Arrival, right: Right) -> int:
    """Until when an answer is accepted: the service's deadline, or ``expires`` if sooner."""
    deadline = arrival.now_ms + right.service.deadline_s * 1000
    expires = arrival.envelope.manifest.expires_ms
    return deadline if expires is None else min(deadline, expires)


def message_entry(
    arrival: Arrival, parts: Parts, epochs: EpochKeys, grace_ms: int = 0
) -> MessageEntry:
    """The entry of a message that passed every check.

    ``grace_ms``: how long the bus has for its delivery, before a sweep takes it.
    """
    envelope = arrival.envelope
    manifest = envelope.manifest
    id_ = message_id_bytes(manifest.id)
    salt = random_bytes(LEAF_SALT_BYTES)
    sealed = seal_envelope(envelope.raw, id_, salt, epochs)
    content = seal_content(parts, id_, epochs)
    row = MessageRow(
        id_,
        manifest.sender,
        b64url_decode(envelope.digest),
        sealed.leaf_salt,
        sealed.data,
        sealed.key,
        content.data,
        content.key,
    )
    return MessageEntry(
        leaf_of(arrival, salt),
        salt,
        row,
        opened(arrival, id_, grace_ms),
        ended(arrival, id_),
        during(arrival),
        step_of(arrival, id_),
        delivered_to_consumer(arrival, id_),
    )


def leaf_of(arrival: Arrival, salt: bytes) -> LeafDraft:
    """The leaf of an accepted message."""
    manifest, request = arrival.envelope.manifest, arrival.request
    return LeafDraft(
        manifest.kind,
        commit_to(salt, arrival.envelope.raw),
        manifest.sender,
        manifest.to,
        manifest.service,
        arrival.right.grant.id if arrival.right else None,
        manifest.test,
        b64url_encode(request.leaf_hash) if request else None,
    )


def opened(arrival: Arrival, id_: bytes, grace_ms: int) -> NewExchange | None:
    """The exchange that a request opens, with its delivery."""
    right = arrival.right
    if right is None:
        return None
    boxed = right.delivery.kind == "mailbox"
    due_at_ms = arrival.now_ms + (0 if boxed else grace_ms)
    return NewExchange(
        id_,
        right.service.system,
        right.service.code,
        answer_by_ms(arrival, right),
        DeliveryState.READY if boxed else DeliveryState.QUEUED,
        due_at_ms,
        mailbox_max(arrival, arrival.envelope.manifest.to) if boxed else None,
        *_collecting(arrival),
    )


def collects(arrival: Arrival, system: str | None) -> bool:
    """Whether a system gets its answers in its mailbox, too."""
    found = arrival.directory.system(system) if system else None
    return found is not None and found.answers == "mailbox"


def _collecting(arrival: Arrival) -> tuple[SystemId | None, int]:
    """The consumer whose mailbox must have room for answers, and how many it may leave there."""
    sender = arrival.envelope.manifest.sender
    return (sender, mailbox_max(arrival, sender)) if collects(arrival, sender) else (None, 0)


def delivered_to_consumer(arrival: Arrival, id_: bytes) -> NewDelivery | None:
    """The delivery of an answer, for a consumer that collects; never refused for want of room."""
    manifest = arrival.envelope.manifest
    if manifest.kind not in ANSWERS or manifest.to is None or manifest.service is None:
        return None
    if not collects(arrival, manifest.to):
        return None
    return NewDelivery(id_, manifest.to, manifest.service, arrival.now_ms, manifest.kind)


def mailbox_max(arrival: Arrival, owner: str | None) -> int:
    """How many requests for one service, or answers, may wait in a system's mailbox."""
    system = arrival.directory.system(owner) if owner else None
    own = None if system is None else system.mailbox_max
    return arrival.terms.mailbox_max if own is None else own


def ended(arrival: Arrival, id_: bytes) -> EndExchange | None:
    """The exchange that an answer or a cancel ends; a cancel takes its delivery back."""
    manifest = arrival.envelope.manifest
    if manifest.about is None or manifest.kind not in _ENDS:
        return None
    about, state = message_id_bytes(manifest.about.id), _ENDS[manifest.kind]
    if state is ExchangeState.CANCELLED:
        return EndExchange(about, state, DeliveryState.WITHDRAWN)
    return EndExchange(about, state, DeliveryState.DONE, id_)


def during(arrival: Arrival) -> bytes | None:
    """The request of the open exchange that an interim is about."""
    about = arrival.envelope.manifest.about
    if about is None or arrival.envelope.manifest.kind != "interim":
        return None
    return message_id_bytes(about.id)


def step_of(arrival: Arrival, id_: bytes) -> StepRow | None:
    """The line of its request's timeline that an interim, a cancel or an acknowledgement is."""
    manifest = arrival.envelope.manifest
    if manifest.about is None or manifest.kind in ANSWERS:
        return None
    if manifest.kind == "acknowledgement":
        return _acknowledged(arrival, id_)
    code = "cancelled" if manifest.kind == "cancel" else manifest.kind
    about = message_id_bytes(manifest.about.id)
    return StepRow(about, arrival.now_ms, code, detail=manifest.status, message=id_)


def _acknowledged(arrival: Arrival, id_: bytes) -> StepRow:
    """A line of the request's timeline, whatever of its exchange is acknowledged."""
    manifest, request = arrival.envelope.manifest, arrival.request
    assert manifest.about is not None
    assert request is not None
    whole = request.manifest.about or manifest.about
    said = "accepted" if manifest.accepted else "not-accepted"
    return StepRow(
        message_id_bytes(whole.id), arrival.now_ms, "acknowledged", detail=said, message=id_
    )


def refusal_entry(arrival: Arrival, code: str, epochs: EpochKeys) -> RefusalEntry:
    """The entry of a refused message; its leaf names recipient and service only if registered."""
    envelope, manifest = arrival.envelope, arrival.envelope.manifest
    is_known = arrival.service is not None
    id_ = message_id_bytes(manifest.id)
    salt = random_bytes(LEAF_SALT_BYTES)
    sealed = seal_envelope(envelope.raw, id_, salt, epochs)
    leaf = LeafDraft(
        "refusal",
        commit_to(salt, envelope.raw),
        envelope.certificate.system,
        manifest.to if is_known else None,
        manifest.service if is_known else None,
        test=manifest.test,
    )
    return RefusalEntry(leaf, salt, id_, code, sealed.data, sealed.leaf_salt, sealed.key)
