"""What the bus itself states about deliveries: expired, dead, delivered, as entries of the log."""

from typing import Any

from exchange.acceptance.changes import Actor
from exchange.acceptance.record import Act, Parties, Recorder
from exchange.ledger.entries import RecordEntry
from exchange.storage.rows import (
    ConfirmDelivery,
    DeliveryState,
    EndExchange,
    ExchangeState,
    KillDelivery,
    SettleDead,
    StepRow,
    StoredDelivery,
)
from signing.encoding import b64url_encode
from signing.identifiers import SystemId, message_id_bytes
from signing.manifest import Manifest


def _parties(request: Manifest, leaf_hash: bytes) -> Parties:
    return Parties(
        request.sender, request.to, request.service, request.test, b64url_encode(leaf_hash)
    )


def _act(kind: str, request: Manifest, after: dict[str, Any] | None = None) -> Act:
    return Act(kind, f"exchange-{kind}", "exchange", request.id, after)


def expired_entry(
    recorder: Recorder, request: Manifest, leaf_hash: bytes, now_ms: int
) -> RecordEntry:
    """The exchange ended without an answer in time; skipped if it isn't open any more."""
    end = EndExchange(message_id_bytes(request.id), ExchangeState.EXPIRED, DeliveryState.EXPIRED)
    act = _act("expired", request)
    return recorder.traffic_entry(act, now_ms, _parties(request, leaf_hash), end=end)


def dead_entry(
    recorder: Recorder, request: Manifest, leaf_hash: bytes, cause: str, now_ms: int
) -> RecordEntry:
    """The delivery is given up and kept for a person; the exchange stays open, shown as stuck."""
    assert request.to is not None
    kill = KillDelivery(message_id_bytes(request.id), SystemId(request.to), cause)
    act = _act("dead", request, {"cause": cause})
    return recorder.traffic_entry(act, now_ms, _parties(request, leaf_hash), kill=kill)


def settled_entry(
    recorder: Recorder,
    request: Manifest,
    leaf_hash: bytes,
    dead: StoredDelivery,
    settle: SettleDead,
    actor: Actor,
    now_ms: int,
) -> RecordEntry:
    """What a person decided of a dead letter; skipped when it isn't one any more.

    Its leaf is of kind ``dead``, which moves no exchange; the record says which of the two it was.
    """
    code = "dropped" if settle.state is DeliveryState.WITHDRAWN else "redriven"
    after = {"cause": dead.cause, "attempt": dead.attempt}
    act = Act(
        "dead",
        f"dead-letter-{code}",
        "exchange",
        request.id,
        after,
        actor=actor.name,
        role=actor.role,
    )
    step = StepRow(dead.id, now_ms, code, dead.attempt, detail=dead.cause)
    parties = _parties(request, leaf_hash)
    return recorder.traffic_entry(act, now_ms, parties, settle=settle, step=step)


def delivered_entry(
    recorder: Recorder, request: Manifest, leaf_hash: bytes, attempt: int, now_ms: int
) -> RecordEntry:
    """The recipient confirmed its lease; skipped when another lease has begun."""
    assert request.to is not None
    confirm = ConfirmDelivery(message_id_bytes(request.id), SystemId(request.to), attempt)
    act = _act("delivered", request)
    return recorder.traffic_entry(act, now_ms, _parties(request, leaf_hash), confirm=confirm)
