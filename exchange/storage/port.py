"""The storage port: what the ledger, acceptance and delivery ask of an engine.

Implemented by `sqlite.SqliteStore` and `postgres.PostgresStore`; the contract suite in
`tests/conformance/storage` is what an engine must pass. Where several processes share a database
they say in `LogLeases` which of them writes which log; on SQLite the lock on the file stands for
all leases, and what is taken is free again when the file is opened. Ids are the 16 bytes of a
message id; times ms since 1970.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from exchange.storage.boxes import MailboxDepth
from exchange.storage.people import People
from exchange.storage.rows import (
    AnchoringState,
    AnchorRow,
    CommitResult,
    GroupPlan,
    GroupWrite,
    HeldLease,
    ObjectPlace,
    Park,
    Retired,
    ShardHead,
    ShardLease,
    StepRow,
    StoredDelivery,
    StoredExchange,
    StoredMessage,
    StoredRefusal,
)
from signing.identifiers import ServiceCode, SystemId


class Reads(Protocol):
    """Reads of the last committed state. Each raises StorageUnavailable."""

    async def message(self, id_: bytes) -> StoredMessage | None:
        """A message by id, still sealed."""

    async def exchange(self, id_: bytes) -> StoredExchange | None:
        """An exchange by its request's id."""

    async def deliveries(self, id_: bytes) -> list[StoredDelivery]:
        """The deliveries of a message."""

    async def steps(self, id_: bytes) -> list[StepRow]:
        """The timeline of a message, the oldest first."""

    async def mailbox_depths(self, system: SystemId) -> list[MailboxDepth]:
        """A system's mailbox, by service and kind of message."""

    async def boxed(self, system: SystemId, service: ServiceCode | None) -> int:
        """How many requests wait for a service; without one, how many answers for the system."""

    async def dead(self, count_max: int) -> list[StoredDelivery]:
        """Dead letters, the oldest first."""

    async def refusals(self, id_: bytes, count_max: int) -> list[StoredRefusal]:
        """What was refused under a message id, the last to be kept first, still sealed."""

    async def message_places(
        self, shard: int, first: int, end: int, ids_from: bytes, ids_to: bytes
    ) -> list[tuple[int, bytes]]:
        """Index and id of the messages whose leaves are ``first`` to ``end`` (exclusive).

        Only ids from ``ids_from`` on and below ``ids_to`` are looked at: messages are kept by id.
        """

    async def refusal_at(self, shard: int, index: int) -> StoredRefusal | None:
        """The refused envelope whose refusal's leaf stands there, still sealed."""

    async def record(self, shard: int, index: int) -> tuple[bytes, bytes, bytes | None] | None:
        """A record's bytes, leaf salt and wrapped key."""

    async def object_place(self, noun: str, key: str) -> ObjectPlace | None:
        """Where the change stands that made an object as it is."""

    async def ended(self, ids: Sequence[bytes]) -> list[bytes]:
        """Which of these exchanges have ended; those nobody knows are not among them."""

    async def unrelayed(
        self, shard: int, first_index: int, now_ms: int, count_max: int
    ) -> list[bytes]:
        """What of a log is still to be relayed, from a leaf on, in the log's order.

        The ids of queued deliveries that nobody has begun and that are not yet due: what is due
        is the sweeper's.
        """

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """The groups that hold leaves ``first`` to ``last``: first index and entry bundle."""

    async def tile(self, shard: int, level: int, number: int) -> bytes | None:
        """A full tile's hashes."""

    async def heads(self) -> list[ShardHead]:
        """Every log's committed head, by number."""

    async def head(self, shard: int) -> ShardHead | None:
        """One log's committed head."""

    async def leases(self) -> list[ShardLease]:
        """Who holds which log, by number: log 0 and its successors included, held by nobody."""

    async def objects(self, after: int = 0) -> list[tuple[str, str, int, str]]:
        """Directory objects changed after a version: noun, key, version, JSON; by version.

        One committed state: everything up to some version, and nothing of a later one.
        """

    async def directory_version(self) -> int:
        """The committed directory version."""

    async def anchors(
        self, log: int, heads_from_ms: int, count_max: int, *, cosigned: bool, stamped: bool
    ) -> list[AnchorRow]:
        """Anchors whose heads leaf isn't older, the smallest first.

        ``cosigned``, ``stamped``: only those that are.
        """

    async def last_anchor(self, log: int, *, cosigned: bool, stamped: bool) -> AnchorRow | None:
        """The anchor of the largest tree."""


class Store(Protocol):
    """Writes, each durable when it returns.

    Each raises StorageUnavailable when nothing was written, and StorageInDoubt when the connection
    was lost meanwhile and nobody could be asked since.
    """

    @property
    def reads(self) -> Reads:
        """The reading side."""

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """Commit one group, or say why its assumptions no longer hold.

        The plan's decision may be called more than once; its last call is the one that counts.
        """

    async def save_note(
        self, shard: int, note: str, size: int, relayed_to: int | None = None
    ) -> None:
        """Keep a log's last signed checkpoint when no further group will carry it.

        Neither the note nor the cursor ever goes back. Nothing is kept of a note that is ahead of
        the leaves: an older copy came into the database's place since it was signed.
        """

    async def open_log(self, head: ShardHead) -> None:
        """Write the first head of a log that no group opens: log 0's own."""

    async def set_epoch(self, shard: int, epoch: int, state: str) -> None:
        """Raise a log's epoch, or freeze it."""

    async def park(self, parks: Sequence[Park]) -> None:
        """Give deliveries back to their rows, in one transaction."""

    async def add_steps(self, steps: Sequence[StepRow]) -> None:
        """Write lines of timelines, in one transaction."""

    async def claim_due(
        self, owner: str, now_ms: int, lease_until_ms: int, count_max: int
    ) -> list[StoredDelivery]:
        """Take due deliveries under a lease; each is answered as it was found."""

    async def claim(self, lease: Park) -> bool:
        """Begin one attempt; False when somebody has begun it, or the delivery is over."""

    async def reclaim(self, now_ms: int, owner: str | None = None) -> int:
        """Make due now what a process that is gone had in hand: one owner's, or everybody's.

        Everybody's only where no other process works on the database.
        """

    async def hasten(self, shard: int, first_index: int, now_ms: int) -> int:
        """Make due now what `Reads.unrelayed` tells from an index on; how many. Idempotent."""

    async def lease_mailbox(
        self,
        recipient: SystemId,
        services: Sequence[ServiceCode],
        now_ms: int,
        lease_until_ms: int,
        count_max: int,
        kinds: Sequence[str] = (),
    ) -> list[StoredDelivery]:
        """Lease the oldest free deliveries of a mailbox; each lease is one more attempt.

        Of all services and kinds of message where none are named.
        """

    async def extend_leases(
        self, recipient: SystemId, leases: Sequence[HeldLease], lease_until_ms: int
    ) -> dict[bytes, int]:
        """Make leases of a mailbox run at least so long; until when, by id, for the current ones.

        A lease that ran out is current until another begins or the delivery ends.
        """

    async def release_leases(
        self,
        recipient: SystemId,
        leases: Sequence[HeldLease],
        now_ms: int,
        reason: str | None = None,
    ) -> list[bytes]:
        """Free current leases of a mailbox at once, each with a line ``released``; their ids."""

    async def due_to_expire(self, before_ms: int, count_max: int) -> list[bytes]:
        """Open exchanges whose ``answer_by`` is before a moment, the oldest first."""

    async def retire(self, before_ms: int) -> Retired:
        """Let go of the messages of the whole UTC days before a moment, and of all their rows.

        What is still open stays to be read: open exchanges, deliveries that aren't over, dead
        letters, with their messages and steps. It can't be ended or delivered any more where
        days are partitions; so expire what is due first. Logs, records and refusals stay.
        An id that left is not known any more: acceptance refuses ids long before that. May be
        interrupted, and repeated.
        """


class Anchors(Protocol):
    """What others vouch for of log 0, and which process asks them. Raises what a write raises."""

    async def take_anchoring(
        self, log: int, now_ms: int, lease_ms: int | None, *, cosigned: bool, stamped: bool
    ) -> AnchoringState:
        """Be the process that asks, or go on being it, unless another one is.

        ``lease_ms``: None only looks. ``cosigned``, ``stamped``: what the settings ask for; the
        first who does says since when. Where one process has the database it is the one.
        """

    async def keep_anchor(self, row: AnchorRow) -> AnchorRow:
        """Add what somebody vouched for to a checkpoint's anchor; what is there stays.

        The note's signatures are joined with those that are there, one a key. Idempotent. Returns
        the anchor as it is then, with what other processes added.
        """


@runtime_checkable
class LogLeases(Protocol):
    """Which process writes which traffic log. Each raises what a write raises.

    Safety comes from the epoch in each commit's swap; a lease only says when it may be raised.
    Each commit renews its log's lease.
    """

    async def take_log(
        self, shard: int | None = None, among: Sequence[int] | None = None
    ) -> ShardHead | None:
        """Take a log that nobody holds, under a higher epoch; None: there is none.

        Any, any of ``among``, or this one, which may be one's own. Never log 0 or a successor
        of it: those are everybody's.
        """

    async def renew_log(self, shard: int, epoch: int) -> bool:
        """Renew the lease while no group does; False when the log is somebody else's now."""

    async def release_log(self, shard: int, epoch: int) -> None:
        """Let another process take a log at once; harmless when it is no longer held."""


class LeasedStore(Store, LogLeases, Anchors, Protocol):
    """A whole engine, as a process opens it."""

    @property
    def people(self) -> People:
        """People with tokens, and grants that were asked for."""

    async def close(self) -> None:
        """Let go of the database; harmless to call twice."""

    async def durability(self) -> dict[str, str]:
        """The durability settings in force, read back from the engine."""
