"""The deliverer: takes requests from the bus or from a sweep, asks adapters, accepts answers.

A record from the bus is held 2 s at most: it ends, or its delivery is parked in its row and goes
on under a lease. All retries come back through the sweep.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from adapters.base import Adapter, AdapterRequest, Answer, Reject
from adapters.errors import AttemptFailed, ProviderMisbehaved, ProviderTimeout, ProviderUnreachable
from exchange.acceptance.accept import Acceptance, Refused
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.bus.port import Carried, Dispatch, MessageBus, Subscription, Topic
from exchange.delivery.answers import HostedKeys, KeyNotHosted, compose_answer
from exchange.delivery.jobs import Job
from exchange.delivery.slots import Slots
from exchange.delivery.statements import dead_entry
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock
from exchange.storage.port import Store
from exchange.storage.rows import Park, StepRow
from registry.directory import Directory
from registry.services import Service
from schemas.catalogue import Validators
from schemas.errors import PayloadInvalid
from signing.compose import verify_composed
from signing.errors import SealwayError
from signing.identifiers import SystemId
from signing.keys import Signer

log = structlog.get_logger()

OVER: Final = frozenset(
    {"already-answered", "answer-late", "exchange-cancelled", "answer-not-expected"}
)
"""Refusals of our own answer that mean the exchange has ended without us."""


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """Times of delivery, in milliseconds unless named otherwise; from the settings."""

    hold_s: float = 2.0
    claim_ms: int = 90_000
    retry_first_ms: int = 1_000
    retry_max_ms: int = 300_000
    misbehaved_max: int = 3
    concurrency: int = 256

    def backoff_ms(self, attempt: int) -> int:
        """How long to wait after a failed attempt, counted from 1; doubled each time."""
        return min(self.retry_first_ms << min(attempt - 1, 30), self.retry_max_ms)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a deliverer works with."""

    acceptance: Acceptance
    committer: GroupCommitter
    directory: DirectoryInForce
    adapters: Mapping[str, Adapter]
    hosted: HostedKeys
    recorder: Recorder
    validators: Validators
    store: Store
    clock: Clock
    owner: str
    times: DeliveryTimes


class Deliverer:
    """Hands requests to adapters and takes their answers in."""

    def __init__(self, tools: Tools) -> None:
        self._t = tools
        self._slots = Slots(tools.times.concurrency)
        self._running: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[None] | None = None

    async def start(self, bus: MessageBus) -> None:
        """Subscribe; before the relay starts."""
        subscription = await bus.subscribe(Topic.DELIVER, "deliver")
        self._listening = asyncio.create_task(self._listen(subscription), name="deliver")

    async def stop(self, drain_s: float) -> None:
        """Stop listening, wait for calls in flight, let the rest to a later sweep."""
        if self._listening is not None:
            self._listening.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=drain_s)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _listen(self, subscription: Subscription) -> None:
        async for batch in subscription:
            for carried in batch:
                body = carried.record.body
                if isinstance(body, Dispatch) and isinstance(body.payload, Job):
                    self._spawn(body.payload, carried, subscription)
                else:
                    subscription.done(carried)  # its row is found by the sweep

    def _spawn(self, job: Job, carried: Carried, subscription: Subscription) -> None:
        task = asyncio.create_task(self.deliver(job))
        self._running.add(task)

        def ended(done: "asyncio.Task[None]") -> None:
            self._running.discard(done)
            subscription.done(carried)

        task.add_done_callback(ended)

    def sweep(self, job: Job) -> None:
        """Take a job that a sweep claimed."""
        task = asyncio.create_task(self.deliver(job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    @property
    def running(self) -> int:
        """Deliveries in hand."""
        return len(self._running)

    async def deliver(self, job: Job) -> None:
        """One attempt, from slot to row; never raises."""
        try:
            await self._deliver(job)
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
            await self._postpone(job, None, job.misbehaved)

    async def _deliver(self, job: Job) -> None:
        service = self._service(job)
        if service is None or self._is_over(job):
            await self._postpone(job, None, job.misbehaved)
            return
        if service.repeat == "never" and job.interrupted:
            await self._kill(job, "outcome-unknown")
            return
        slot = self._slots.of(service)
        if not await slot.take(self._t.times.hold_s):
            await self._postpone(job, None, job.misbehaved)
            return
        try:
            await self._attempt(job, service)
        finally:
            slot.give()

    def _service(self, job: Job) -> Service | None:
        assert job.manifest.to is not None
        assert job.manifest.service is not None
        return self._t.directory.current.service(job.manifest.to, job.manifest.service)

    def _is_over(self, job: Job) -> bool:
        expires = job.manifest.expires_ms
        return expires is not None and expires <= self._t.clock()

    async def _attempt(self, job: Job, service: Service) -> None:
        if service.repeat == "never" and not await self._t.store.claim(self._lease(job, service)):
            return  # a repeated record: somebody has begun this attempt
        try:
            await self._exchange(job, service)
        except AttemptFailed as failed:
            await self._failed(job, service, failed)

    async def _exchange(self, job: Job, service: Service) -> None:
        """Ask, check, sign, accept; from `hold_s` on under a lease."""
        signer = self._signer(service)
        loop = asyncio.get_running_loop()
        holding = loop.call_later(self._t.times.hold_s, self._hold_under_lease, job, service)
        try:
            result = await self._ask(job, service)
            directory = self._t.directory.current
            self._check(result, service, directory)
            await self._accept(job, result, service, directory, signer)
        finally:
            holding.cancel()

    def _signer(self, service: Service) -> Signer:
        """Whom to sign as, asked before anything is sent."""
        try:
            return self._t.hosted.signer(service.system)
        except KeyNotHosted as error:
            log.error("delivery.no_key", system=service.system)
            raise ProviderUnreachable(error.detail, maybe_sent=False) from error

    def _hold_under_lease(self, job: Job, service: Service) -> None:
        task = asyncio.create_task(self._park_leased(job, service))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _park_leased(self, job: Job, service: Service) -> None:
        try:
            await self._t.store.park([self._lease(job, service)])
        except SealwayError as error:
            log.warning("delivery.row_not_written", code=error.code)

    def _lease(self, job: Job, service: Service) -> Park:
        """The attempt as its row shows it: in flight, ours for as long as the call may take."""
        times = self._t.times
        call_ms = service.timeout_s * 1000 + times.claim_ms // 3
        until = self._t.clock() + max(times.claim_ms, call_ms)
        return Park(
            job.id, _recipient(job), until, job.attempt, job.misbehaved, self._t.owner, until
        )

    async def _ask(self, job: Job, service: Service) -> Answer | Reject:
        delivery = service.test_delivery if job.manifest.test else service.delivery
        name = delivery.name if delivery else None
        adapter = self._t.adapters.get(name) if name else None
        if adapter is None:
            raise ProviderUnreachable("No adapter of that name runs here.", maybe_sent=False)
        manifest, body = job.manifest, job.manifest.parts[0]
        request = AdapterRequest(
            id=manifest.id,
            sender=manifest.sender,
            system=service.system,
            service=service.code,
            attempt=job.attempt,
            body_type=body.type,
            body=job.parts.data[0],
            purpose=manifest.purpose,
            test=manifest.test,
            expires_ms=manifest.expires_ms,
            traceparent=manifest.traceparent,
        )
        try:
            async with asyncio.timeout(service.timeout_s):
                return await adapter.answer(request)
        except TimeoutError as error:
            raise ProviderTimeout("No answer within the service's time.") from error

    def _check(self, result: Answer | Reject, service: Service, directory: Directory) -> None:
        """Check an answer before it is signed: we sign nothing that we'd refuse."""
        if isinstance(result, Reject):
            return
        schema = directory.schema(service.response_schema)
        if result.type != "application/json" or schema is None:
            raise ProviderMisbehaved("The answer isn't of the type that its schema describes.")
        try:
            self._t.validators.get(schema.fingerprint, schema.text).check(result.body)
        except PayloadInvalid as error:
            raise ProviderMisbehaved(f"The answer breaks its schema: {error.detail}") from error

    async def _accept(
        self,
        job: Job,
        result: Answer | Reject,
        service: Service,
        directory: Directory,
        signer: Signer,
    ) -> None:
        schema = None if isinstance(result, Reject) else service.response_schema
        composed = compose_answer(job, result, signer, self._t.clock(), schema)
        envelope = verify_composed(composed, directory)
        try:
            await self._t.acceptance.accept(envelope, composed.parts, checked_at=directory.version)
        except Refused as refused:
            if refused.error.code not in OVER:
                what = f"The bus refused the answer: {refused.error.code}."
                raise ProviderMisbehaved(what) from refused

    async def _failed(self, job: Job, service: Service, failed: AttemptFailed) -> None:
        misbehaved = job.misbehaved + isinstance(failed, ProviderMisbehaved)
        log.info(
            "delivery.attempt_failed",
            code=failed.code,
            attempt=job.attempt,
            system=service.system,
            service=service.code,
        )
        if service.repeat == "never" and failed.maybe_sent:
            step = StepRow(job.id, self._t.clock(), "outcome-unknown", job.attempt)
            await self._t.store.add_steps([step])  # the row stays in flight: never tried again
            await self._kill(job, "outcome-unknown")
        elif misbehaved >= self._t.times.misbehaved_max:
            await self._postpone(job, failed.code, misbehaved, retry=False)
            await self._kill(job, failed.code)
        else:
            await self._postpone(job, failed.code, misbehaved)

    async def _postpone(
        self, job: Job, code: str | None, misbehaved: int, *, retry: bool = True
    ) -> None:
        """Give the delivery back to its row, due again after a pause that grows."""
        now_ms = self._t.clock()
        due_ms = now_ms + self._t.times.backoff_ms(job.attempt)
        step = None
        if code is not None:
            step = StepRow(job.id, now_ms, code, job.attempt, due_ms if retry else None)
        attempt = job.attempt if code is not None else job.attempt - 1
        park = Park(job.id, _recipient(job), due_ms, attempt, misbehaved, step=step)
        try:
            await self._t.store.park([park])
        except SealwayError as error:
            log.warning("delivery.row_not_written", code=error.code)

    async def _kill(self, job: Job, cause: str) -> None:
        now_ms = self._t.clock()
        entry = dead_entry(self._t.recorder, job.manifest, job.leaf_hash, cause, now_ms)
        await self._t.committer.submit(entry, self._t.directory.version)


def _recipient(job: Job) -> SystemId:
    assert job.manifest.to is not None
    return SystemId(job.manifest.to)
