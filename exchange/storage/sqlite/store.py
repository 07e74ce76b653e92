"""The store on SQLite: opens the file, owns its lock, its writer and its readers."""

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from exchange.storage.errors import StorageForeign
from exchange.storage.migrations.owner import check_bus, check_schema
from exchange.storage.rows import (
    AnchoringState,
    AnchorRow,
    CommitResult,
    GroupPlan,
    GroupWrite,
    HeldLease,
    Park,
    Retired,
    ShardHead,
    StepRow,
    StoredDelivery,
)
from exchange.storage.sqlite import anchors, deliveries, leases, retention
from exchange.storage.sqlite.boxes import BoxBounds
from exchange.storage.sqlite.connection import (
    FILE_NAME,
    LOCK_NAME,
    FileLock,
    WriterThread,
    connect,
)
from exchange.storage.sqlite.group import SystemNumbers, commit_group, insert_head
from exchange.storage.sqlite.people import SqlitePeople
from exchange.storage.sqlite.reads import Readers
from signing.identifiers import ServiceCode, SystemId

DAY_MS: Final = 86_400_000
SQLITE_MIN: Final = (3, 35, 0)  # RETURNING, and UPDATE … FROM


class SqliteStore:
    """The one-process store. `open` first, `close` last; every method needs the event loop.

    Writes are serial, each durable when it returns (`synchronous=FULL`); reads see the last
    committed state.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = FileLock(folder / LOCK_NAME)
        self._writer = WriterThread(self.path)
        self._numbers = SystemNumbers()
        self._bounds = BoxBounds()
        self.reads = Readers(self.path)
        self.people = SqlitePeople(self.reads, self._writer)

    async def open(self, bus: str, instance: str) -> bool:
        """Take the lock and open, making the tables when the file is new.

        Returns True when the file is new.

        Raises:
            StorageInUse: another process serves it.
            StorageForeign: it belongs to another bus, or has another schema: run `migrate`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.take()
        try:
            new = self._prepare(bus, instance)
        except BaseException:
            self._lock.release()
            raise
        self._writer.start()
        self.reads.start()
        return new

    def _prepare(self, bus: str, instance: str) -> bool:
        if sqlite3.sqlite_version_info < SQLITE_MIN:
            raise StorageForeign(
                f"SQLite {sqlite3.sqlite_version} is too old; Sealway needs 3.35 or later."
            )
        new = not self.path.exists() or self.path.stat().st_size == 0
        if new:
            from exchange.storage.sqlite.upgrading import upgrade_file

            upgrade_file(self.path, bus, instance)
        connection = connect(self.path)
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bus'").fetchone():
                check_schema(None)
            row = connection.execute("SELECT schema_version, bus, instance FROM bus").fetchone()
            check_bus((row[1], row[2]), bus, instance)
            check_schema(row[0])
            leases.forget_owners(connection)
            self._numbers.learn(connection)
            return new
        finally:
            connection.close()

    async def close(self) -> None:
        """Finish what was asked and close; harmless to call twice."""
        await self._writer.stop()
        await self.reads.stop()
        self._lock.release()

    @property
    def transactions(self) -> int:
        """Transactions committed since the start."""
        return self._writer.transactions

    async def durability(self) -> dict[str, str]:
        """The writing connection's durability settings, read back from the engine."""

        def read(connection: sqlite3.Connection) -> dict[str, str]:
            (level,) = connection.execute("PRAGMA synchronous").fetchone()
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            names = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
            return {"synchronous": names[level], "journal_mode": mode}

        return await self._writer.run(read)

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """Commit one group, durably, or say why its assumptions no longer hold.

        Raises:
            StorageUnavailable: nothing was written.
        """
        result: tuple[CommitResult, GroupWrite | None] = await self._writer.run(
            lambda connection: commit_group(connection, plan, self._numbers, self._bounds),
            partial(_tell, plan),
        )
        self._learn_later(result[1])
        return result

    def _learn_later(self, write: GroupWrite | None) -> None:
        if write is not None and any(row.noun == "system" for row, _, _ in write.objects):
            self._numbers.is_stale = True

    async def open_log(self, head: ShardHead) -> None:
        """Write the first head of a log that no group opens: log 0's own."""

        def write(connection: sqlite3.Connection) -> None:
            insert_head(connection, head)

        await self._writer.run(write)

    async def set_epoch(self, shard: int, epoch: int, state: str) -> None:
        """Raise a log's epoch, or freeze it."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE log_shard SET epoch = ?, state = ? WHERE shard = ?", (epoch, state, shard)
            )

        await self._writer.run(write)

    async def take_log(
        self, shard: int | None = None, among: Sequence[int] | None = None
    ) -> ShardHead | None:
        """Take a traffic log under a higher epoch; None when there is none."""
        return await self._writer.run(lambda c: leases.take_log(c, shard, among))

    async def renew_log(self, shard: int, epoch: int) -> bool:
        """Whether the log is still held under this epoch."""
        return await self._writer.run(lambda c: leases.renew_log(c, shard, epoch))

    async def release_log(self, shard: int, epoch: int) -> None:
        """Let go of a log; harmless when it is no longer held."""
        await self._writer.run(lambda c: leases.release_log(c, shard, epoch))

    async def save_note(
        self, shard: int, note: str, size: int, relayed_to: int | None = None
    ) -> None:
        """Keep a log's last signed checkpoint when no further group will carry it."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE log_shard SET note = ?, note_size = ? WHERE shard = ?"
                " AND coalesce(note_size, 0) <= ? AND size >= ?",
                (note, size, shard, size, size),
            )
            connection.execute(
                "UPDATE log_shard SET relayed_to = max(relayed_to, ?)"
                " WHERE shard = ? AND size >= ?",
                (relayed_to or 0, shard, size),
            )

        await self._writer.run(write)

    async def park(self, parks: Sequence[Park]) -> None:
        """Give deliveries back to their rows, in one transaction."""
        await self._writer.run(lambda c: deliveries.park(c, parks, self._numbers))

    async def add_steps(self, steps: Sequence[StepRow]) -> None:
        """Write lines of timelines, in one transaction."""

        def write(connection: sqlite3.Connection) -> None:
            for step in steps:
                deliveries.add_step(connection, step)

        await self._writer.run(write)

    async def claim_due(
        self, owner: str, now_ms: int, lease_until_ms: int, count_max: int
    ) -> list[StoredDelivery]:
        """Take due deliveries under a lease, durably; each is answered as it was found."""
        return await self._writer.run(
            lambda c: deliveries.claim_due(
                c, owner, now_ms, lease_until_ms, count_max, self._numbers
            )
        )

    async def claim(self, lease: Park) -> bool:
        """Begin one attempt, durably; False when somebody has begun it or the delivery is over."""
        return await self._writer.run(lambda c: deliveries.claim(c, lease, self._numbers))

    async def reclaim(self, now_ms: int, owner: str | None = None) -> int:
        """Make deliveries on their way due now: whoever had them in hand is gone."""
        return await self._writer.run(lambda c: deliveries.reclaim(c, now_ms, owner))

    async def hasten(self, shard: int, first_index: int, now_ms: int) -> int:
        """Make due now what the bus was to deliver of a log, from an index on; how many."""
        return await self._writer.run(lambda c: deliveries.hasten(c, shard, first_index, now_ms))

    async def lease_mailbox(
        self,
        recipient: SystemId,
        services: Sequence[ServiceCode],
        now_ms: int,
        lease_until_ms: int,
        count_max: int,
        kinds: Sequence[str] = (),
    ) -> list[StoredDelivery]:
        """Lease the oldest free deliveries of a mailbox."""
        return await self._writer.run(
            lambda c: deliveries.lease_mailbox(
                c, recipient, services, now_ms, lease_until_ms, count_max, kinds, self._numbers
            )
        )

    async def extend_leases(
        self, recipient: SystemId, leases: Sequence[HeldLease], lease_until_ms: int
    ) -> dict[bytes, int]:
        """Make current leases of a mailbox run at least so long; until when, by id."""
        return await self._writer.run(
            lambda c: deliveries.extend_leases(c, recipient, leases, lease_until_ms, self._numbers)
        )

    async def release_leases(
        self,
        recipient: SystemId,
        leases: Sequence[HeldLease],
        now_ms: int,
        reason: str | None = None,
    ) -> list[bytes]:
        """Free current leases of a mailbox at once; their ids."""
        return await self._writer.run(
            lambda c: deliveries.release_leases(c, recipient, leases, now_ms, reason, self._numbers)
        )

    async def due_to_expire(self, before_ms: int, count_max: int) -> list[bytes]:
        """Open exchanges that should expire."""
        return await self._writer.run(lambda c: deliveries.due_to_expire(c, before_ms, count_max))

    async def retire(self, before_ms: int) -> Retired:
        """Let go of the messages of the whole days before a moment, some a transaction.

        What is still open stays where it is, and leaves when it is over.
        """
        end = (before_ms // DAY_MS * DAY_MS).to_bytes(6, "big")
        after, days, kept = b"", set[int](), 0
        while True:
            batch = await self._writer.run(partial(retention.retire_some, after=after, end=end))
            if not batch.gone and not batch.kept:
                break
            after, kept = batch.last, kept + len(batch.kept)
            days |= {int.from_bytes(id_[:6], "big") // DAY_MS for id_ in batch.gone}
        while await self._writer.run(partial(retention.retire_stray_steps, end=end)):
            pass
        return Retired(len(days), kept)

    async def take_anchoring(
        self, log: int, now_ms: int, lease_ms: int | None, *, cosigned: bool, stamped: bool
    ) -> AnchoringState:
        """Since when anchors are asked for; this process asks."""
        return await self._writer.run(
            lambda c: anchors.take_anchoring(
                c, log, now_ms, lease_ms is not None, cosigned, stamped
            )
        )

    async def keep_anchor(self, row: AnchorRow) -> AnchorRow:
        """Add what somebody vouched for to a checkpoint's anchor; the anchor as it is then."""
        return await self._writer.run(lambda c: anchors.keep_anchor(c, row))


def _tell(plan: GroupPlan, result: tuple[CommitResult, GroupWrite | None]) -> None:
    """On the writer's thread, right after the commit."""
    if plan.on_durable is not None and result[1] is not None:
        plan.on_durable(result[1])
