"""The group commit on PostgreSQL: one statement when all is as expected, else one transaction.

*Fast*: decide as if every id were new and every exchange open, and let the statement prove it.
*Slow*: lock the log's row and the directory's, read the facts, decide, write, commit. Whatever
the fast way could not prove, a lost race, and a commit whose reply never came, go the slow way: it
finds the head as it was, or as this group made it (committed), or another's (lost).
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from exchange.storage.boxes import BoxFigures
from exchange.storage.errors import StorageUnavailable
from exchange.storage.postgres.connection import (
    TRIES,
    Connection,
    Connections,
    cut,
    in_doubt,
    is_failure,
    is_in_doubt,
    unavailable,
)
from exchange.storage.postgres.facts import assumed, proves, read_facts
from exchange.storage.postgres.numbers import SystemNumbers, UnknownSystems
from exchange.storage.postgres.rest import has_rest, systems_of, write_rest
from exchange.storage.postgres.statement import COMMIT, arguments
from exchange.storage.rows import CommitResult, GroupPlan, GroupWrite

IN_DOUBT_S: Final = 30.0  # how long a commit asks after its own outcome before it gives up
IN_DOUBT_PAUSE_S: Final = 0.2

_LOCK_HEAD = "SELECT epoch, size, root, state FROM log_shard WHERE shard = $1 FOR UPDATE"
_LOCK_DIRECTORY = "SELECT version FROM directory FOR SHARE"
Outcome = tuple[CommitResult, GroupWrite | None]


class _ReplyLost(Exception):
    """The connection ended while a commit was on its way."""


class _Aborted(Exception):
    """PostgreSQL rolled the group back, or nothing of it was sent."""


@dataclass(slots=True)
class _Attempt:
    """One plan on its way."""

    plan: GroupPlan
    is_fast: bool = True
    sent: GroupWrite | None = None
    """What was last sent: its head may turn out to be the committed one."""
    in_doubt: bool = False
    aborts: int = field(default=0)


class Groups:
    """Commits groups, each on a connection of its own meanwhile."""

    def __init__(
        self,
        connections: Connections,
        numbers: SystemNumbers,
        lease_ms: int,
        in_doubt_s: float = IN_DOUBT_S,
    ) -> None:
        self._connections = connections
        self._numbers = numbers
        self._lease_ms = lease_ms
        self._in_doubt_s = in_doubt_s
        self._boxes = BoxFigures()
        self.fast = 0
        self.slow = 0

    async def commit(self, plan: GroupPlan) -> Outcome:
        """Commit one group, durably, or say which assumption no longer holds.

        Raises:
            StorageUnavailable: nothing was written.
            StorageInDoubt: the reply was lost and the database could not be asked since.
        """
        attempt = _Attempt(plan)
        give_up_at = asyncio.get_running_loop().time() + self._in_doubt_s
        while True:
            try:
                return await self._once(attempt)
            except UnknownSystems as unknown:
                await self._give_numbers(unknown)
            except _Aborted as problem:
                attempt.is_fast = False
                attempt.aborts += 1
                if attempt.aborts == TRIES:
                    raise unavailable(problem.__cause__) from problem
            except (_ReplyLost, StorageUnavailable) as problem:
                attempt.is_fast = False
                attempt.in_doubt |= isinstance(problem, _ReplyLost)
                if not attempt.in_doubt:
                    raise
                if asyncio.get_running_loop().time() > give_up_at:
                    raise in_doubt(problem) from problem
                await asyncio.sleep(IN_DOUBT_PAUSE_S)

    async def _give_numbers(self, unknown: UnknownSystems) -> None:
        await self._connections.run(lambda c: self._numbers.give(c, unknown.systems))

    async def _once(self, attempt: _Attempt) -> Outcome:
        async with self._connections.acquire() as connection:
            try:
                if attempt.is_fast and (done := await self._fast(connection, attempt)) is not None:
                    self.fast += 1
                    return done
                attempt.is_fast = False
                self.slow += 1
                return await self._slow(connection, attempt)
            except Exception as problem:
                if not is_failure(problem):
                    raise
                if not is_in_doubt(problem, connection):
                    raise _Aborted from problem
                cut(connection)
                raise (_Aborted if attempt.sent is None else _ReplyLost) from problem

    async def _fast(self, connection: Connection, attempt: _Attempt) -> Outcome | None:
        """The one statement; None when this group needs the slow way, and nothing was written."""
        plan = attempt.plan
        facts = assumed(plan.questions, self._boxes)
        write = plan.decide(facts) if facts is not None else None
        if write is None or has_rest(write) or not proves(write, plan.questions):
            return None
        values = arguments(plan, write, self._numbers, self._lease_ms)
        attempt.sent = write
        if await connection.fetchval(COMMIT, *values) is None:
            return None
        self._count(write)
        return CommitResult.COMMITTED, write

    async def _slow(self, connection: Connection, attempt: _Attempt) -> Outcome:
        plan = attempt.plan
        async with connection.transaction():
            head = await connection.fetchrow(_LOCK_HEAD, plan.shard)
            if head is None or tuple(head) != (plan.epoch, plan.size, plan.root, "open"):
                return _found_another(attempt, head)
            if await connection.fetchval(_LOCK_DIRECTORY) != plan.directory_version:
                return CommitResult.DIRECTORY_CHANGED, None
            facts = await read_facts(connection, plan.questions, self._numbers, self._boxes)
            write = plan.decide(facts)
            if write is None:
                return CommitResult.COMMITTED, None
            self._numbers.check(systems_of(write))
            values = arguments(plan, write, self._numbers, self._lease_ms)
            attempt.sent = write
            written = await connection.fetchval(COMMIT, *values)
            assert written == plan.shard, "the locked head was not swapped"
            await write_rest(connection, write, self._numbers)
        self._count(write)
        return CommitResult.COMMITTED, write

    def _count(self, write: GroupWrite) -> None:
        for box in write.boxed():
            self._boxes.one_more(box)


def _found_another(attempt: _Attempt, head: Connection) -> Outcome:
    """Another head: this group's own, when its reply was lost; else somebody else's."""
    sent = attempt.sent
    if attempt.in_doubt and sent is not None and head is not None:
        if tuple(head)[:3] == (attempt.plan.epoch, sent.head.size, sent.head.root):
            return CommitResult.COMMITTED, sent
    return CommitResult.SHARD_LOST, None
