"""The store on PostgreSQL: owns its connections, its copy of the system numbers, its name."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from exchange.storage.postgres import anchors, deliveries, leases, retention, schema
from exchange.storage.postgres.connection import CONNECTIONS_MAX, Connection, Connections
from exchange.storage.postgres.group import IN_DOUBT_S, Groups
from exchange.storage.postgres.numbers import SystemNumbers
from exchange.storage.postgres.people import PostgresPeople
from exchange.storage.postgres.reads import Readers
from exchange.storage.postgres.rest import insert_head
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
from signing.identifiers import ServiceCode, SystemId

LEASE_MS: Final = 15_000  # delivery.md, *Shards*


class PostgresStore:
    """One process's store on a database that others use too. `open` first, `close` last.

    ``owner`` names this process in leases: two that run at once never share a name. Each write is
    durable when it returns (`synchronous_commit=on`); reads see the last committed state.

    A lost connection is replaced, and what was on its way is asked for again: parks, claims, steps
    and heads exactly once; a sweep or a lease once more, and what the first one took is free when
    its lease ends. A write raises StorageInDoubt when nobody could be asked, and StorageUnavailable
    when it was surely not made.
    """

    def __init__(
        self,
        dsn: str,
        owner: str,
        *,
        lease_ms: int = LEASE_MS,
        connections_max: int = CONNECTIONS_MAX,
        in_doubt_s: float = IN_DOUBT_S,
    ) -> None:
        self.owner = owner
        self._lease_ms = lease_ms
        self._connections = Connections(dsn, connections_max)
        self._numbers = SystemNumbers()
        self.groups = Groups(self._connections, self._numbers, lease_ms, in_doubt_s)
        self.reads = Readers(self._connections, self._numbers)
        self.people = PostgresPeople(self._connections)

    async def open(self, bus: str, instance: str, now_ms: int) -> None:
        """Connect to a database that was migrated; make the partitions of the days around.

        Raises:
            StorageForeign: it belongs to another bus or is too old, or `sealway migrate` must
                run first.
            StorageUnavailable: it can't be reached.
        """

        async def prepare(connection: Connection) -> None:
            await schema.check_server(connection)
            await schema.check_owner(connection, bus, instance)
            await schema.make_partitions(connection, now_ms)
            await self._numbers.learn(connection)

        await self._connections.open()
        try:
            await self._connections.run(prepare)
        except BaseException:
            await self._connections.close()
            raise

    async def close(self) -> None:
        """Give the connections back; harmless to call twice."""
        await self._connections.close()

    @property
    def connections_in_use(self) -> int:
        """Connections that somebody works on now; known here, nobody is asked."""
        return self._connections.in_use

    async def make_partitions(self, now_ms: int) -> int:
        """Make the missing partitions up to 7 days ahead; how many were made. Idempotent."""
        return await self._connections.run(lambda c: schema.make_partitions(c, now_ms))

    async def days_ahead(self, now_ms: int) -> int:
        """For how many days after today ids have their partitions; ready means one at least."""
        return await self._connections.run(lambda c: schema.days_ahead(c, now_ms))

    async def durability(self) -> dict[str, str]:
        """The durability settings in force, read back from the engine."""
        names = ("fsync", "full_page_writes", "synchronous_commit", "server_version")

        async def read(connection: Connection) -> dict[str, str]:
            return {
                name: str(await connection.fetchval("SELECT current_setting($1)", name))
                for name in names
            }

        return await self._connections.run(read)

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """Commit one group, durably, or say why its assumptions no longer hold.

        May call the plan's decision more than once; the last call is the one that counts. When
        the reply is lost, asks until it knows.

        Raises:
            StorageUnavailable: nothing was written.
            StorageInDoubt: the reply was lost and the database could not be asked since.
        """
        return await self.groups.commit(plan)

    async def take_log(
        self, shard: int | None = None, among: Sequence[int] | None = None
    ) -> ShardHead | None:
        """Take a traffic log under a higher epoch: any that is free, or this one.

        None when there is none. Whoever held it before can't write to it any more.
        """
        return await self._connections.write(
            lambda c: leases.take_log(c, self.owner, self._lease_ms, shard, among)
        )

    async def renew_log(self, shard: int, epoch: int) -> bool:
        """Renew the lease while no group does; False when the log is somebody else's now."""
        return await self._connections.write(
            lambda c: leases.renew_log(c, self.owner, self._lease_ms, shard, epoch)
        )

    async def release_log(self, shard: int, epoch: int) -> None:
        """Let another process take a log at once."""
        await self._connections.write(lambda c: leases.release_log(c, self.owner, shard, epoch))

    async def open_log(self, head: ShardHead) -> None:
        """Write the first head of a log that no group opens: log 0's own."""
        await self._connections.write(
            lambda c: insert_head(c, head), again=lambda c: insert_head(c, head, may_be_there=True)
        )

    async def set_epoch(self, shard: int, epoch: int, state: str) -> None:
        """Raise a log's epoch, or freeze it."""
        await self._execute(
            "UPDATE log_shard SET epoch = $2, state = $3 WHERE shard = $1", shard, epoch, state
        )

    async def save_note(
        self, shard: int, note: str, size: int, relayed_to: int | None = None
    ) -> None:
        """Keep a log's last signed checkpoint when no further group will carry it."""
        await self._execute(
            "UPDATE log_shard SET note = CASE WHEN note_size > $3 THEN note ELSE $2 END,"
            " note_size = greatest(note_size, $3), relayed_to = greatest(relayed_to, $4)"
            " WHERE shard = $1 AND size >= $3",
            *(shard, note, size, relayed_to),
        )

    async def _execute(self, statement: str, *values: object) -> None:
        await self._connections.write(lambda c: c.execute(statement, *values))

    async def park(self, parks: Sequence[Park]) -> None:
        """Give deliveries back to their rows, in one transaction."""
        await self._connections.write(deliveries.Parking(parks, self._numbers))

    async def add_steps(self, steps: Sequence[StepRow]) -> None:
        """Write lines of timelines, in one transaction."""
        await self._connections.write(
            lambda c: deliveries.add_steps(c, steps),
            again=lambda c: deliveries.add_missing_steps(c, steps),
        )

    async def claim_due(
        self, owner: str, now_ms: int, lease_until_ms: int, count_max: int
    ) -> list[StoredDelivery]:
        """Take due deliveries under a lease, durably; each is answered as it was found."""
        return await self._connections.write(
            lambda c: deliveries.claim_due(
                c, owner, now_ms, lease_until_ms, count_max, self._numbers
            )
        )

    async def claim(self, lease: Park) -> bool:
        """Begin one attempt, durably; False when somebody has begun it or the delivery is over."""
        return await self._connections.write(
            lambda c: deliveries.claim(c, lease, self._numbers),
            again=lambda c: deliveries.claim_again(c, lease, self._numbers),
        )

    async def reclaim(self, now_ms: int, owner: str | None = None) -> int:
        """Make due now what a process that is gone had in hand: one owner's, or everybody's."""
        return await self._connections.write(lambda c: deliveries.reclaim(c, now_ms, owner))

    async def hasten(self, shard: int, first_index: int, now_ms: int) -> int:
        """Make due now what the bus was to deliver of a log, from an index on; how many."""
        return await self._connections.write(
            lambda c: deliveries.hasten(c, shard, first_index, now_ms)
        )

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
        return await self._connections.write(
            lambda c: deliveries.lease_mailbox(
                c, recipient, services, now_ms, lease_until_ms, count_max, kinds, self._numbers
            )
        )

    async def extend_leases(
        self, recipient: SystemId, leases: Sequence[HeldLease], lease_until_ms: int
    ) -> dict[bytes, int]:
        """Make current leases of a mailbox run at least so long; until when, by id."""
        return await self._connections.write(
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
        return await self._connections.write(
            lambda c: deliveries.release_leases(c, recipient, leases, now_ms, reason, self._numbers)
        )

    async def due_to_expire(self, before_ms: int, count_max: int) -> list[bytes]:
        """Open exchanges that should expire."""
        return await self._connections.run(
            lambda c: deliveries.due_to_expire(c, before_ms, count_max)
        )

    async def retire(self, before_ms: int) -> Retired:
        """Let go of the partitions of the whole days before a moment; open rows are kept.

        Traffic goes on meanwhile. What is kept can be read, listed and counted; it is no longer
        claimed, leased, ended or expired. Several processes may call it at once.
        """
        days, kept = 0, 0
        found = await self._connections.run(
            lambda c: retention.days_before(c, before_ms // schema.DAY_MS)
        )
        for day, tables in found.items():
            if len(tables) == len(schema.BY_TIME):  # else they have moved already
                kept += await self._connections.run(partial(retention.keep_open_rows, day=day))
            gone = [
                await self._connections.run(partial(retention.drop_partition, table=name, day=day))
                for name in tables
            ]
            days += all(gone)
        return Retired(days, kept)

    async def take_anchoring(
        self, log: int, now_ms: int, lease_ms: int | None, *, cosigned: bool, stamped: bool
    ) -> AnchoringState:
        """Be the process that asks others to vouch for log 0, unless another one is."""
        return await self._connections.write(
            lambda c: anchors.take_anchoring(
                c, self.owner, log, now_ms, lease_ms, cosigned, stamped
            )
        )

    async def keep_anchor(self, row: AnchorRow) -> AnchorRow:
        """Add what somebody vouched for to a checkpoint's anchor; the anchor as it is then."""
        return await self._connections.write(lambda c: anchors.keep_anchor(c, row))
