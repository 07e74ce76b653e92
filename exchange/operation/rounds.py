"""Rounds: what a running process does again and again beside its work.

Owns the tasks and their rhythm; each round's work is its caller's. A round that fails is told and
comes again; none ends the process.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from exchange.acceptance.directory import DirectoryInForce
from exchange.bus.port import CheckpointBoard
from exchange.ledger.log_writer import Clock, LogWriter
from exchange.storage.errors import StorageError
from signing.errors import SealwayError

log = structlog.get_logger()

DIRECTORY_S: Final = 1.0
"""How stale a directory may be in a process that neither commits nor refuses anything."""

CHECKPOINTS_S: Final = 1.0
"""A log's signed checkpoint is told to others at most this often (log.md, *Checkpoint*)."""

DAY_MS: Final = 86_400_000
OVERDUE_MS: Final = 3_600_000  # what should have expired so long ago is waited for

DAYS_S: Final = 3_600.0
"""Partitions are made seven days ahead; an hour's round has many tries."""

Work = Callable[[], Awaitable[object]]


class Rounds:
    """Tasks of one process, each with its period."""

    def __init__(self) -> None:
        self._plans: list[tuple[str, float, Work]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, every_s: float, work: Work) -> None:
        """One more; before `start`."""
        self._plans.append((name, every_s, work))

    def start(self) -> None:
        """Start them all; the first round of each comes at once."""
        self._tasks = [
            asyncio.create_task(_rounds(*plan), name=f"round-{plan[0]}") for plan in self._plans
        ]

    async def stop(self) -> None:
        """Stop them all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _rounds(name: str, every_s: float, work: Work) -> None:
    failed: str | None = None
    while True:
        try:
            await work()
            failed = None
        except SealwayError as error:
            if error.code != failed:  # told once, not every second
                log.warning("round.failed", round=name, code=error.code)
            failed = error.code
        except Exception as error:
            log.error("round.failed", round=name, error=type(error).__name__)
        await asyncio.sleep(every_s * random.uniform(0.8, 1.0))  # noqa: S311


class DirectoryWatch:
    """Learns what others changed, and whether the database can be asked at all."""

    def __init__(self, directory: DirectoryInForce) -> None:
        self._directory = directory
        self._noticed: asyncio.Task[None] | None = None
        self.looked_s: float | None = None
        """When the database last said that this directory is the newest; None before it was asked.

        On the clock that only goes forward.
        """
        self.trouble: str | None = None
        """Why the database can't be used; None when it could be asked a moment ago."""

    def notice(self, version: int) -> None:
        """Somebody says that the directory has reached a version: look at once."""
        if version > self._directory.version and self._noticed is None:
            self._noticed = asyncio.create_task(self._look_now())

    async def _look_now(self) -> None:
        try:
            await self.look()
        except SealwayError:
            pass  # the next round tells
        finally:
            self._noticed = None

    async def look(self) -> None:
        """One look. Raises StorageUnavailable."""
        began_s = time.monotonic()
        try:
            await self._directory.refresh()
        except StorageError as error:
            self.trouble = error.detail
            raise
        self.trouble, self.looked_s = None, began_s


class Checkpoints:
    """Tells others how far the logs that are written here are signed."""

    def __init__(self, board: CheckpointBoard, writers: Callable[[], list[LogWriter]]) -> None:
        self._board = board
        self._writers = writers
        self._told: dict[str, int] = {}

    async def tell(self) -> None:
        """Post each log's signed checkpoint that is newer than the last. Raises BusError."""
        for writer in self._writers():
            origin, signed = writer.head.origin, writer.signed
            if signed is not None and signed.size > self._told.get(origin, -1):
                await self._board.post(origin, signed.note)
                self._told[origin] = signed.size


class DayStore(Protocol):
    """A store that is partitioned by day."""

    async def make_partitions(self, now_ms: int) -> int:
        """Make the partitions that are missing up to a week ahead."""

    async def days_ahead(self, now_ms: int) -> int:
        """For how many days after today there are partitions."""


class RetiringStore(Protocol):
    """A store that lets old messages go."""

    async def due_to_expire(self, before_ms: int, count_max: int) -> list[bytes]:
        """Open exchanges whose time was over before a moment."""

    async def retire(self, before_ms: int) -> object:
        """Let go of days before a moment, but for what is still open."""


class Retention:
    """Lets messages go when their time is over; their leaves stay."""

    def __init__(self, store: RetiringStore, clock: Clock, days_kept: int) -> None:
        self._store = store
        self._clock = clock
        self._days_kept = days_kept

    async def look(self) -> None:
        """Retire what is over, once everything that should expire has. Raises StorageUnavailable.

        What is moved aside as open can't be ended any more.
        """
        now_ms = self._clock()
        if not await self._store.due_to_expire(now_ms - OVERDUE_MS, 1):
            await self._store.retire(now_ms - self._days_kept * DAY_MS)


class Days:
    """Keeps the database's partitions ahead of the calendar."""

    def __init__(self, store: DayStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.trouble: str | None = None
        """Why ids of tomorrow would find no place; None when all is well."""

    async def look(self) -> None:
        """Make what is missing. Raises StorageUnavailable."""
        now_ms = self._clock()
        await self._store.make_partitions(now_ms)
        ahead = await self._store.days_ahead(now_ms)
        self.trouble = None if ahead >= 1 else "Tomorrow's messages have no partition."
