"""Asking a provider: from a request to an answer that is checked and signed, or why there is none.

Owns the call and what is wrong with its result. Refuses to own rows, slots and retries.
"""

import asyncio
from collections.abc import Mapping

import structlog

from adapters.base import Adapter, AdapterRequest, Answer, Attachment, Reject
from adapters.errors import ProviderMisbehaved, ProviderNotSetUp, ProviderTimeout
from exchange.acceptance.accept import Acceptance, Refused
from exchange.acceptance.checks.kind import CONTEXT
from exchange.acceptance.checks.payload import validator_for
from exchange.acceptance.directory import DirectoryInForce
from exchange.delivery.answers import HostedKeys, KeyNotHosted, compose_answer
from exchange.delivery.jobs import Job
from exchange.delivery.pushing import OVER, Heard, Pushing
from exchange.ledger.log_writer import Clock
from registry.directory import Directory
from registry.services import Service
from schemas.catalogue import Validators, media_types_of
from schemas.errors import PayloadInvalid
from signing.compose import verify_composed
from signing.keys import Signer

log = structlog.get_logger()


class Asking:
    """Asks adapters and push endpoints, and has their answers accepted."""

    def __init__(
        self,
        acceptance: Acceptance,
        directory: DirectoryInForce,
        adapters: Mapping[str, Adapter],
        hosted: HostedKeys,
        validators: Validators,
        clock: Clock,
        pushing: Pushing,
    ) -> None:
        self._pushing = pushing
        self._acceptance = acceptance
        self._directory = directory
        self._adapters = adapters
        self._hosted = hosted
        self._validators = validators
        self._clock = clock

    def check_ready(self) -> None:
        """Raises SealwayError while no answer could be recorded: nobody is asked then."""
        self._acceptance.check_writable()

    async def exchange(self, job: Job, service: Service) -> Heard:
        """Ask, check, sign, accept; an exchange that ended meanwhile is no failure.

        `Heard.TAKEN` only of a push endpoint that answers later.

        Raises:
            AttemptFailed: the provider, or the way to it.
            SealwayError: our own log; nothing was accepted, or nobody knows.
        """
        delivery = service.test_delivery if job.manifest.test else service.delivery
        name = delivery.name if delivery else None
        if delivery is not None and delivery.kind == "push":
            return await self._pushing.push(job, service, name or "")
        adapter = self._adapter(service, name or "")
        signer = self._signer(service)
        result = await self._ask(job, service, adapter)
        directory = self._directory.current
        self._check(result, service, directory)
        await self._accept(job, result, service, directory, signer)
        return Heard.ANSWERED

    def _adapter(self, service: Service, name: str) -> Adapter:
        adapter = self._adapters.get(name)
        if adapter is None:
            log.error("delivery.no_adapter", service=service.key, adapter=name)
            raise ProviderNotSetUp("No adapter of that name runs here.")
        return adapter

    def _signer(self, service: Service) -> Signer:
        """Whom to sign as, asked before anything is sent."""
        try:
            return self._hosted.signer(service.system)
        except KeyNotHosted as error:
            log.error("delivery.no_key", service=service.key)
            raise ProviderNotSetUp(error.detail) from error

    async def _ask(self, job: Job, service: Service, adapter: Adapter) -> Answer | Reject:
        try:
            async with asyncio.timeout(service.timeout_s):
                return await adapter.answer(_request(job, service))
        except TimeoutError as error:
            raise ProviderTimeout("No answer within the service's time.") from error

    def _check(self, result: Answer | Reject, service: Service, directory: Directory) -> None:
        """Check an answer before it is signed: we sign nothing that we'd refuse."""
        if isinstance(result, Reject):
            return
        schema = directory.schema(service.response_schema)
        if schema is None or result.type not in media_types_of(schema.format):
            raise ProviderMisbehaved("The answer isn't of the type that its schema describes.")
        try:
            validator_for(directory, schema, self._validators).check(result.body, result.type)
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
        composed = compose_answer(job, result, signer, self._clock(), schema)
        envelope = verify_composed(composed, directory)
        try:
            await self._acceptance.accept(envelope, composed.parts, checked_at=directory.version)
        except Refused as refused:
            if refused.error.code not in OVER:
                what = f"The bus refused the answer: {refused.error.code}."
                raise ProviderMisbehaved(what) from refused


def _request(job: Job, service: Service) -> AdapterRequest:
    manifest, body = job.manifest, job.manifest.parts[0]
    beside = list(zip(manifest.parts, job.parts.data, strict=True))[1:]
    return AdapterRequest(
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
        attachments=tuple(
            Attachment(spec.name, spec.type, data) for spec, data in beside if spec.name != CONTEXT
        ),
        context=next((data for spec, data in beside if spec.name == CONTEXT), None),
    )
