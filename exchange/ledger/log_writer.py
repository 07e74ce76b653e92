"""One log's writer: commits groups, follows what other processes commit, seals both.

Invariant: what was committed is a line (the store swaps heads); what is signed was marked before.
The next group may commit while the last is being marked. Without the log's key it is a view: it
follows and proves, and can't seal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from exchange.ledger.decide import Decision, ask, decide
from exchange.ledger.entries import Entry
from exchange.ledger.errors import LedgerError, LogBehind, LogUnavailable
from exchange.ledger.marks import Mark, Marks
from exchange.ledger.sealing import OutcomeUnknown, Sealing, Signed
from exchange.ledger.stored_log import StoredLog, check_consistent
from exchange.ledger.tree import NodeCache, Tree
from exchange.storage.rows import CommitResult, GroupFacts, GroupPlan, GroupWrite, ShardHead
from signing.errors import SealwayError
from signing.log.merkle import EMPTY_ROOT
from signing.log.note import NoteSigner

__all__ = ["Clock", "DirectoryChanged", "LogLost", "LogWriter", "OutcomeUnknown", "Signed"]

Clock = Callable[[], int]
"""Milliseconds since 1970."""

GROUP_TIMEOUT_S: Final = 30.0  # a mark that takes longer means a dying disk
SAVE_AFTER_S: Final = 0.2  # idle for so long, a shared log's note goes to the database by itself


class LedgerStore(Protocol):
    """Where groups are committed."""

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """Commit one group durably, or say which assumption no longer holds.

        Raises:
            StorageInDoubt: it may be written.
            SealwayError: nothing was written.
        """

    async def save_note(
        self, shard: int, note: str, size: int, relayed_to: int | None = None
    ) -> None:
        """Keep a log's last signed checkpoint, and how far it was relayed; neither goes back."""


class DirectoryChanged(LedgerError):
    """The directory moved on after the checks: check again, then commit."""


class LogLost(LedgerError):
    """Another process writes this log now, or wrote to it; nothing was written here."""


class LogWriter:
    """Commits groups to one log and signs what it committed.

    Commits and following take turns. ``shared``: other processes read this log's note, so it is
    saved soon after traffic pauses.
    """

    def __init__(
        self,
        store: LedgerStore,
        signer: NoteSigner | None,
        marks: Marks,
        head: ShardHead,
        tree: Tree,
        stored: StoredLog,
        clock: Clock,
        *,
        shared: bool = False,
    ) -> None:
        self._store = store
        self._signer = signer
        self.head = head
        self.tree = tree
        self.nodes = NodeCache(stored.tile)
        self._stored = stored
        self._clock = clock
        self._shared = shared
        self._turn = asyncio.Lock()
        self._failed: LedgerError | None = None
        self._relayed = head.relayed_to
        self._saved = (head.note_size, head.relayed_to)
        self._idle: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self.groups = 0
        signed = None
        if head.note is not None and head.note_size <= head.size:
            signed = Signed(head.note_size, head.note)
        self._sealing = Sealing(self, signer, marks, signed, self._save_later if shared else None)

    @property
    def verifier_key(self) -> str:
        """The key that the log's checkpoints verify with, as text; the log's key is here."""
        assert self._signer is not None
        return str(self._signer.verifier)

    @property
    def signed(self) -> Signed | None:
        """The last signed checkpoint."""
        return self._sealing.signed

    @property
    def failed(self) -> LedgerError | None:
        """Why nothing can be written here any more; None while all is well."""
        return self._failed

    def freeze(self, reason: LedgerError) -> None:
        """Never write or sign here again in this process; reading goes on."""
        self._failed = reason

    async def commit(
        self, entries: Sequence[Entry], version: int, *, seal: bool = False
    ) -> Decision:
        """Commit one group under directory ``version``. Nothing is signed yet.

        ``seal``: begin to mark and sign it where it commits; whoever asks for that sees to it
        that nobody cancels this call.

        Raises:
            DirectoryChanged: nothing was written; check the entries again.
            LogLost: nothing was written; this process doesn't hold the log, or isn't up to date.
            LogUnavailable, StorageUnavailable: nothing was written.
            StorageInDoubt: it may be written; the head is unknown until `follow`.
        """
        if self._failed is not None:
            raise self._failed
        async with self._turn:
            return await self._commit(entries, version, seal=seal)

    async def _commit(self, entries: Sequence[Entry], version: int, *, seal: bool) -> Decision:
        decision: Decision | None = None
        now_ms, head = self._clock(), self.head

        def decide_now(facts: GroupFacts) -> GroupWrite | None:
            nonlocal decision
            decision = decide(entries, facts, self._head_to_write(), self.tree, version, now_ms)
            return decision.write

        plan = GroupPlan(
            *(head.shard, head.epoch, head.size, head.root, version, ask(entries), decide_now),
            on_durable=self._begin_to_seal if seal else None,
        )
        result, write = await self._store.commit(plan)
        if result is CommitResult.DIRECTORY_CHANGED:
            raise DirectoryChanged("The directory changed while this was being checked.")
        if result is CommitResult.SHARD_LOST:
            raise LogLost("This process no longer holds the log; ask again.")
        assert decision is not None
        self._took(decision, write)
        return decision

    def _begin_to_seal(self, write: GroupWrite) -> None:
        """On whatever thread has committed: the way over the event loop costs a fifth of a ms."""
        if write.count:
            self._sealing.begin(write.head)

    def _head_to_write(self) -> ShardHead:
        signed = self.signed
        if signed is None:
            return replace(self.head, relayed_to=self._relayed)
        return replace(self.head, note=signed.note, note_size=signed.size, relayed_to=self._relayed)

    def _took(self, decision: Decision, write: GroupWrite | None) -> None:
        if write is None or decision.growth is None:
            return
        self.groups += 1
        self.head = write.head
        self.tree = decision.growth.tree
        self.nodes.add(decision.growth.nodes)
        self._saved = (write.head.note_size, write.head.relayed_to)
        self._sealing.known()

    async def follow(self, size: int | None = None) -> bool:
        """Catch up with the database; True when the log is longer than was known here.

        Given a ``size``, only if the log isn't known so far by now: of many who ask, one reads.
        Takes over a newer note too. The epoch stays the one under which this process writes: who
        lost a log doesn't come to hold it by following it.

        Raises:
            LogBehind: the database is behind, or beside, what is known here.
            StorageUnavailable: it can't be asked.
        """
        async with self._turn:
            if size is not None and self.head.size >= size:
                return False
            found = await self._stored.head()
            tree = await self._stored.extended(self.tree, self.nodes, found)
            moved = found.size > self.head.size
            self.head, self.tree = replace(found, epoch=self.head.epoch), tree
            self._relayed = max(self._relayed, found.relayed_to)
        self._sealing.known()
        if found.note is not None and found.note_size <= found.size:
            self._sealing.adopt(found.note, found.note_size)
        return moved

    async def check_extends(self, size: int, root: bytes) -> None:
        """Return when this log extends the tree of ``size`` and ``root``; follows it if it must.

        Raises:
            LogBehind: the database is behind that tree, or beside it.
            StorageUnavailable: it can't be asked.
        """
        if size > self.head.size:
            await self.follow()
        head, tree = self.head, self.tree
        if size > head.size:
            raise LogBehind(
                f"{head.origin}: the database holds {head.size} leaves, but {size} were signed."
                " It is an older copy: put back the newer one."
            )
        if size == head.size or not size:
            if root != (head.root if size else EMPTY_ROOT):
                raise LogBehind(
                    f"{head.origin}: the database holds another history than was signed."
                )
            return
        await check_consistent(size, root, head, tree, self.nodes)

    async def tile(self, level: int, number: int) -> bytes:
        """A tile as far as it is filled; the committed tree has at least one hash of it.

        Raises:
            StorageUnavailable: it can't be read.
        """
        return await self.nodes.tile(level, number, self.tree)

    async def meet(self, mark: Mark) -> None:
        """Go on signing from this mark. Raises LogBehind: the log does not extend it."""
        await self._sealing.meet(mark)

    def seal(self, size: int) -> Awaitable[None]:
        """Mark and sign up to ``size`` at least; ``size`` is committed.

        A log that this process has lost can still be sealed: its committed states are a line.

        Raises (when awaited):
            LogUnavailable: nothing may be signed here: the log is frozen, or its key isn't here.
            OutcomeUnknown: the mark could not be written, or the database not be asked.
        """
        return self._sealing.seal(size)

    @property
    def relayed_to(self) -> int:
        """Entries before this one are with the bus."""
        return self._relayed

    def relayed(self, end: int) -> None:
        """Entries before ``end`` are with the bus; the next group, or `save`, says so."""
        if end > self._relayed:
            self._relayed = end
            if self._shared:
                self._save_later()

    def _save_later(self) -> None:
        """Save when nothing has happened for a while: a group would carry it."""
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(SAVE_AFTER_S, self._save_now)

    def _save_now(self) -> None:
        self._saving = asyncio.create_task(self._try_to_save(), name="save-note")

    async def _try_to_save(self) -> None:
        try:
            await self.save()
        except SealwayError:
            return  # the next group carries it; while there is none, whoever renews the lease tries

    async def save(self) -> None:
        """Keep the last note, and how far the log was relayed, with the log; nothing when it is.

        Raises:
            StorageUnavailable: it can't be written now.
        """
        signed, relayed = self.signed, self._relayed
        if signed is None or self._saved == (signed.size, relayed):
            return
        await self._store.save_note(self.head.shard, signed.note, signed.size, relayed)
        self._saved = (signed.size, relayed)

    async def close(self) -> None:
        """Sign what is committed, keep the last note with the log, stop."""
        try:
            if self._failed is None and self._signer is not None and self.head.size:
                await asyncio.wait_for(self.seal(self.head.size), GROUP_TIMEOUT_S)
            if self._failed is None:
                await self.save()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop without signing or saving what isn't; reading goes on."""
        if self._failed is None:
            self.freeze(LogUnavailable("The log is closed here; ask again in a moment."))
        if self._idle is not None:
            self._idle.cancel()
        if self._saving is not None:
            await self._saving
        await self._sealing.stop()
