"""The group commit: what has queued while the last group committed is the next group.

No timer. A group is at most 256 entries or 4 MiB (a larger message is a group by itself). Callers
are shielded: a client that hangs up cancels nothing. Outcomes are released when signed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.counts import SECONDS, SIZES, Spread
from exchange.ledger.decide import Decision
from exchange.ledger.entries import Entry, MessageEntry, Outcome, RecordEntry
from exchange.ledger.errors import BusBacklogged, LogUnavailable
from exchange.ledger.held import LogHeld
from exchange.ledger.log_writer import DirectoryChanged, LogLost, LogWriter
from exchange.storage.errors import StorageInDoubt
from signing.errors import SealwayError

ENTRIES_MAX: Final = 256
GROUP_BYTES_MAX: Final = 4 * 1024 * 1024
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
"""More than this waiting means the disk can't keep up: refuse rather than fill the memory."""

TURNS_MAX: Final = 8
"""Turns of the event loop, at most, in which a group may still grow before it is taken.

No timer: it is taken as soon as a turn brought nothing, so an idle bus commits at once. Seen with
four turns each time, at concurrency 32: groups of 13 instead of 9, and some 15 % less CPU time,
since each entry's share of the commit, the mark and the hand-overs shrinks.
"""

TRIES_MAX: Final = 64
"""So many lost logs and newer directories, one after the other: then a group is given back."""

PROMPT_TRIES: Final = 8  # as many without a pause, when the directory moves on
PAUSE_S: Final = 0.01

Recheck = Callable[[], tuple[Entry, int]]
"""Checks an entry again under the directory in force; answers it anew, and that version."""


@dataclass(slots=True, eq=False)
class Submission:
    """An entry on its way into a group."""

    entry: Entry
    version: int
    future: "asyncio.Future[Outcome]"
    recheck: Recheck | None = None
    payload: object = None
    """What the relay gets along with the outcome."""


@dataclass(frozen=True, slots=True)
class CommitFigures:
    """How committing went so far; for metrics."""

    entries: Spread
    """Entries of a group."""
    commit_s: Spread
    """From handing a group to the database to its commit."""
    seal_s: Spread
    """From its commit to the signature that covers it; those that got one."""


OnCommitted = Callable[[Sequence[tuple[Submission, Outcome]]], None]
Refresh = Callable[[], Awaitable[bool]]


async def nothing_new() -> bool:
    """Log 0's committer is in this process: it publishes a new version in its next turn."""
    return False


class GroupCommitter:
    """The queue of the traffic log held here, and its one task: the only one that commits to it.

    A group that finds its log lost goes to the next log as it is. After a commit in doubt nothing
    is committed until a log is held anew. ``refresh`` learns of a newer directory that another
    process wrote; True when there was one.
    """

    def __init__(
        self,
        held: LogHeld,
        version: Callable[[], int],
        on_committed: OnCommitted,
        *,
        refresh: Refresh = nothing_new,
        entries_max: int = ENTRIES_MAX,
        group_bytes_max: int = GROUP_BYTES_MAX,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        self._held = held
        self._version = version
        self._on_committed = on_committed
        self._refresh = refresh
        self._entries_max = entries_max
        self._group_bytes_max = group_bytes_max
        self._waiting_bytes_max = waiting_bytes_max
        self._queue: deque[Submission] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.figures = CommitFigures(Spread(SIZES), Spread(SECONDS), Spread(SECONDS))

    def start(self) -> None:
        """Start the committer's task."""
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Commit what is queued, then end; later submissions are refused."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    @property
    def writer(self) -> LogWriter:
        """The log held now. Raises LogUnavailable while there is none."""
        return self._held.writer

    @property
    def waiting(self) -> int:
        """Entries waiting for a group."""
        return len(self._queue)

    @property
    def waiting_bytes(self) -> int:
        """Their bytes."""
        return self._queued_bytes

    def submit(
        self,
        entry: Entry,
        version: int,
        recheck: Recheck | None = None,
        payload: object = None,
    ) -> "asyncio.Future[Outcome]":
        """Queue an entry whose checks used directory ``version``.

        The future ends when the entry is committed and signed, and never because its waiter left.

        Raises:
            BusBacklogged: too many bytes wait already.
            LogUnavailable: the log is frozen, none is held, or the bus is stopping.
        """
        if self._stopping:
            raise LogUnavailable("The bus is stopping; send the same bytes again in a moment.")
        if (failed := self._held.writer.failed) is not None:
            raise failed
        if self._queued_bytes and self._queued_bytes + entry.size_bytes > self._waiting_bytes_max:
            raise BusBacklogged("More is waiting to be recorded than fits; try again later.")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append(Submission(entry, version, future, recheck, payload))
        self._queued_bytes += entry.size_bytes
        self._wake.set()
        return future

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._gather()
            group = self._next_group()
            try:
                await self._commit(group)
            except SealwayError as error:
                _fail(group, error)
            except Exception as error:
                _fail(group, LogUnavailable("The log failed unexpectedly.", cause=repr(error)))

    async def _gather(self) -> None:
        """Let what has already arrived into the group."""
        for _ in range(TURNS_MAX):
            waiting = len(self._queue)
            await asyncio.sleep(0)
            if len(self._queue) == waiting or waiting >= self._entries_max:
                return

    def _next_group(self) -> list[Submission]:
        """Take from the queue's front; what conflicts with the group waits for the next."""
        group: list[Submission] = []
        later: list[Submission] = []
        taken: set[bytes] = set()
        size = 0
        while self._queue and len(group) < self._entries_max:
            entry = self._queue[0].entry
            if group and size + entry.size_bytes > self._group_bytes_max:
                break
            submission = self._queue.popleft()
            keys = _keys(entry)
            if taken.isdisjoint(keys):
                taken.update(keys)
                group.append(submission)
                size += entry.size_bytes
            else:
                later.append(submission)
        self._queue.extendleft(reversed(later))
        self._queued_bytes -= size
        return group

    async def _commit(self, group: list[Submission]) -> None:
        for tries in range(TRIES_MAX):
            version = self._version()
            group = [one for one in group if _is_current(one, version)]
            if not group:
                return
            writer, began_s = self._held.writer, time.perf_counter()
            try:
                decision = await writer.commit([one.entry for one in group], version, seal=True)
            except DirectoryChanged:
                if not await self._refresh():
                    await asyncio.sleep(0 if tries < PROMPT_TRIES else PAUSE_S)
            except LogLost:
                await self._held.again(writer)
            except StorageInDoubt as doubt:
                _fail(group, doubt)
                await self._held.again(writer)
                return
            else:
                self.figures.commit_s.add(time.perf_counter() - began_s)
                self._committed(writer, group, decision)
                return
        raise LogUnavailable("Too much is changing at once; send the same bytes again.")

    def _committed(self, writer: LogWriter, group: list[Submission], decision: Decision) -> None:
        pairs = list(zip(group, decision.outcomes, strict=True))
        self.figures.entries.add(len(group))
        self._on_committed(pairs)
        committed_s = time.perf_counter()
        sealed = asyncio.ensure_future(writer.seal(writer.head.size))

        def release(done: "asyncio.Future[None]") -> None:
            if done.exception() is None:
                self.figures.seal_s.add(time.perf_counter() - committed_s)
            _release(pairs, done)

        sealed.add_done_callback(release)


def _keys(entry: Entry) -> tuple[bytes, ...]:
    if isinstance(entry, MessageEntry):
        about = entry.ends.id if entry.ends else entry.during
        return (entry.row.id, about) if about else (entry.row.id,)
    if isinstance(entry, RecordEntry):
        change = entry.end or entry.kill or entry.confirm or entry.settle
        return (change.id,) if change else ()
    return ()


def _is_current(submission: Submission, version: int) -> bool:
    """Bring a submission up to the directory in force, or end it with its refusal."""
    if submission.version == version or submission.recheck is None:
        return True
    try:
        submission.entry, submission.version = submission.recheck()
    except SealwayError as error:
        _settle(submission, error)
        return False
    return True


def _settle(submission: Submission, result: Outcome | SealwayError) -> None:
    if submission.future.done():
        return
    if isinstance(result, SealwayError):
        submission.future.set_exception(result)
    else:
        submission.future.set_result(result)


def _fail(group: Sequence[Submission], error: SealwayError) -> None:
    for submission in group:
        _settle(submission, error)


def _release(pairs: Sequence[tuple[Submission, Outcome]], sealed: "asyncio.Future[None]") -> None:
    error = sealed.exception()
    for submission, outcome in pairs:
        _settle(submission, error if isinstance(error, SealwayError) else outcome)
