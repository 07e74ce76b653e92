"""The sweeper: claims what is due, expires what is over. All retries and recovery go this way.

Any number of them work on one database: what one claims the others skip, and each waits a while of
its own before it writes off an exchange, so that one of them does.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import structlog

from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.acceptance.requests import Requests
from exchange.acceptance.stored import OpenedMessage, OpenedMessages
from exchange.delivery.deliverer import Deliverer
from exchange.delivery.statements import expired_entry
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock
from exchange.storage.port import Store
from exchange.storage.rows import ExchangeState
from signing.at_rest import StoredInvalid
from signing.errors import SealwayError

log = structlog.get_logger()

ROUNDS_MAX: Final = 16  # full claims in a row until a pause: a backlog doesn't wait for the clock


@dataclass(frozen=True, slots=True)
class SweepTimes:
    """How often, how many, how long."""

    every_s: float = 1.0
    """Between two looks for what is due, give or take a quarter; without a broker 0.05."""
    rows_max: int = 500
    claim_ms: int = 90_000
    expire_every_s: float = 1.0
    expire_grace_ms: int = 10_000
    expire_spread_ms: int = 0
    """Where several processes expire, each waits up to so long, its own time for each exchange."""


class Sweeper:
    """Two tasks: deliveries that are due, exchanges that are over."""

    def __init__(
        self,
        store: Store,
        opened: OpenedMessages,
        deliverer: Deliverer,
        committer: GroupCommitter,
        recorder: Recorder,
        directory: DirectoryInForce,
        requests: Requests,
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
        self._requests = requests
        self._clock = clock
        self._owner = owner
        self._times = times
        self._over: dict[bytes, int] = {}
        self.claimed = self.expired = 0
        """Deliveries taken from their rows, exchanges written off; for metrics."""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start sweeping."""
        self._tasks = [
            asyncio.create_task(self._sweep_often(), name="sweep"),
            asyncio.create_task(self._expire_often(), name="expire"),
        ]

    async def stop(self) -> None:
        """Stop sweeping."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sweep_often(self) -> None:
        while True:
            try:
                for _ in range(ROUNDS_MAX):
                    if not await self.deliver_due():
                        break
            except SealwayError as error:
                log.warning("sweep.failed", code=error.code)
            except Exception as error:
                log.error("sweep.failed", error=type(error).__name__)
            await asyncio.sleep(_about(self._times.every_s))

    async def _expire_often(self) -> None:
        while True:
            try:
                await self.expire()
            except SealwayError as error:
                log.warning("sweep.not_expired", code=error.code)
            except Exception as error:
                log.error("sweep.not_expired", error=type(error).__name__)
            await asyncio.sleep(_about(self._times.expire_every_s))

    async def deliver_due(self) -> bool:
        """Claim what is due, no more than can be begun now; whether more may be due."""
        count_max = min(self._times.rows_max, self._deliverer.free)
        if not count_max:
            return False
        now_ms = self._clock()
        rows = await self._store.claim_due(
            self._owner, now_ms, now_ms + self._times.claim_ms, count_max
        )
        self.claimed += len(rows)
        for row in rows:
            self._deliverer.sweep(row)
        return len(rows) == count_max

    async def expire(self) -> None:
        """Write off the exchanges whose time is over, and this process's while."""
        before_ms = self._clock() - self._times.expire_grace_ms
        found = await self._store.due_to_expire(before_ms, self._times.rows_max)
        self._over = {id_: self._over.get(id_) or self._when(id_) for id_ in found}
        now_ms = self._clock()
        due = [id_ for id_, at_ms in self._over.items() if at_ms <= now_ms]
        results = await asyncio.gather(
            *(self._write_off(id_, now_ms) for id_ in due), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _when(self, id_: bytes) -> int:
        """When this process writes it off: another process, another time."""
        if not self._times.expire_spread_ms:
            return self._clock()
        waited_ms = crc32(id_, crc32(self._owner.encode())) % self._times.expire_spread_ms
        return self._clock() + waited_ms

    async def _write_off(self, id_: bytes, now_ms: int) -> None:
        if self._times.expire_spread_ms:  # another may have, since it was found
            exchange = await self._store.reads.exchange(id_)
            if exchange is None or exchange.state is not ExchangeState.OPEN:
                return
        message = await self._open(id_)
        if message is None:
            return
        entry = expired_entry(self._recorder, message.manifest, message.place.leaf_hash, now_ms)
        await self._committer.submit(entry, self._directory.version)
        self.expired += 1
        self._requests.drop(message.manifest.id)

    async def _open(self, id_: bytes) -> OpenedMessage | None:
        """A request; one that can't be opened is told to the operator and holds back none."""
        try:
            message = await self._opened.message(id_)
        except StoredInvalid as error:
            log.error("sweep.unreadable", message=id_.hex(), reason=error.detail)
            return None
        assert message is not None, "a row without its message"
        return message


def _about(seconds: float) -> float:
    """That long, give or take a quarter, so that processes don't sweep in step."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - to spread, not to hide
