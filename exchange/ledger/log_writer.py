"""One log's writer: commit, then mark, then sign, as a pipeline.

Invariant: what was committed is a line (the store swaps heads); what is signed was marked before.
The next group may commit while the last is being marked. One mark covers every group that
committed meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from exchange.ledger.decide import Decision, ask, decide
from exchange.ledger.entries import Entry
from exchange.ledger.errors import LedgerError, LogUnavailable
from exchange.ledger.marks import Marks
from exchange.ledger.tree import NodeCache, Tree
from exchange.storage.one_thread import OneThread
from exchange.storage.rows import CommitResult, GroupFacts, GroupPlan, GroupWrite, ShardHead
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.note import NoteSigner

Clock = Callable[[], int]
"""Milliseconds since 1970."""

GROUP_TIMEOUT_S: Final = 30.0  # a mark that takes longer means a dying disk


class LedgerStore(Protocol):
    """Where groups are committed."""

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """Commit one group durably, or say which assumption no longer holds.

        Raises:
            SealwayError: nothing was written.
        """

    async def save_note(self, shard: int, note: str, size: int) -> None:
        """Keep a log's last signed checkpoint."""


class DirectoryChanged(LedgerError):
    """The directory moved on after the checks: check again, then commit."""


class OutcomeUnknown(LedgerError):
    """Committed, but the log's mark could not be written: send the same bytes again."""

    code = "outcome-unknown"


@dataclass(frozen=True, slots=True)
class Signed:
    """The last signed checkpoint."""

    size: int
    note: str


class LogWriter:
    """Commits groups to one log and signs what it committed.

    One `commit` at a time. `sealed(size)` returns once a signed checkpoint covers ``size``.
    """

    def __init__(
        self,
        store: LedgerStore,
        signer: NoteSigner,
        marks: Marks,
        head: ShardHead,
        tree: Tree,
        nodes: NodeCache,
        clock: Clock,
    ) -> None:
        self._store = store
        self._signer = signer
        self._marks = marks
        self.head = head
        self.tree = tree
        self.nodes = nodes
        self._clock = clock
        self.signed = Signed(head.note_size, head.note) if head.note else None
        self._marked = (head.size, head.root)
        self._thread = OneThread(f"sealway-mark-{head.shard}")
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._sealing: asyncio.Task[None] | None = None
        self._failed: LedgerError | None = None
        self._saved = head.note_size
        self.groups = 0

    @property
    def verifier_key(self) -> str:
        """The key that the log's checkpoints verify with, as text."""
        return str(self._signer.verifier)

    @property
    def failed(self) -> LedgerError | None:
        """Why nothing can be written here any more; None while all is well."""
        return self._failed

    def freeze(self, reason: LedgerError) -> None:
        """Never write or sign here again in this process; reading goes on."""
        self._failed = reason

    async def commit(self, entries: Sequence[Entry], version: int) -> Decision:
        """Commit one group under directory ``version``. Nothing is signed yet.

        Raises:
            DirectoryChanged: nothing was written; check the entries again.
            LogUnavailable, StorageUnavailable: nothing was written.
        """
        if self._failed is not None:
            raise self._failed
        decision: Decision | None = None

        def decide_now(facts: GroupFacts) -> GroupWrite | None:
            nonlocal decision
            decision = decide(entries, facts, self._head_to_write(), self.tree, version, now_ms)
            return decision.write

        now_ms = self._clock()
        head = self.head
        plan = GroupPlan(
            head.shard, head.epoch, head.size, head.root, version, ask(entries), decide_now
        )
        result, write = await self._store.commit(plan)
        if result is CommitResult.DIRECTORY_CHANGED:
            raise DirectoryChanged("The directory changed while this was being checked.")
        if result is CommitResult.SHARD_LOST:
            self._failed = LogUnavailable("This process no longer holds the log; ask again.")
            raise self._failed
        assert decision is not None
        self._took(decision, write)
        return decision

    def _head_to_write(self) -> ShardHead:
        if self.signed is None:
            return self.head
        return replace(self.head, note=self.signed.note, note_size=self.signed.size)

    def _took(self, decision: Decision, write: GroupWrite | None) -> None:
        if write is None or decision.growth is None:
            return
        self.groups += 1
        self.head = write.head
        self.tree = decision.growth.tree
        self.nodes.add(decision.growth.nodes)

    def seal(self, size: int) -> Awaitable[None]:
        """Mark and sign up to ``size`` at least.

        Raises (when awaited):
            OutcomeUnknown: the mark could not be written.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.signed is not None and self.signed.size >= size:
            future.set_result(None)
            return future
        if self._failed is not None:
            future.set_exception(self._failed)
            return future
        self._waiting.append((size, future))
        if self._sealing is None or self._sealing.done():
            self._sealing = asyncio.create_task(self._seal_all(), name="seal")
        return future

    async def _seal_all(self) -> None:
        while self._waiting:
            head, before = self.head, self._marked
            try:
                note = await self._thread.run(partial(self._mark_and_sign, head, before))
            except (LedgerError, OSError) as error:
                self._fail(error)
                return
            self._marked = (head.size, head.root)
            self.signed = Signed(head.size, note)
            self._release(head.size)

    def _mark_and_sign(self, head: ShardHead, before: tuple[int, bytes]) -> str:
        if (head.size, head.root) != before or self._marks.of(head.origin) is None:
            self._marks.advance(head.origin, before, head.size, head.root)
        return sign_checkpoint(Checkpoint(head.origin, head.size, head.root), self._signer)

    def _release(self, size: int) -> None:
        covered = [future for wanted, future in self._waiting if wanted <= size]
        self._waiting = [one for one in self._waiting if one[0] > size]
        for future in covered:
            if not future.done():
                future.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._failed = LogUnavailable(
            "The log's mark can't be written, so nothing is signed; the operator must look."
        )
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(
                    OutcomeUnknown(
                        "It may have been recorded; send the same bytes again later.",
                        cause=repr(error),
                    )
                )

    async def close(self) -> None:
        """Sign what is committed, keep the last note with the log, stop."""
        if self._failed is None and self.head.size > self._saved:
            await asyncio.wait_for(self.seal(self.head.size), GROUP_TIMEOUT_S)
            if self.signed is not None:
                await self._store.save_note(self.head.shard, self.signed.note, self.signed.size)
                self._saved = self.signed.size
        await asyncio.to_thread(self._thread.stop)
