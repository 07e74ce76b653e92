"""A log's seal: mark, then sign, what is committed. One mark covers what committed meanwhile.

Invariant: what is signed was marked before, and a mark moves only to a tree that extends it.
Committed states are a line, so several processes may seal one log: whoever finds the mark moved
shows that the log extends it, and goes on from there.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from exchange.ledger.errors import LedgerError, LogBehind, LogUnavailable, MarksDamaged
from exchange.ledger.marks import Mark, MarkMoved, Marks
from exchange.storage.one_thread import OneThread
from exchange.storage.rows import ShardHead
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from signing.log.note import NoteSigner


class OutcomeUnknown(LedgerError):
    """Committed, but not signed here: send the same bytes again."""

    code = "outcome-unknown"


@dataclass(frozen=True, slots=True)
class Signed:
    """The last signed checkpoint."""

    size: int
    note: str


class CommittedLog(Protocol):
    """What is sealed."""

    @property
    def head(self) -> ShardHead:
        """The committed head, as far as this process knows."""

    @property
    def failed(self) -> LedgerError | None:
        """Why nothing may be signed; None while all is well."""

    def freeze(self, reason: LedgerError) -> None:
        """Never write or sign here again in this process."""

    async def check_extends(self, size: int, root: bytes) -> None:
        """Return when the log extends this tree. Raises LogBehind."""


class Sealing:
    """Marks and signs one log, on a thread of its own."""

    def __init__(
        self,
        log: CommittedLog,
        signer: NoteSigner | None,
        marks: Marks,
        signed: Signed | None,
        on_signed: Callable[[], None] | None = None,
    ) -> None:
        self.signed = signed
        self._log = log
        self._signer = signer
        self._marks = marks
        self._on_signed = on_signed
        self._marked = _place(Mark(log.head.origin))
        self._thread = OneThread(f"sealway-mark-{log.head.shard}")
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._turn = threading.Lock()
        self._busy = False
        """Something is being sealed: one head at a time. Taken under the lock."""
        self._ahead: tuple[ShardHead, str] | None = None
        """Sealed, and not yet known to be committed on the event loop."""
        self._error: BaseException | None = None
        """Why a head wasn't sealed as soon as it was committed; whoever waits for it is told."""

    async def meet(self, mark: Mark) -> None:
        """Go on from this mark. Raises LogBehind: the log does not extend it."""
        await self._log.check_extends(mark.size, mark.root)
        self._marked = _place(mark)

    def adopt(self, note: str, size: int) -> None:
        """Take over a checkpoint that another process signed, if it is newer and the log's own."""
        if self.signed is not None and self.signed.size >= size:
            return
        if self._signer is not None:
            try:
                if verify_checkpoint(note, self._signer.verifier).size != size:
                    return
            except ProofInvalid:
                return
        self._release(Signed(size, note))

    def seal(self, size: int) -> Awaitable[None]:
        """Mark and sign up to ``size`` at least; ``size`` is committed.

        Raises (when awaited):
            LogUnavailable: nothing may be signed here.
            OutcomeUnknown: the mark could not be written, or the database not be asked.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.signed is not None and self.signed.size >= size:
            future.set_result(None)
            return future
        reason = self._log.failed or (_NO_KEY if self._signer is None else None)
        if reason is not None:
            future.set_exception(reason)
            return future
        assert size <= self._log.head.size, "only what is committed is signed"
        self._waiting.append((size, future))
        self._go_on()
        return future

    def begin(self, head: ShardHead) -> None:
        """Begin to seal a head that was just committed, if nothing is being sealed; any thread.

        Its committer is bound to say `known` soon: what is sealed isn't shown before.
        """
        if self._log.failed is not None or self._signer is None or not self._thread.is_running:
            return
        if self._take_turn():
            self._thread.post(
                partial(self._mark_and_sign, head, self._marked), partial(self._begun, head)
            )

    def known(self) -> None:
        """The log's head has moved on the event loop: show what was sealed ahead of it."""
        if self._ahead is None or self._ahead[0].size > self._log.head.size:
            return
        (head, note), self._ahead = self._ahead, None
        self._sealed(head, note)
        self._rest()

    def _begun(self, head: ShardHead, note: object, error: BaseException | None) -> None:
        if error is None:
            assert isinstance(note, str)
            self._ahead = (head, note)
            self.known()
            return
        if not isinstance(error, MarkMoved):  # the next seal meets that mark
            self._error = error
        self._rest()

    def _take_turn(self) -> bool:
        with self._turn:
            if self._busy:
                return False
            self._busy = True
            return True

    def _rest(self) -> None:
        self._busy = False
        if self._log.failed is not None:
            self._refuse(self._log.failed)
        self._go_on()

    def _go_on(self) -> None:
        """Seal for those who wait, unless something is being sealed: then this follows it."""
        if self._waiting and self._take_turn():
            self._task = asyncio.create_task(self._seal_all(), name="seal")

    async def _seal_all(self) -> None:
        try:
            if self._error is not None:
                raise self._error
            while self._waiting:
                try:
                    await self._seal_once()
                except MarkMoved as moved:
                    await self._follow_mark(moved.mark)
        except Exception as error:
            self._give_up(error)
        finally:
            self._busy = False

    def _give_up(self, error: Exception) -> None:
        """Freeze the log, unless only the database is away: a later seal may ask it again."""
        if isinstance(error, LogBehind):
            self._log.freeze(error)
        elif isinstance(error, LedgerError | OSError):
            self._log.freeze(
                LogUnavailable(
                    "The log's mark can't be written, so nothing is signed; the operator must look."
                )
            )
        self._refuse(error)

    async def _seal_once(self) -> None:
        head, before = self._log.head, self._marked
        self._sealed(head, await self._thread.run(partial(self._mark_and_sign, head, before)))

    def _sealed(self, head: ShardHead, note: str) -> None:
        self._marked = (head.size, head.root)
        self._release(Signed(head.size, note))
        if self._on_signed is not None:
            self._on_signed()

    def _mark_and_sign(self, head: ShardHead, before: tuple[int, bytes]) -> str:
        assert self._signer is not None
        if (head.size, head.root) != before:
            self._marks.advance(head.origin, before, head.size, head.root)
        return sign_checkpoint(Checkpoint(head.origin, head.size, head.root), self._signer)

    async def _follow_mark(self, mark: Mark) -> None:
        """Another process moved the mark: show that the log extends it."""
        if mark.size < self._marked[0]:
            raise MarksDamaged(f"{mark.origin}: the mark file went back; put the newer one back.")
        await self.meet(mark)

    def _release(self, signed: Signed) -> None:
        if self.signed is None or signed.size > self.signed.size:
            self.signed = signed
        covered = [future for wanted, future in self._waiting if wanted <= signed.size]
        self._waiting = [one for one in self._waiting if one[0] > signed.size]
        for future in covered:
            if not future.done():
                future.set_result(None)

    def _refuse(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(
                    OutcomeUnknown(
                        "It may have been recorded; send the same bytes again later.",
                        cause=repr(error),
                    )
                )

    async def stop(self) -> None:
        """End when what is being signed is signed; the log takes no more: it was frozen first."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._thread.stop)


def _place(mark: Mark) -> tuple[int, bytes]:
    return mark.size, mark.root


_NO_KEY = LogUnavailable("This log's key isn't here; ask again in a moment.")
