"""Changes of the directory: planned, recorded in log 0, and in force from that commit on.

One set is one transaction, all or none; one record a change. Invariant: whatever changed the
directory is the group that raised its version.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from exchange.acceptance.comparing import Comparer
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Act, Recorder
from exchange.ledger.entries import Placed, RecordEntry
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.log_writer import Clock, DirectoryChanged, LogLost, LogWriter
from exchange.ledger.stored_log import LogReads, read_leaves
from exchange.storage.rows import ShardHead
from registry.changes import Change, Plan, PlannedFact, plan
from registry.compatibility import Comparison
from registry.directory import Directory
from registry.errors import SignedChangeInvalid
from registry.nouns import Noun
from registry.signed_changes import check_signed_change
from schemas.compatibility.verdicts import Report
from signing.encoding import b64_encode
from signing.errors import UnsupportedVersion
from signing.log.leaf import parse_leaf

TRIES: Final = 50
"""So often another process may be quicker; then the caller may try again."""

LEAVES_LOOKED_AT: Final = 64
"""The last heads leaf is among these, or it is time for another."""

Heads = Callable[[], Awaitable[Sequence[ShardHead]]]
May = Callable[[Directory, PlannedFact], None]
"""Refuses, by raising, a fact that somebody may not make; given the directory before the set."""

OPERATOR_ASSERTED: Final = "operator-asserted"
FOUNDER_ROLE: Final = "founder"
_OF_MEMBERS: Final = frozenset({Noun.SERVICE, Noun.SCHEMA, Noun.GRANT})
"""What only a member's integrator may change; the founder does it in the member's place."""

T = TypeVar("T")


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
    reports: tuple[Report, ...] = ()
    """How new versions of schemas stood beside the others, in the order of the changes."""


class LogZeroReads(LogReads, Protocol):
    """What writing log 0 looks up."""

    async def head(self, shard: int) -> ShardHead | None:
        """The committed head of a log."""


class DirectoryLog:
    """Log 0, as this process writes it.

    Where several processes share a database each may write it: whoever finds that another was
    quicker learns what changed, plans anew and tries again.
    """

    def __init__(
        self,
        writer: LogWriter,
        recorder: Recorder,
        directory: DirectoryInForce,
        reads: LogZeroReads,
        clock: Clock,
        *,
        shared: bool = False,
        comparer: Comparer | None = None,
    ) -> None:
        self.writer = writer
        self.shared = shared
        self._reads = reads
        self._recorder = recorder
        self._directory = directory
        self._clock = clock
        self._turn = asyncio.Lock()
        self.comparer = comparer or Comparer()
        self.on_changed: Callable[[int], Awaitable[None]] | None = None
        """Told of each new version, once it is in force here."""

    async def change(
        self, changes: Sequence[Change], actor: Actor, may: May | None = None
    ) -> Recorded:
        """Put a set of changes in force, or refuse all of it.

        Repeating a set changes nothing. Durable and signed when it returns. ``may`` is asked of
        each fact, again when another process was quicker. A member's own statement (``signed``)
        is recorded with its change, and must bear it out.

        Raises:
            SealwayError: ``may`` refuses a fact; nothing changed.
            RegistryError: a change is refused; its place in the set is in ``index``.
            SealwayError: log 0 can't be written; nothing changed.
        """

        made: dict[tuple[str, ...], Report] = {}

        async def once() -> Recorded | list[Comparison]:
            now_ms = self._clock()
            directory = self._directory.current
            planned, reports, missing = self._planned(changes, now_ms, made)
            if may is not None:
                for fact in planned.facts:
                    may(directory, fact)
            if missing:
                return missing
            _check_signed(directory, planned.facts, now_ms)
            places = await self._write_facts(planned.facts, actor, now_ms)
            facts = tuple(
                RecordedFact(fact, place) for fact, place in zip(planned.facts, places, strict=True)
            )
            return Recorded(facts, planned.unchanged, self._directory.version, reports)

        recorded = await self._in_turn(once)
        while isinstance(recorded, list):
            # Compared out of turn: it takes seconds, and a revocation must not wait for it.
            for comparison in recorded:
                made[comparison.key] = await self.comparer.report(comparison)
            recorded = await self._in_turn(once)
        if recorded.facts and self.on_changed is not None:
            await self.on_changed(recorded.version)
        return recorded

    def _planned(
        self, changes: Sequence[Change], now_ms: int, made: Mapping[tuple[str, ...], Report]
    ) -> tuple[Plan, tuple[Report, ...], list[Comparison]]:
        """The plan with the reports it used; or, in vain, the comparisons that it lacks."""
        used: list[Report] = []
        missing: list[Comparison] = []

        def compare(comparison: Comparison) -> Report:
            report = made.get(comparison.key)
            if report is None:
                missing.append(comparison)
                report = Report(comparison.rules.level, comparison.rules.policy, ())
            used.append(report)
            return report

        planned = plan(self._directory.current, changes, now_ms, compare=compare)
        return planned, tuple(used), missing

    async def record_facts(self, facts: Sequence[PlannedFact], actor: Actor) -> None:
        """Put facts in force that the bus itself states: its key."""
        await self._in_turn(lambda: self._write_facts(facts, actor, self._clock()))

    async def record(self, make: Callable[[int], Sequence[RecordEntry]]) -> list[Placed]:
        """Record acts that change nothing in the directory: all or none, signed on return.

        ``make`` gets the time and makes the entries; again when another process was quicker.

        Raises:
            SealwayError: log 0 can't be written; nothing is recorded.
        """

        async def once() -> list[Placed]:
            places = await self._commit(make(self._clock()))
            await self._sealed()
            return places

        return await self._in_turn(once)

    async def catch_up(self) -> None:
        """Learn what other processes wrote to log 0.

        Raises:
            LogBehind: the database is behind what this process knows: an older copy.
            StorageUnavailable: it can't be asked.
        """
        if self.shared:
            await self._directory.refresh()
            await self.writer.follow()

    async def _in_turn(self, write: Callable[[], Awaitable[T]]) -> T:
        """One write of this process at a time, again when another process was quicker."""
        async with self._turn:
            for attempt in range(TRIES):
                await self.catch_up()
                try:
                    return await write()
                except (LogLost, DirectoryChanged):
                    if not self.shared:
                        raise
                await asyncio.sleep(random.uniform(0, 0.01 * (attempt + 1)))  # noqa: S311
        raise LogUnavailable("The directory is being changed by many at once; try again.")

    async def _write_facts(
        self, facts: Sequence[PlannedFact], actor: Actor, now_ms: int
    ) -> list[Placed]:
        if not facts:
            return []
        entries = [self._recorder.directory_entry(_act(fact, actor), now_ms) for fact in facts]
        after = self._directory.current.fold(facts)
        places = await self._commit(entries)
        if after.version > self._directory.version:
            self._directory.current = after
        await self._sealed()
        return places

    async def _commit(self, entries: Sequence[RecordEntry]) -> list[Placed]:
        decision = await self.writer.commit(entries, self._directory.version)
        return [outcome for outcome in decision.outcomes if isinstance(outcome, Placed)]

    async def _sealed(self) -> None:
        """Signed, and where others prove from this log, told to them."""
        await self.writer.seal(self.writer.head.size)
        if self.shared:
            await self.writer.save()

    async def open_shard(self, head: ShardHead, key: str, holder: str) -> None:
        """Open a traffic log: its ``shard`` record, and its first head in the same transaction.

        Harmless when there is a log of this number: then that one stays.
        """

        async def once() -> None:
            if await self._reads.head(head.shard) is not None:
                return
            after = _log_object(head, key, holder, "open")
            act = Act("shard", "shard-opened", "log", head.origin, after)
            entry = self._recorder.directory_entry(act, self._clock(), opens_log=head)
            await self._commit([entry])
            await self._sealed()

        await self._in_turn(once)

    async def close_shard(
        self, head: ShardHead, key: str, holder: str, state: str, signed: tuple[int, bytes]
    ) -> None:
        """Say that a log is ``frozen`` or ``closed``; only what is up to ``signed`` counts."""

        async def once() -> None:
            size, root = signed
            after = _log_object(head, key, holder, state)
            after |= {"size": size, "root": b64_encode(root)}
            act = Act("shard", f"shard-{state}", "log", head.origin, after)
            await self._commit([self._recorder.directory_entry(act, self._clock())])
            await self._sealed()

        await self._in_turn(once)

    async def succeed(self, after: Mapping[str, Any]) -> None:
        """Write leaf 0 of a log that takes the place of an earlier log 0."""
        act = Act("shard", "log-succeeded", "log", self.writer.head.origin, after)
        async with self._turn:
            await self._commit([self._recorder.directory_entry(act, self._clock(), stored=False)])
            await self._sealed()

    async def write_heads(self, heads: Heads, *, unless_within_ms: int = 0) -> bool:
        """Anchor the shards: a ``heads`` leaf with size and root of each; True when written.

        ``unless_within_ms``: not when the last one, whoever wrote it, is younger.
        """

        async def once() -> bool:
            if unless_within_ms and await self._anchored_since(self._clock() - unless_within_ms):
                return False
            after = [
                {"n": head.shard, "size": head.size, "root": b64_encode(head.root)}
                for head in await heads()
            ]
            act = Act("heads", "heads", "log", "heads", after)
            await self._commit([self._recorder.directory_entry(act, self._clock(), stored=False)])
            await self._sealed()
            return True

        return await self._in_turn(once)

    async def _anchored_since(self, at_ms: int) -> bool:
        head = self.writer.head
        first = max(0, head.size - LEAVES_LOOKED_AT)
        leaves = await read_leaves(self._reads, head.shard, first, head.size)
        parsed = (parse_leaf(leaf) for leaf in reversed(leaves))
        return any(leaf.k == "heads" and leaf.ts_ms > at_ms for leaf in parsed)


def _check_signed(directory: Directory, facts: Sequence[PlannedFact], now_ms: int) -> None:
    """Hold members' statements against what will be recorded. Raises SignedChangeInvalid."""
    for at, fact in enumerate(facts):
        if fact.signed is None:
            continue
        before, policy = directory.fold(facts[:at]) if at else directory, directory.policy
        try:
            check_signed_change(fact.signed, fact, before, policy.bus if policy else "", now_ms)
        except UnsupportedVersion as error:
            raise SignedChangeInvalid(error.detail) from error


def _act(fact: PlannedFact, actor: Actor) -> Act:
    return Act(
        fact.kind,
        fact.act,
        fact.noun,
        fact.key,
        fact.after,
        fact.before,
        actor.name,
        _role(actor, fact.noun),
        fact.signed,
    )


def _role(actor: Actor, noun: Noun) -> str:
    """The founder's acts in a member's place are told from a member's own."""
    if actor.role == FOUNDER_ROLE and noun in _OF_MEMBERS:
        return OPERATOR_ASSERTED
    return actor.role


def _log_object(head: ShardHead, key: str, holder: str, state: str) -> dict[str, Any]:
    return {"n": head.shard, "origin": head.origin, "key": key, "holder": holder, "state": state}
