"""One attempt of a delivery, from slot to row: claimed, asked, ended or given back.

All retries come back through the sweep: what is given back has its due time in its row. What must
not be repeated is durable as begun before the call, and dead when nobody knows how it ended.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from adapters.errors import AttemptFailed, ProviderMisbehaved
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.acceptance.requests import AnsweredRequest, Requests
from exchange.counts import LAG_S, Spread
from exchange.delivery.asking import Asking
from exchange.delivery.breakers import Breaker, Breakers, BreakerTerms
from exchange.delivery.hands import Hand
from exchange.delivery.jobs import Job
from exchange.delivery.parking import Parking
from exchange.delivery.pushing import Heard
from exchange.delivery.slots import Slots
from exchange.delivery.statements import dead_entry, delivered_entry
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock
from exchange.storage.port import Store
from exchange.storage.rows import ExchangeState, Park, StepRow
from registry.services import Service
from signing.errors import SealwayError
from signing.identifiers import SystemId

log = structlog.get_logger()

QUEUED_MS_MAX: Final = 15_000
"""The longest pause, give or take half, before a jammed service is asked for a slot again."""


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """Times of delivery, in milliseconds unless named otherwise; from the settings."""

    hold_s: float = 2.0
    claim_ms: int = 90_000
    retry_first_ms: int = 1_000
    retry_max_ms: int = 300_000
    misbehaved_max: int = 3
    concurrency: int = 256
    breaker: BreakerTerms = field(default_factory=BreakerTerms)
    doubt_ms: int = 4_000
    """An older record is believed only as far as its row: somebody may have begun the call."""

    def backoff_ms(self, attempt: int) -> int:
        """How long to wait after a failed attempt, counted from 1; doubled each time."""
        return min(self.retry_first_ms << min(attempt - 1, 30), self.retry_max_ms)

    def queue_ms(self, waited_ms: int) -> int:
        """How long to wait for a slot of a jammed service: an eighth of what it waited so far."""
        pause_ms = min(max(self.retry_first_ms, waited_ms // 8), QUEUED_MS_MAX)
        return int(pause_ms * random.uniform(0.5, 1.5))  # noqa: S311 - to spread, not to hide


@dataclass(frozen=True, slots=True)
class Desk:
    """What attempts are made with."""

    asking: Asking
    committer: GroupCommitter
    directory: DirectoryInForce
    requests: Requests
    recorder: Recorder
    store: Store
    parking: Parking
    clock: Clock
    owner: str
    times: DeliveryTimes


BREAKER_OPEN: Final = "breaker-open"


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """How attempts went so far; for metrics."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """By what was heard (`Heard`), or by the failure's code."""
    parked: Counter[str] = field(default_factory=Counter)
    """Deliveries given back to their rows without an attempt, by reason."""
    dead: Counter[str] = field(default_factory=Counter)
    """Deliveries given up, by cause."""
    lag_s: Spread = field(default_factory=lambda: Spread(LAG_S))
    """From acceptance to the beginning of the first attempt."""


class Attempts:
    """Makes attempts; each ends in its row."""

    def __init__(self, desk: Desk) -> None:
        self._d = desk
        self._slots = Slots(desk.times.concurrency)
        self.breakers = Breakers(desk.times.breaker)
        self.figures = DeliveryFigures()

    async def make(self, job: Job, hand: Hand) -> None:
        """One attempt; never raises but for its own cancellation."""
        try:
            await self._deliver(job, hand)
        except SealwayError as error:
            log.warning("delivery.postponed", code=error.code, attempt=job.attempt)
            await self._give_back(job)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.error("delivery.failed", error=type(error).__name__, attempt=job.attempt)
            await self._give_back(job)

    async def _give_back(self, job: Job) -> None:
        """After an error of our own; what must not be repeated stays as its row says."""
        service = self._service(job)
        if service is None or service.repeat != "never":
            await self._postpone(job)

    async def _deliver(self, job: Job, hand: Hand) -> None:
        service = self._service(job)
        if service is None:
            await self._postpone(job)
            return
        self._know(job, service)
        if self._is_over(job, service):
            self._d.requests.drop(job.manifest.id)
            await self._postpone(job)
            return
        if service.repeat == "never" and job.interrupted:
            await self._kill(job, "outcome-unknown")
            return
        if not self._is_ready():
            await self._postpone(job)
            return
        breaker = self.breakers.of(service.key)
        if breaker.left_ms(self._d.clock()):  # asked before a slot is waited for, and after
            await self._hold_off(job, breaker)
            return
        slot = self._slots.of(service)
        if not await slot.take(hand.left_s):
            self.figures.parked["no-slot"] += 1
            await self._postpone(job, pause_ms=self._queue_ms(job))
            return
        try:
            if breaker.admits(job.id, self._d.clock()):
                await self._attempt(job, service, hand, breaker)
            else:
                await self._hold_off(job, breaker)
        finally:
            breaker.given_up(job.id)
            slot.give()

    def _queue_ms(self, job: Job) -> int:
        return self._d.times.queue_ms(self._d.clock() - job.message.place.at_ms)

    async def _hold_off(self, job: Job, breaker: Breaker) -> None:
        """Park what an open breaker keeps from its provider; its timeline says so once."""
        self.figures.parked[BREAKER_OPEN] += 1
        now_ms = self._d.clock()
        pause_ms = breaker.left_ms(now_ms) + self._queue_ms(job)
        step = None
        if breaker.is_news(job.id):
            step = StepRow(job.id, now_ms, BREAKER_OPEN, None, now_ms + pause_ms)
        await self._postpone(job, pause_ms=pause_ms, step=step)

    def _is_ready(self) -> bool:
        """Whether an answer could be recorded; asked before anything is claimed or sent."""
        try:
            self._d.asking.check_ready()
        except SealwayError as error:
            log.warning("delivery.postponed", code=error.code)
            return False
        return True

    def _service(self, job: Job) -> Service | None:
        assert job.manifest.to is not None
        assert job.manifest.service is not None
        return self._d.directory.current.service(job.manifest.to, job.manifest.service)

    def _know(self, job: Job, service: Service) -> None:
        """Keep what the answer's checks will ask for, so that they needn't read it."""
        if not self._d.requests.knows(job.manifest.id):
            self._d.requests.add(
                AnsweredRequest(
                    job.manifest,
                    job.digest,
                    job.leaf_hash,
                    _answer_by_ms(job, service),
                    ExchangeState.OPEN,
                )
            )

    def _is_over(self, job: Job, service: Service) -> bool:
        expires, now_ms = job.manifest.expires_ms, self._d.clock()
        return (expires is not None and expires <= now_ms) or _answer_by_ms(job, service) < now_ms

    async def _attempt(self, job: Job, service: Service, hand: Hand, breaker: Breaker) -> None:
        must_claim = service.repeat == "never" or (hand.is_doubtful and not hand.is_claimed)
        if must_claim and not await self._d.store.claim(self._lease(job, service)):
            return  # a repeated record: somebody has begun this attempt
        hand.under_lease = partial(self._park_leased, job, service, hand)
        if job.attempt == 1:
            self.figures.lag_s.add(max(0, self._d.clock() - job.message.place.at_ms) / 1000)
        try:
            heard = await self._d.asking.exchange(job, service)
            if heard is Heard.TAKEN:
                await self._confirm(job, service)
        except AttemptFailed as failed:
            hand.under_lease = None
            misbehaved = isinstance(failed, ProviderMisbehaved)
            if breaker.failed(job.id, self._d.clock(), misbehaved=misbehaved):
                self.breakers.opened += 1
                log.warning("breaker.opened", system=service.system, service=service.code)
            await self._failed(job, service, failed)
        else:
            if breaker.open_until_ms is not None:
                log.info("breaker.closed", system=service.system, service=service.code)
            breaker.succeeded()
            self.figures.outcomes[heard.value] += 1
            if heard is Heard.ANSWERED:
                self._d.requests.drop(job.manifest.id)
        finally:
            hand.under_lease = None

    async def _confirm(self, job: Job, service: Service) -> None:
        """The provider has it, and its answer comes as a message: nobody is asked any more."""
        await self._d.store.claim(self._lease(job, service))  # so that its row names the attempt
        entry = delivered_entry(
            self._d.recorder, job.manifest, job.leaf_hash, job.attempt, self._d.clock()
        )
        await self._d.committer.submit(entry, self._d.directory.version)

    async def _park_leased(self, job: Job, service: Service, hand: Hand) -> None:
        if hand.under_lease is None:
            return  # it ended in the same turn of the loop, and its row says how
        try:
            await self._d.parking.park(self._lease(job, service))
        except SealwayError as error:
            log.warning("delivery.row_not_written", code=error.code)

    def _lease(self, job: Job, service: Service) -> Park:
        """The attempt as its row shows it: in flight, ours for as long as the call may take."""
        times = self._d.times
        call_ms = service.timeout_s * 1000 + times.claim_ms // 3
        until = self._d.clock() + max(times.claim_ms, call_ms)
        return Park(
            job.id, _recipient(job), until, job.attempt, job.misbehaved, self._d.owner, until
        )

    async def _failed(self, job: Job, service: Service, failed: AttemptFailed) -> None:
        self.figures.outcomes[failed.code] += 1
        misbehaved = job.misbehaved + isinstance(failed, ProviderMisbehaved)
        log.info(
            "delivery.attempt_failed",
            code=failed.code,
            attempt=job.attempt,
            system=service.system,
            service=service.code,
            **_trace(job),
        )
        if service.repeat == "never" and failed.maybe_sent:
            step = StepRow(job.id, self._d.clock(), "outcome-unknown", job.attempt)
            await self._d.store.add_steps([step])  # the row stays in flight: never tried again
            await self._kill(job, "outcome-unknown")
            return
        is_last = misbehaved >= self._d.times.misbehaved_max
        now_ms, pause_ms = self._d.clock(), self._d.times.backoff_ms(job.attempt)
        next_at_ms = None if is_last else now_ms + pause_ms
        step = StepRow(job.id, now_ms, failed.code, job.attempt, next_at_ms)
        park = Park(job.id, _recipient(job), now_ms + pause_ms, job.attempt, misbehaved, step=step)
        await self._park(park)
        if is_last:
            await self._kill(job, failed.code)

    async def _postpone(
        self, job: Job, pause_ms: int | None = None, step: StepRow | None = None
    ) -> None:
        """Give back what wasn't attempted, due again after a pause."""
        if pause_ms is None:
            pause_ms = self._d.times.backoff_ms(job.attempt)
        due_ms = self._d.clock() + pause_ms
        attempts = job.attempt - 1
        await self._park(Park(job.id, _recipient(job), due_ms, attempts, job.misbehaved, step=step))

    async def _park(self, park: Park) -> None:
        try:
            await self._d.parking.park(park)
        except SealwayError as error:
            log.warning("delivery.row_not_written", code=error.code)

    async def _kill(self, job: Job, cause: str) -> None:
        now_ms = self._d.clock()
        entry = dead_entry(self._d.recorder, job.manifest, job.leaf_hash, cause, now_ms)
        await self._d.committer.submit(entry, self._d.directory.version)
        self.figures.dead[cause] += 1
        self._d.requests.drop(job.manifest.id)


def _trace(job: Job) -> dict[str, str]:
    """The trace that the consumer is in, as lines of log name it; nothing when it told none."""
    context = job.manifest.traceparent
    return {} if context is None else {"trace_id": context[3:35]}


def _recipient(job: Job) -> SystemId:
    assert job.manifest.to is not None
    return SystemId(job.manifest.to)


def _answer_by_ms(job: Job, service: Service) -> int:
    """Until when its answer is accepted: as acceptance told it, or computed it."""
    if job.answer_by_ms is not None:
        return job.answer_by_ms
    deadline_ms = job.message.place.at_ms + service.deadline_s * 1000
    expires = job.manifest.expires_ms
    return deadline_ms if expires is None else min(deadline_ms, expires)
