"""The sweeper: claims what is due, expires what is over. All retries and recovery go this way."""

import asyncio
from dataclasses import dataclass

import structlog

from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.acceptance.stored import OpenedMessage, OpenedMessages
from exchange.delivery.deliverer import Deliverer
from exchange.delivery.jobs import job_of_row
from exchange.delivery.statements import expired_entry
from exchange.delivery.waiting import Waiting
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock
from exchange.storage.port import Store
from signing.at_rest import StoredInvalid
from signing.errors import SealwayError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SweepTimes:
    """How often, how many, how long."""

    every_s: float = 1.0
    rows_max: int = 500
    claim_ms: int = 90_000
    expire_grace_ms: int = 10_000


class Sweeper:
    """One task: deliveries that are due, exchanges that are over."""

    def __init__(
        self,
        store: Store,
        opened: OpenedMessages,
        deliverer: Deliverer,
        committer: GroupCommitter,
        recorder: Recorder,
        directory: DirectoryInForce,
        waiting: Waiting,
        clock: Clock,
        owner: str,
        times: SweepTimes,
    ) -> None:
        self._store = store
        self._opened = opened
        self._deliverer = deliverer
        self._committer = committer
        self._recorder = recorder
        self._directory = directory
        self._waiting = waiting
        self._clock = clock
        self._owner = owner
        self._times = times
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start sweeping."""
        self._task = asyncio.create_task(self._run(), name="sweep")

    async def stop(self) -> None:
        """Stop sweeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except SealwayError as error:
                log.warning("sweep.failed", code=error.code)
            except Exception as error:
                log.error("sweep.failed", error=type(error).__name__)
            await asyncio.sleep(self._times.every_s)

    async def sweep(self) -> None:
        """One round."""
        await self._deliver_due()
        await self._expire()

    async def _deliver_due(self) -> None:
        now_ms = self._clock()
        rows = await self._store.claim_due(
            self._owner, now_ms, now_ms + self._times.claim_ms, self._times.rows_max
        )
        for row in rows:
            message = await self._open(row.id)
            if message is not None:
                self._deliverer.sweep(job_of_row(row, message))

    async def _expire(self) -> None:
        now_ms = self._clock()
        before_ms = now_ms - self._times.expire_grace_ms
        for id_ in await self._store.due_to_expire(before_ms, self._times.rows_max):
            message = await self._open(id_)
            if message is None:
                continue
            entry = expired_entry(self._recorder, message.manifest, message.place.leaf_hash, now_ms)
            await self._committer.submit(entry, self._directory.version)
            self._waiting.wake_exchange(message.manifest.id, None)

    async def _open(self, id_: bytes) -> OpenedMessage | None:
        """A swept message; one that can't be opened is told to the operator and holds back none."""
        try:
            message = await self._opened.message(id_)
        except StoredInvalid as error:
            log.error("sweep.unreadable", message=id_.hex(), reason=error.detail)
            return None
        assert message is not None, "a row without its message"
        return message
