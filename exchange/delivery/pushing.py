"""Push: the verified request posted to the provider's own endpoint, with the proof that we took it.

Owns one call to one endpoint: what is posted (the delivery form), and what each reply means.
Refuses to own addresses (the settings name them, egress checks them), rows and retries.

Invariant: an answer that comes in the reply passes the same acceptance as one that is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import structlog

from adapters.egress import Egress, EgressResponse, Origin
from adapters.egress.client import is_header
from adapters.errors import ProviderMisbehaved, ProviderNotSetUp, ProviderUnreachable
from exchange.acceptance.accept import TROUBLE, Acceptance, Accepted, Refused
from exchange.delivery.jobs import Job
from exchange.ledger.entries import Placed
from exchange.ledger.errors import AnswerNotExpected
from registry.services import Service
from signing.envelope import decode_envelope
from signing.errors import SealwayError
from signing.identifiers import SystemId
from signing.manifest import ANSWERS, Manifest, parse_manifest
from signing.message import DELIVERY_TYPE, FRAME_TYPE, encode_delivery, parse_frame

OVER: Final = frozenset(
    {"already-answered", "answer-late", "exchange-cancelled", "answer-not-expected"}
)
"""Refusals of an answer that mean the exchange has ended without it."""

log = structlog.get_logger()

NOT_NOW: Final = frozenset({429, 502, 503, 504})
_BUSY: Final = "rate-exceeded"


class Heard(Enum):
    """What came of asking a provider."""

    ANSWERED = "answered"
    """Its exchange has ended, with this answer or another."""
    TAKEN = "taken"
    """It has the request, and will send the answer as a message."""


@dataclass(frozen=True, slots=True)
class PushEndpoint:
    """Where one system is pushed to, and what every call there carries."""

    system: SystemId
    origin: Origin
    target: str
    headers: tuple[tuple[str, str], ...] = ()


class MakesReceipts(Protocol):
    """What proves to the provider that the bus took the request."""

    async def receipt(self, place: Placed) -> str:
        """The receipt of a leaf. Raises LogUnavailable, OutcomeUnknown."""


class Pushing:
    """Posts requests to endpoints, and has their answers accepted."""

    def __init__(
        self,
        acceptance: Acceptance,
        receipts: MakesReceipts,
        egress: Egress | None,
        endpoints: Mapping[str, PushEndpoint],
    ) -> None:
        self._acceptance = acceptance
        self._receipts = receipts
        self._egress = egress
        self._endpoints = endpoints

    async def push(self, job: Job, service: Service, name: str) -> Heard:
        """Post one request, and accept the answer if it comes at once.

        Redirects are not followed. The time is the service's, at most that of egress (60 s): who
        needs longer answers 202 and sends its answer when it has one.

        Raises:
            AttemptFailed: the provider, or the way to it.
            SealwayError: our own log; nothing was accepted, or nobody knows.
        """
        endpoint = self._endpoint(service, name)
        receipt = await self._receipts.receipt(job.message.place)
        response = await self._post(endpoint, job, service, receipt)
        if response.status == 202:
            return Heard.TAKEN
        raw = _answer_of(response)
        await self._accept(job, raw, response.body)
        return Heard.ANSWERED

    async def _post(
        self, endpoint: PushEndpoint, job: Job, service: Service, receipt: str
    ) -> EgressResponse:
        assert self._egress is not None, "endpoints come with their egress"
        return await self._egress.call(
            endpoint.origin,
            "POST",
            endpoint.target,
            headers=(*endpoint.headers, *_headers(job)),
            body=encode_delivery(receipt, job.message.frame),
            timeout_s=service.timeout_s,
            repeatable=service.repeat != "never",
        )

    def _endpoint(self, service: Service, name: str) -> PushEndpoint:
        found = self._endpoints.get(name)
        if found is None or found.system != service.system:
            # A service may name any endpoint; only its own system's is ever called.
            log.error("delivery.no_endpoint", service=service.key, endpoint=name)
            raise ProviderNotSetUp(
                "No push endpoint of that name is set up here for this system.",
                system=service.system,
                name=name,
            )
        return found

    async def _accept(self, job: Job, raw: bytes, frame: bytes) -> None:
        try:
            if not _answers(parse_manifest(decode_envelope(raw).payload), job):
                raise ProviderMisbehaved("The provider's endpoint answered something else.")
            arrival = await self._acceptance.arrive(raw)
            if not isinstance(arrival, Accepted):
                await self._acceptance.take(arrival, parse_frame(frame)[1])
        except Refused as refused:
            _judge(refused)
        except ProviderMisbehaved:
            raise
        except SealwayError as error:
            if error.code in TROUBLE:
                raise
            raise ProviderMisbehaved(f"The answer is not one: {error.detail}") from error


def _headers(job: Job) -> tuple[tuple[str, str], ...]:
    manifest = job.manifest
    own = [
        ("Content-Type", DELIVERY_TYPE),
        ("Accept", FRAME_TYPE),
        ("Idempotency-Key", manifest.id),
        ("Sealway-Attempt", str(job.attempt)),
    ]
    if manifest.traceparent and is_header("traceparent", manifest.traceparent):
        own.append(("traceparent", manifest.traceparent))
    return tuple(own)


def _answer_of(response: EgressResponse) -> bytes:
    """The envelope of the answer in a reply. Raises AttemptFailed for any other reply."""
    status = response.status
    if status in NOT_NOW:
        raise ProviderUnreachable(f"The provider's endpoint answered {status}.")
    if 300 <= status < 400:
        raise ProviderMisbehaved("The provider's endpoint redirects, which is never followed.")
    if status != 200:
        raise ProviderMisbehaved(f"The provider's endpoint answered {status}.")
    if response.media_type != FRAME_TYPE:
        raise ProviderMisbehaved(f"The provider's endpoint must answer with {FRAME_TYPE}.")
    try:
        return parse_frame(response.body)[0]
    except SealwayError as error:
        raise ProviderMisbehaved(f"The answer is no frame: {error.detail}") from error


def _answers(manifest: Manifest, job: Job) -> bool:
    """Whether this is the end of exactly the exchange that was asked about."""
    about = manifest.about
    return manifest.kind in ANSWERS and about is not None and about.id == job.manifest.id


def _judge(refused: Refused) -> None:
    """What a refused answer says of its provider; nothing when the exchange is over."""
    code = refused.error.code
    if code in OVER and code != AnswerNotExpected.code:  # it is about this very exchange
        return
    if code == _BUSY:
        raise ProviderUnreachable("The provider answers faster than it may.") from refused
    raise ProviderMisbehaved(f"The bus refused the answer: {code}.") from refused
