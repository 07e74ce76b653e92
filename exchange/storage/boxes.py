"""What waits in mailboxes: which of them is meant, what an answer adds, how many there are.

Plain frozen data, part of what crosses the storage port.
"""

from dataclasses import dataclass

from signing.identifiers import ServiceCode, SystemId
from signing.values import value_type

Box = tuple[SystemId, ServiceCode | None]
"""Requests that wait for a system's service; without a service, answers that wait for it."""


@value_type
class NewDelivery:
    """An answer to put into its consumer's mailbox."""

    id: bytes
    recipient: SystemId
    service: ServiceCode
    due_at_ms: int
    kind: str


@dataclass(frozen=True, slots=True)
class MailboxDepth:
    """One service's mailbox, counted."""

    service: ServiceCode
    waiting: int
    leased: int
    dead: int
    oldest_at_ms: int | None
    kind: str = "request"
    """What waits there: requests, or answers of one kind."""
