"""The parts of the bus that tell of what they do: each is the plain part, with spans around it.

Owns which steps have a span and which registered names it says. Refuses to change what a part does.
"""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from opentelemetry.trace import SpanContext

from adapters.base import Adapter, Answer, Reject
from adapters.egress import EgressResponse
from exchange.acceptance.accept import Acceptance, Accepted, Refused, Workshop
from exchange.acceptance.arrival import Arrival
from exchange.delivery.asking import Asking
from exchange.delivery.jobs import Job
from exchange.delivery.pushing import Heard, PushEndpoint, Pushing
from exchange.delivery.waiting import Answer as Ended
from exchange.delivery.waiting import Waiting
from exchange.ledger.errors import NothingToCancel
from exchange.operation.makers import Makers
from exchange.operation.tracing.spans import Outcome, Spans, Value, outcome_of, parent_of
from registry.directory import Directory
from registry.services import Service
from signing.envelope import VerifiedEnvelope
from signing.identifiers import MessageId
from signing.manifest import Manifest
from signing.message import Parts


@dataclass(slots=True)
class _Here:
    """The message that this call brought."""

    manifest: Manifest
    began_ns: int
    accepted_ns: int | None = None
    span: SpanContext | None = None


_here: ContextVar[_Here | None] = ContextVar("message_here", default=None)


def traced(spans: Spans) -> Makers:
    """Parts that tell ``spans`` what they do."""
    return Makers(
        acceptance=partial(TracedAcceptance, spans),
        waiting=partial(TracedWaiting, spans),
        asking=partial(TracedAsking, spans),
        pushing=partial(TracedPushing, spans),
    )


class TracedAcceptance(Acceptance):
    """Tells of each message with a valid signature, from its envelope to its receipt or refusal."""

    def __init__(self, spans: Spans, workshop: Workshop) -> None:
        super().__init__(workshop)
        self._spans = spans

    async def _arrive(self, envelope: VerifiedEnvelope) -> Arrival | Accepted:
        here = _Here(envelope.manifest, time.time_ns())
        _here.set(here)
        try:
            arrived = await super()._arrive(envelope)
        except Exception as error:
            self._tell(here, _refusal(error))
            raise
        if isinstance(arrived, Accepted):
            self._accepted(here, arrived)
        return arrived

    async def take(
        self, arrival: Arrival, parts: Parts, *, checked_at: int | None = None
    ) -> Accepted:
        """As the plain part's."""
        here = _here.get()
        if here is None or here.manifest is not arrival.envelope.manifest:
            here = _Here(arrival.envelope.manifest, time.time_ns())
            _here.set(here)
        try:
            accepted = await super().take(arrival, parts, checked_at=checked_at)
        except Exception as error:
            self._tell(here, _refusal(error))
            raise
        self._accepted(here, accepted)
        return accepted

    def _accepted(self, here: _Here, accepted: Accepted) -> None:
        here.accepted_ns = time.time_ns()
        self._tell(here, Outcome("accepted-before" if accepted.again else "accepted"))

    def _tell(self, here: _Here, outcome: Outcome) -> None:
        told = _about(here.manifest, self._w.directory.current)
        parent = parent_of(here.manifest.traceparent)
        here.span = self._spans.tell("sealway.accept", parent, here.began_ns, outcome, told)


class TracedWaiting(Waiting):
    """Tells how long a client waited for its answer after its message was accepted."""

    def __init__(self, spans: Spans, *args: Any) -> None:
        super().__init__(*args)
        self._spans = spans

    def leave(self, id_: MessageId, waiter: "asyncio.Future[Ended | None]") -> None:
        """As the plain part's."""
        is_woken = waiter not in self._exchanges.get(id_, ())
        super().leave(id_, waiter)
        here = _here.get()
        if here is None or here.manifest.id != id_ or here.accepted_ns is None:
            return
        if not waiter.done():
            return  # nobody waited: the answer was there before
        outcome = Outcome("woken" if is_woken else "timed-out")
        parent = parent_of(here.manifest.traceparent) or here.span
        self._spans.tell("sealway.wait", parent, here.accepted_ns, outcome, {})


class TracedAsking(Asking):
    """Tells of each attempt at a provider, and of the adapter's part in it."""

    def __init__(self, spans: Spans, *args: Any) -> None:
        super().__init__(*args)
        self._spans = spans

    async def exchange(self, job: Job, service: Service) -> Heard:
        """As the plain part's."""
        parent = parent_of(job.manifest.traceparent)
        with self._spans.around("sealway.deliver", parent, _of_job(job, service)) as outcome:
            heard = await super().exchange(job, service)
            outcome.code = heard.value
            return heard

    async def _ask(self, job: Job, service: Service, adapter: Adapter) -> Answer | Reject:
        told = {**_of_job(job, service), "sealway.by": "adapter"}
        with self._spans.around("sealway.call", None, told) as outcome:
            result = await super()._ask(job, service, adapter)
            outcome.code = "rejected" if isinstance(result, Reject) else "answered"
            return result


class TracedPushing(Pushing):
    """Tells of each call to a push endpoint."""

    def __init__(self, spans: Spans, *args: Any) -> None:
        super().__init__(*args)
        self._spans = spans

    async def _post(
        self, endpoint: PushEndpoint, job: Job, service: Service, receipt: str
    ) -> EgressResponse:
        told = {**_of_job(job, service), "sealway.by": "push"}
        with self._spans.around("sealway.call", None, told) as outcome:
            response = await super()._post(endpoint, job, service, receipt)
            outcome.code = str(response.status)
            return response


def _refusal(error: Exception) -> Outcome:
    if isinstance(error, NothingToCancel):
        return Outcome(error.code)  # answered 200
    return Outcome(outcome_of(error.error if isinstance(error, Refused) else error), is_error=True)


def _about(manifest: Manifest, directory: Directory) -> dict[str, Value]:
    """What is registered of what a message names; a sender may write anything else there."""
    told: dict[str, Value] = {"sealway.kind": manifest.kind, "sealway.test": manifest.test}
    for provider in (manifest.to, manifest.sender):
        if provider is None or manifest.service is None:
            continue
        service = directory.service(provider, manifest.service)
        if service is not None:
            return told | {"sealway.system": service.system, "sealway.service": service.code}
    return told


def _of_job(job: Job, service: Service) -> dict[str, Value]:
    return {
        "sealway.kind": job.manifest.kind,
        "sealway.test": job.manifest.test,
        "sealway.system": service.system,
        "sealway.service": service.code,
        "sealway.attempt": job.attempt,
    }
