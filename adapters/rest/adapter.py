"""The ``rest`` adapter: one request of the bus, one HTTP call.

Owns the order of things in a call. Refuses retries (the deliverer's) and knowledge of a service.

Invariant: everything that can be wrong in the settings is found by ``from_settings``; a value of
the request changes values in the URL, the query or the body, and never their shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from adapters.base import (
    JSON_BYTES_MAX,
    JSON_DEPTH_MAX,
    JSON_TYPE,
    REJECT_TEXT_CHARS_MAX,
    AdapterRequest,
    Answer,
    Reject,
    refusal_of,
)
from adapters.egress import Egress, EgressResponse, Origin
from adapters.egress.client import is_header
from adapters.errors import (
    AdapterSettingsInvalid,
    HostNotListed,
    ProviderMisbehaved,
    ProviderUnreachable,
)
from adapters.mapping import MISSING, Pick, compile_mapping
from adapters.rest.outcome import ANSWER, MISBEHAVED, UNREACHABLE, Outcomes
from adapters.rest.settings import RestServiceSettings, RestSettings
from adapters.rest.template import PathTemplate, QueryTemplate, ValueUnfit
from adapters.settings import read_secret, read_table
from signing.errors import JsonInvalid
from signing.strict_json import parse_json

Headers = tuple[tuple[str, str], ...]
Compose = Callable[[AdapterRequest], tuple[str, bytes]]

_BODY_BY_DEFAULT: Final = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class _Service:
    """One service's settings, compiled."""

    method: str
    path: PathTemplate
    query: QueryTemplate
    compose: Compose | None
    outcomes: Outcomes
    answer: Pick | None
    answer_type: str
    reject_text: Pick | None
    timeout_s: float
    headers: Headers


class RestAdapter:
    """Answers by calling an HTTP service. See ``Adapter`` for what its methods promise."""

    def __init__(self, name: str, settings: RestSettings, egress: Egress, folder: Path) -> None:
        self._name = name
        self._is_for_tests = settings.test
        self._egress = egress
        self._origin, self._prefix = _base(name, settings.base, egress)
        self._bytes_max = settings.response_bytes_max
        self._tells_sender = settings.sender_headers
        common = _common_headers(settings, folder)
        self._services = {
            code: _compile(service, settings, common) for code, service in settings.services.items()
        }

    @property
    def name(self) -> str:
        """The name in ``[adapters.NAME]``."""
        return self._name

    @classmethod
    def from_settings(
        cls, name: str, table: Mapping[str, Any], egress: Egress, *, folder: Path = Path()
    ) -> Self:
        """Read ``RestSettings`` and compile every template.

        Raises:
            AdapterSettingsInvalid: see ``Adapter``; also a base whose host is not listed.
        """
        return cls(name, read_table(RestSettings, name, table), egress, folder)

    async def start(self) -> None:
        """Nothing to take: connections are the egress client's."""

    async def close(self) -> None:
        """Nothing to let go."""

    async def answer(self, request: AdapterRequest) -> Answer | Reject:
        """Fill the templates, call, and read the response as the settings say."""
        service = self._services.get(request.service)
        if service is None:
            raise ProviderUnreachable(
                "The adapter has no settings for this service.",
                maybe_sent=False,
                adapter=self._name,
                service=request.service,
            )
        refused = refusal_of(request, is_for_tests=self._is_for_tests)
        if refused is not None:
            return refused
        try:
            target = self._prefix + _fill(service, request)
            body_type, body = service.compose(request) if service.compose else ("", b"")
        except JsonInvalid as error:
            return Reject("unknown-request", error.detail)
        except ValueUnfit as error:
            return Reject("unknown-request", f"The request can't be put to the service: {error}.")
        response = await self._egress.call(
            self._origin,
            service.method,
            target,
            headers=self._headers(service, request, body_type),
            body=body,
            timeout_s=service.timeout_s,
            response_bytes_max=self._bytes_max,
        )
        return _read(service, response)

    def _headers(self, service: _Service, request: AdapterRequest, body_type: str) -> Headers:
        own = [("Idempotency-Key", request.id), ("Sealway-Attempt", str(request.attempt))]
        if body_type:
            own.append(("Content-Type", body_type))
        if request.traceparent and is_header("traceparent", request.traceparent):
            own.append(("traceparent", request.traceparent))
        if request.test:
            own.append(("Sealway-Test", "true"))
        if self._tells_sender:
            own.append(("Sealway-Sender", request.sender))
            if request.purpose:
                own.append(("Sealway-Purpose", request.purpose))
        return (*service.headers, *own)


def _base(name: str, base: str, egress: Egress) -> tuple[Origin, str]:
    try:
        origin, prefix = egress.split(base)
    except HostNotListed as error:
        raise AdapterSettingsInvalid(
            f"[adapters.{name}] base: {error.detail} Add host:port to [egress] hosts."
        ) from error
    if "?" in prefix:
        raise AdapterSettingsInvalid(f"[adapters.{name}] base: a base has no query.")
    PathTemplate(prefix)
    return origin, prefix.rstrip("/")


def _common_headers(settings: RestSettings, folder: Path) -> Headers:
    secrets = {}
    for header, file in settings.secret_headers.items():
        value = read_secret(file, folder).get_secret_value()
        if not is_header(header, value):
            raise AdapterSettingsInvalid(f"secret_headers: {header!r} from {file} is no header.")
        secrets[header] = value
    return (*settings.headers.items(), *secrets.items())


def _compile(settings: RestServiceSettings, whole: RestSettings, common: Headers) -> _Service:
    accept = (
        () if "accept" in {n.lower() for n, _ in common} else (("Accept", settings.answer_type),)
    )
    if settings.answer is not None and settings.answer_type != JSON_TYPE:
        raise AdapterSettingsInvalid("An answer that is mapped is application/json.")
    return _Service(
        method=settings.method,
        path=PathTemplate(settings.path),
        query=QueryTemplate(settings.query),
        compose=_compile_body(settings),
        outcomes=Outcomes(settings.status),
        answer=None if settings.answer is None else compile_mapping(settings.answer),
        answer_type=settings.answer_type,
        reject_text=None if settings.reject_text is None else compile_mapping(settings.reject_text),
        timeout_s=settings.timeout_s or whole.timeout_s,
        headers=(*common, *accept),
    )


def _compile_body(settings: RestServiceSettings) -> Compose | None:
    body = settings.body
    if body is None:
        body = "request" if settings.method in _BODY_BY_DEFAULT else "none"
    if body == "none":
        return None
    if body == "request":
        return lambda request: (request.body_type, request.body)
    pick = compile_mapping(body)

    def compose(request: AdapterRequest) -> tuple[str, bytes]:
        try:
            return JSON_TYPE, orjson.dumps(pick(request.json))
        except TypeError as error:  # nothing there, or an integer beyond 64 bits
            raise ValueUnfit("the body can't be made of it") from error

    return compose


def _fill(service: _Service, request: AdapterRequest) -> str:
    path, query = service.path, service.query
    document = request.json if path.needs_document or query.needs_document else None
    return path.fill(document) + query.fill(document)


def _read(service: _Service, response: EgressResponse) -> Answer | Reject:
    outcome = service.outcomes.of(response.status)
    if outcome == ANSWER:
        return Answer(service.answer_type, _answer_body(service, response))
    if outcome == UNREACHABLE:
        raise ProviderUnreachable(f"The provider's service answered {response.status}.")
    if outcome == MISBEHAVED:
        raise ProviderMisbehaved(f"The provider's service answered {response.status}.")
    return Reject(outcome, _reject_text(service, response))


def _answer_body(service: _Service, response: EgressResponse) -> bytes:
    got = response.media_type
    is_json = got is not None and (got == JSON_TYPE or got.endswith("+json"))
    if got != service.answer_type and not (service.answer_type == JSON_TYPE and is_json):
        raise ProviderMisbehaved("The provider's answer is of another media type than agreed.")
    if service.answer is None:
        return response.body
    try:
        document = parse_json(response.body, depth_max=JSON_DEPTH_MAX, bytes_max=JSON_BYTES_MAX)
    except JsonInvalid as error:
        raise ProviderMisbehaved("The provider's answer is not strict JSON.") from error
    mapped = service.answer(document)
    if mapped is MISSING:
        raise ProviderMisbehaved("The provider's answer lacks what the mapping picks.")
    return _dump(mapped)


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:  # an integer beyond 64 bits
        raise ProviderMisbehaved("The provider's answer has a number beyond 64 bits.") from error


def _reject_text(service: _Service, response: EgressResponse) -> str:
    if service.reject_text is not None:
        try:
            document = parse_json(response.body, depth_max=JSON_DEPTH_MAX, bytes_max=JSON_BYTES_MAX)
        except JsonInvalid:
            document = MISSING
        text = service.reject_text(document)
        if type(text) is str and text:
            return text[:REJECT_TEXT_CHARS_MAX]
    return f"The provider's service answered {response.status}."
