"""A bus that writes past its own checks, with every key in its hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exchange.acceptance.arrival import Arrival, Terms
from exchange.acceptance.sealing import message_entry
from exchange.ledger.entries import MessageEntry
from exchange.operation.wiring import Bus
from registry.access import Right, check_right
from registry.changes import Change
from signing.at_rest import seal_content, seal_envelope
from signing.compose import Composed
from signing.envelope import verify_envelope
from signing.log.leaf import commit_to
from tests.support.recorded_bus import BUS, CONSUMER, FOUNDER, PROVIDER, SERVICE, now_ms


def entry_of(bus: Bus, composed: Composed, right: Right | None = None) -> MessageEntry:
    """An entry of the ledger that no check has seen, and that opens and ends nothing."""
    directory = bus.api.directory.current
    envelope = verify_envelope(composed.envelope, directory)
    arrival = Arrival(envelope, directory, now_ms(), Terms(BUS), right)
    entry = message_entry(arrival, composed.parts, bus.api.opened._epochs)
    return replace(entry, opens=None, ends=None)


async def write(bus: Bus, entry: Any) -> Any:
    """Commit it."""
    return await bus.committer.submit(entry, bus.api.directory.version)


def right_of(bus: Bus) -> Right:
    """The consumer's right to ask, now."""
    return check_right(
        bus.api.directory.current,
        CONSUMER,
        PROVIDER,
        SERVICE,
        purpose="child-benefit",
        now_ms=now_ms(),
    )


async def change(bus: Bus, noun: str, members: dict[str, Any]) -> None:
    """Change one object of the directory."""
    await bus.api.directory_log.change([Change(noun, members)], FOUNDER)


def resealed(bus: Bus, entry: MessageEntry, composed: Composed) -> MessageEntry:
    """The same entry over another envelope and content."""
    epochs = bus.api.opened._epochs
    sealed = seal_envelope(composed.envelope, entry.row.id, entry.leaf_salt, epochs)
    content = seal_content(composed.parts, entry.row.id, epochs)
    row = replace(
        entry.row,
        envelope=sealed.data,
        envelope_key=sealed.key,
        leaf_salt=sealed.leaf_salt,
        content=content.data,
        content_key=content.key,
    )
    leaf = replace(entry.leaf, env=commit_to(entry.leaf_salt, composed.envelope))
    return replace(entry, leaf=leaf, row=row)
