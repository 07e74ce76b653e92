"""The relay: after a group's commit, hand what it committed to the bus.

In memory and pipelined; on the embedded bus nothing is read back. What is lost on the way is
found by a sweep.
"""

import asyncio
from collections.abc import Sequence

import structlog

from exchange.acceptance.accept import Taken
from exchange.acceptance.stored import OpenedMessage
from exchange.bus.port import BusError, BusRecord, Dispatch, MessageBus, Signal, SignalKind
from exchange.delivery.jobs import Job
from exchange.ledger.entries import Outcome, Placed
from exchange.ledger.group_commit import Submission
from signing.identifiers import SystemId
from signing.manifest import ANSWERS

log = structlog.get_logger()


class Relay:
    """Publishes committed groups, in their order."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._batches: asyncio.Queue[list[BusRecord] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start publishing."""
        self._task = asyncio.create_task(self._run(), name="relay")

    async def stop(self) -> None:
        """Publish what has committed, then end."""
        self._batches.put_nowait(None)
        if self._task is not None:
            await self._task

    def committed(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        """Take a committed group; never blocks."""
        records = [
            record
            for submission, outcome in pairs
            if isinstance(outcome, Placed) and isinstance(submission.payload, Taken)
            for record in records_of(submission.payload, outcome)
        ]
        if records:
            self._batches.put_nowait(records)

    async def _run(self) -> None:
        while (batch := await self._batches.get()) is not None:
            try:
                await self._bus.publish(batch)
            except BusError as error:
                log.warning("relay.lost", records=len(batch), code=error.code)


def records_of(taken: Taken, place: Placed) -> list[BusRecord]:
    """What the bus is told of one accepted message."""
    envelope, parts = taken.arrival.envelope, taken.parts
    manifest, size = envelope.manifest, parts.size_bytes
    message = OpenedMessage(envelope.raw, manifest, envelope.digest, parts, place)
    if manifest.kind in ANSWERS and manifest.about is not None:
        return [
            BusRecord.signal(
                Signal(
                    SignalKind.ANSWERED,
                    manifest.about.id,
                    manifest.to,
                    payload=message,
                    payload_bytes=size,
                    traceparent=manifest.traceparent,
                )
            )
        ]
    right = taken.arrival.right
    if right is None or manifest.to is None:
        return []
    recipient = SystemId(manifest.to)
    if right.delivery.kind == "mailbox":
        signal = Signal(SignalKind.MAILBOX, None, recipient, manifest.service)
        return [BusRecord.signal(signal)]
    dispatch = Dispatch(
        manifest.id,
        recipient,
        manifest.kind,
        place.shard,
        place.index,
        place.at_ms,
        manifest.service,
        payload=Job(message, attempt=1, misbehaved=0, interrupted=False),
        payload_bytes=size,
        traceparent=manifest.traceparent,
    )
    return [BusRecord.dispatch(dispatch)]
