"""What the API works with: one object that wiring makes and every route takes."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from exchange.acceptance.accept import Acceptance
from exchange.acceptance.accesses import Accesses
from exchange.acceptance.changes import Actor, DirectoryLog
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.registration import Registration
from exchange.acceptance.sandbox import Sandbox
from exchange.acceptance.stored import OpenedMessages
from exchange.api.denials import Denials
from exchange.delivery.dead_letters import DeadLetters
from exchange.delivery.mailbox import Mailbox
from exchange.delivery.waiting import Waiting
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.log_writer import Clock
from exchange.ledger.logs import Logs
from exchange.ledger.receipts import Receipts
from exchange.storage.people import People
from exchange.storage.port import Reads
from exchange.witnessing.receipts import AnchoredReceipts
from exchange.witnessing.witnessing import Witnessing
from sealway.audit.selection import Selection
from sealway.verify.accesses import AccessFilter, Place


class FounderToken(Protocol):
    """The one token that `init` made."""

    def admits(self, token: str, now_ms: int) -> bool:
        """Whether this is the token, in constant time, and still good."""


class Accessed(Protocol):
    """Finds what people read and took away."""

    async def page(
        self, asked: AccessFilter, start: Place, limit: int
    ) -> tuple[list[dict[str, Any]], Place | None]:
        """At most ``limit`` lines from a place on, and the place to go on at; None: no more."""


class Exports(Protocol):
    """Makes evidence bundles."""

    async def export(
        self,
        selection: Selection,
        since_ms: int | None,
        until_ms: int | None,
        actor: Actor,
        reason: str | None,
        name: str,
        recipient: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Record an export, then give its bytes; nothing has left when it returns."""

    async def preview(
        self, selection: Selection, since_ms: int | None, until_ms: int | None
    ) -> dict[str, Any]:
        """What an export would take; nothing is recorded."""


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """The numbers that the API enforces; bytes and seconds."""

    body_bytes_max: int
    envelope_bytes_max: int
    part_bytes_max: int
    body_s_max: float
    wait_s_max: float
    mailbox_wait_s_max: float
    deliveries_max: int
    lease_s: int
    lease_s_max: int
    long_polls_per_system: int
    changes_max: int


@dataclass(frozen=True, slots=True)
class LogTold:
    """One log; 0 is the directory log in force, whatever its origin. No key: it isn't here."""

    n: int
    origin: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Api:
    """One bus, as its routes see it."""

    bus: str
    instance: str
    public_url: str
    limits: ApiLimits
    acceptance: Acceptance
    directory: DirectoryInForce
    directory_log: DirectoryLog
    reads: Reads
    opened: OpenedMessages
    receipts: Receipts
    logs: Logs
    tell_logs: Callable[[], Awaitable[list[LogTold]]]
    """Every log of the bus, as strangers are told."""
    waiting: Waiting
    mailbox: Mailbox
    dead_letters: DeadLetters
    accesses: Accesses
    """Where reads and exports by people are recorded, before anything is shown."""
    accessed: Accessed
    exports: Exports
    founder: FounderToken | None
    people: People
    clock: Clock
    witnessing: Witnessing
    anchored: AnchoredReceipts
    why_not_writable: Callable[[], str | None]
    """A sentence when nothing can be recorded now, None when it can."""
    why_not_ready: Callable[[], str | None]
    """A sentence when no message is accepted now: the same, or nobody vouches for the log."""
    standing: Callable[[], dict[str, str]]
    """What a process that is ready adds: how its parts stand that it can do without for a while."""
    sandbox: Sandbox | None = None
    """What members do for themselves, on a bus that is a sandbox."""
    long_polls: dict[str, int] = field(default_factory=dict)
    """How many calls wait, by system, or by ``person:<id>``."""
    denials: Denials = field(default_factory=Denials)
    problems: Counter[str] = field(default_factory=Counter)
    """Replies that were a problem document, by code; for metrics."""

    @property
    def registration(self) -> Registration:
        """Registers, checks and ends schemas."""
        return Registration(self.directory_log, self.directory, self.clock)

    def check_writable(self) -> None:
        """Raises LogUnavailable while nothing may be changed: the bus is frozen, or can't write."""
        reason = self.why_not_writable()
        if reason is not None:
            raise LogUnavailable(reason)
