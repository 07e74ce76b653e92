"""Changes of the directory: planned, recorded in log 0, and in force from that commit on.

One set is one transaction, all or none; one record a change. Invariant: whatever changed the
directory is the group that raised its version.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Act, Recorder
from exchange.ledger.entries import Placed, RecordEntry
from exchange.ledger.log_writer import Clock, LogWriter
from exchange.storage.rows import ShardHead
from registry.changes import Change, PlannedFact, plan
from signing.encoding import b64_encode


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which role, as records name them: ``person:<id>``, ``system:<id>``, ``bus``."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class RecordedFact:
    """A change that is in force, and its leaf's place in log 0."""

    fact: PlannedFact
    place: Placed


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a set of changes."""

    facts: tuple[RecordedFact, ...]
    unchanged: int
    version: int


class DirectoryLog:
    """Log 0's one writer in this process."""

    def __init__(
        self, writer: LogWriter, recorder: Recorder, directory: DirectoryInForce, clock: Clock
    ) -> None:
        self.writer = writer
        self._recorder = recorder
        self._directory = directory
        self._clock = clock
        self._turn = asyncio.Lock()

    async def change(self, changes: Sequence[Change], actor: Actor) -> Recorded:
        """Put a set of changes in force, or refuse all of it.

        Repeating a set changes nothing. Durable and signed when it returns.

        Raises:
            RegistryError: a change is refused; its place in the set is in ``index``.
            SealwayError: log 0 can't be written; nothing changed.
        """
        async with self._turn:
            now_ms = self._clock()
            planned = plan(self._directory.current, changes, now_ms)
            places = await self._write_facts(planned.facts, actor, now_ms)
        facts = tuple(
            RecordedFact(fact, place) for fact, place in zip(planned.facts, places, strict=True)
        )
        return Recorded(facts, planned.unchanged, self._directory.version)

    async def record_facts(self, facts: Sequence[PlannedFact], actor: Actor) -> None:
        """Put facts in force that the bus itself states: its key, its policy."""
        async with self._turn:
            await self._write_facts(facts, actor, self._clock())

    async def _write_facts(
        self, facts: Sequence[PlannedFact], actor: Actor, now_ms: int
    ) -> list[Placed]:
        if not facts:
            return []
        entries = [
            self._recorder.directory_entry(
                Act(
                    fact.kind,
                    fact.act,
                    fact.noun,
                    fact.key,
                    fact.after,
                    fact.before,
                    actor.name,
                    actor.role,
                ),
                now_ms,
            )
            for fact in facts
        ]
        after = self._directory.current.fold(facts)
        places = await self._commit(entries)
        self._directory.current = after
        await self.writer.seal(self.writer.head.size)
        return places

    async def _commit(self, entries: Sequence[RecordEntry]) -> list[Placed]:
        decision = await self.writer.commit(entries, self._directory.version)
        return [outcome for outcome in decision.outcomes if isinstance(outcome, Placed)]

    async def open_shard(self, head: ShardHead, key: str, holder: str) -> None:
        """Open a traffic log: its ``shard`` record, and its first head in the same transaction."""
        after = {
            "n": head.shard,
            "origin": head.origin,
            "key": key,
            "holder": holder,
            "state": "open",
        }
        act = Act("shard", "shard-opened", "log", head.origin, after)
        async with self._turn:
            entry = self._recorder.directory_entry(act, self._clock(), stored=True, opens_log=head)
            await self._commit([entry])
            await self.writer.seal(self.writer.head.size)

    async def write_heads(self, heads: Sequence[ShardHead]) -> None:
        """Anchor the shards: a ``heads`` leaf with size and root of each."""
        after = [
            {"n": head.shard, "size": head.size, "root": b64_encode(head.root)} for head in heads
        ]
        act = Act("heads", "heads", "log", "heads", after)
        async with self._turn:
            entry = self._recorder.directory_entry(act, self._clock(), stored=False)
            await self._commit([entry])
            await self.writer.seal(self.writer.head.size)
