"""Four agencies with keys, services and grants: the country that tests of a running bus use."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from registry.changes import Change
from signing.certificates import issue_self_signed, parse_certificate
from signing.compose import Composed, PartIn, answer_draft, compose
from signing.encoding import b64url_encode
from signing.identifiers import Code, ServiceCode, SystemId, new_message_id
from signing.keys import ED25519, ES256, LocalSigner, PrivateKey, generate_key
from signing.manifest import Manifest

BUS: Final = "sx.example"
BENEFITS: Final = SystemId("sx/GOV/1001/benefits")
CIVIL: Final = SystemId("sx/GOV/2002/civil-registry")
TERRITORIES: Final = SystemId("sx/GOV/3003/territories")
STATISTICS: Final = SystemId("sx/GOV/4004/statistics")
SYSTEMS: Final = (BENEFITS, CIVIL, TERRITORIES, STATISTICS)

PERSON_STATUS: Final = ServiceCode("person-status")
"""The civil registry's, behind the adapter ``civil``; safe to repeat."""
NAME_CHANGE: Final = ServiceCode("name-change")
"""The civil registry's, behind the same adapter; never to be repeated."""
POPULATION: Final = ServiceCode("population")
"""The statistics office's, by mailbox."""
PROVIDER_OF: Final = {PERSON_STATUS: CIVIL, NAME_CHANGE: CIVIL, POPULATION: STATISTICS}
PURPOSE: Final = Code("child-benefit")

DAY_MS: Final = 86_400_000
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Credentials:
    """A system's key and certificate."""

    key: PrivateKey
    der: bytes
    signer: LocalSigner

    @property
    def x5t(self) -> str:
        """The certificate's fingerprint."""
        return self.signer.x5t


def credentials(
    name: str, now_ms: int, alg: str = ES256, *, from_ms: int = -DAY_MS, to_ms: int = 30 * DAY_MS
) -> Credentials:
    """A fresh key with its certificate, valid from and to so long around ``now_ms``."""
    key = generate_key(alg)
    der = issue_self_signed(key, name, now_ms + from_ms, now_ms + to_ms)
    return Credentials(key, der, LocalSigner(key, parse_certificate(der).x5t))


def everybody(now_ms: int) -> dict[SystemId, Credentials]:
    """Credentials of all four; the consumer's key is Ed25519."""
    return {
        system: credentials(system, now_ms, ED25519 if system == BENEFITS else ES256)
        for system in SYSTEMS
    }


def certificate(system: str, of: Credentials, **more: Any) -> Change:
    """The change that registers a certificate."""
    return Change("certificate", {"system": system, "certificate": b64url_encode(of.der), **more})


def service(code: str, **more: Any) -> Change:
    """The change that registers one of the services, or changes members of it."""
    whole = {"system": PROVIDER_OF[ServiceCode(code)], "code": code}
    return Change("service", {**whole, **more})


def grant(code: str, consumer: str = BENEFITS, **more: Any) -> Change:
    """The change that gives a grant for one of the services."""
    whole = {
        "consumer": consumer,
        "system": PROVIDER_OF[ServiceCode(code)],
        "service": code,
        "purposes": [PURPOSE],
        "legal_basis": "Benefits Act, section 4",
        "valid_from": "2020-01-01T00:00:00.000Z",
    }
    return Change("grant", {**whole, **more})


def schema(subject: str, **members: Any) -> Change:
    """The change that registers a schema."""
    text = json.dumps({"$schema": _DIALECT, "type": "object", **members})
    return Change("schema", {"subject": subject, "text": text})


def country(keys: dict[SystemId, Credentials]) -> list[Change]:
    """Everything: members, systems, certificates, schemas, services, grants."""
    members = sorted({system.rsplit("/", 1)[0] for system in SYSTEMS})
    question = {"person_code": {"type": "string", "pattern": "^[0-9]{1,11}$"}}
    new = {
        "title": "A service of the tests",
        "request_schema": {"subject": "question"},
        "response_schema": {"subject": "answer"},
    }
    civil = {"delivery": {"kind": "adapter", "name": "civil"}, "timeout_s": 1, **new}
    return [
        *(Change("member", {"id": one, "name": one}) for one in members),
        *(Change("system", {"id": one, "name": one}) for one in SYSTEMS),
        *(certificate(one, keys[one]) for one in SYSTEMS),
        schema("question", properties=question, required=["person_code"]),
        schema("answer", properties={"status": {"type": "string"}}, required=["status"]),
        service(PERSON_STATUS, **civil),
        service(NAME_CHANGE, repeat="never", **civil),
        service(POPULATION, **new),
        *(grant(code) for code in PROVIDER_OF),
    ]


def question(
    keys: dict[SystemId, Credentials],
    now_ms: int,
    code: str = PERSON_STATUS,
    content: Any = None,
    *,
    signer: LocalSigner | None = None,
    parts: list[PartIn] | None = None,
    **members: Any,
) -> Composed:
    """A request of the benefits agency; ``members`` replace what the manifest would say."""
    draft = Manifest(
        bus=BUS,
        id=new_message_id(now_ms),
        kind="request",
        sender=BENEFITS,
        to=PROVIDER_OF[ServiceCode(code)],
        service=ServiceCode(code),
        created_ms=now_ms,
        parts=(),
        purpose=PURPOSE,
    )
    body = json.dumps(content if content is not None else {"person_code": "38001085718"})
    draft = replace(draft, **members)
    return compose(
        draft, parts or [PartIn(body.encode())], signer or keys[SystemId(draft.sender)].signer
    )


def answer(
    keys: dict[SystemId, Credentials],
    now_ms: int,
    request: Composed,
    content: Any = None,
    *,
    signer: LocalSigner | None = None,
    parts: list[PartIn] | None = None,
    **members: Any,
) -> Composed:
    """A response to ``request``; ``members`` replace what the manifest would say."""
    draft = replace(answer_draft(request.manifest, request.digest, "response", now_ms), **members)
    body = json.dumps(content if content is not None else {"status": "alive"}).encode()
    signer = signer or keys[SystemId(draft.sender)].signer
    return compose(draft, parts or [PartIn(body)], signer)


def rejection(
    keys: dict[SystemId, Credentials], now_ms: int, request: Composed, code: str = "no-data"
) -> Composed:
    """A rejection of ``request``, without a text."""
    draft = answer_draft(request.manifest, request.digest, "rejection", now_ms, reason=Code(code))
    return compose(draft, [], keys[SystemId(draft.sender)].signer)


def interim(
    keys: dict[SystemId, Credentials], now_ms: int, request: Composed, status: str, **members: Any
) -> Composed:
    """The provider's word on how ``request`` is going."""
    draft = answer_draft(request.manifest, request.digest, "interim", now_ms)
    draft = replace(draft, status=Code(status), **members)
    return compose(draft, [], keys[SystemId(draft.sender)].signer)


def cancel(
    keys: dict[SystemId, Credentials], now_ms: int, request: Composed, **members: Any
) -> Composed:
    """The consumer's word that it wants no answer to ``request`` any more."""
    draft = answer_draft(request.manifest, request.digest, "cancel", now_ms)
    parties = {"sender": request.manifest.sender, "to": request.manifest.to, **members}
    draft = replace(draft, **parties)
    return compose(draft, [], keys[SystemId(draft.sender)].signer)
