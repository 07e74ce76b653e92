"""A data folder as a real bus leaves it: two agencies, answers, a refusal, a clean stop."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.acceptance.accept import Accepted, Refused
from exchange.acceptance.changes import Actor
from exchange.operation.initialise import Names, initialise
from exchange.operation.settings import FILE_NAME, load_settings
from exchange.operation.wiring import Bus, open_bus
from registry.changes import Change
from schemas.catalogue import admit
from signing.certificates import issue_self_signed, parse_certificate
from signing.compose import Composed, PartIn, answer_draft, compose
from signing.encoding import b64url_encode
from signing.envelope import verify_envelope
from signing.identifiers import Code, ServiceCode, SystemId, new_message_id
from signing.keys import LocalSigner, generate_key
from signing.manifest import Manifest

CONSUMER = SystemId("sx/GOV/1001/benefits")
PROVIDER = SystemId("sx/GOV/2002/civil-registry")
SERVICE = ServiceCode("person-status")
BUS = "sx.example"
FOUNDER = Actor("person:founder", "founder")
_SCHEMA = '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}'


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class RecordedBus:
    """Where it is, and what an auditor would have been given."""

    folder: Path
    log_key: str
    epoch_file: Path
    signers: dict[SystemId, LocalSigner]

    @property
    def data(self) -> Path:
        """What is copied."""
        return self.folder / "data"


def make_bus(folder: Path) -> RecordedBus:
    """The folder of a new bus, and keys for two systems."""
    new = initialise(folder, Names(bus=BUS), now_ms())
    signers = {system: _signer(system) for system in (CONSUMER, PROVIDER)}
    return RecordedBus(folder, new.log_key, new.keys / "epoch-1", signers)


_CERTIFICATES: dict[str, bytes] = {}


def _signer(system: SystemId) -> LocalSigner:
    key = generate_key()
    der = issue_self_signed(key, system, now_ms() - 600_000, now_ms() + 86_400_000)
    x5t = parse_certificate(der).x5t
    _CERTIFICATES[x5t] = der
    return LocalSigner(key, x5t)


def certificate_of(x5t: str) -> bytes:
    """The DER of a certificate that a made bus's system has."""
    return _CERTIFICATES[x5t]


def registrations(made: RecordedBus) -> list[Change]:
    """Two members, their systems and certificates, one service, one grant."""
    schema = admit("json-schema", _SCHEMA)
    changes: list[tuple[str, dict[str, Any]]] = []
    for system, signer in made.signers.items():
        member = system.rpartition("/")[0]
        changes += [
            ("member", {"id": member, "name": f"Agency {member}"}),
            ("system", {"id": system, "name": f"System {system}"}),
            (
                "certificate",
                {"system": system, "certificate": b64url_encode(certificate_of(signer.x5t))},
            ),
        ]
    changes += [
        ("schema", {"subject": "anything", "format": "json-schema", "text": _SCHEMA}),
        (
            "service",
            {
                "system": PROVIDER,
                "code": SERVICE,
                "title": "Status of a person",
                "request_schema": schema.fingerprint,
                "response_schema": schema.fingerprint,
            },
        ),
        (
            "grant",
            {
                "consumer": CONSUMER,
                "system": PROVIDER,
                "service": SERVICE,
                "purposes": ["child-benefit"],
                "legal_basis": "Act 1",
                "valid_from": "2020-01-01T00:00:00.000Z",
            },
        ),
    ]
    return [Change(noun, members) for noun, members in changes]


def request(
    made: RecordedBus, body: bytes = b'{"n":1}', purpose: str = "child-benefit"
) -> Composed:
    """A sealed request."""
    at = now_ms()
    draft = Manifest(
        bus=BUS,
        id=new_message_id(at),
        kind="request",
        sender=CONSUMER,
        created_ms=at,
        parts=(),
        to=PROVIDER,
        service=SERVICE,
        purpose=Code(purpose),
    )
    return compose(draft, [PartIn(body)], made.signers[CONSUMER])


async def send(bus: Bus, composed: Composed) -> Accepted:
    """Through the bus's first door."""
    envelope = verify_envelope(composed.envelope, bus.api.directory.current)
    return await bus.api.acceptance.accept(envelope, composed.parts)


async def answer(bus: Bus, made: RecordedBus, asked: Composed) -> Accepted:
    """The provider's response."""
    draft = answer_draft(asked.manifest, asked.digest, "response", now_ms())
    return await send(bus, compose(draft, [PartIn(b'{"s":2}')], made.signers[PROVIDER]))


async def exchange_one(bus: Bus, made: RecordedBus) -> None:
    """A request and its response."""
    asked = request(made)
    await send(bus, asked)
    await answer(bus, made, asked)


async def start(made: RecordedBus) -> Bus:
    """The bus, in this process, without its HTTP server."""
    return await open_bus(load_settings(made.folder / FILE_NAME, {}))


def record_bus(folder: Path, exchanges: int) -> RecordedBus:
    """A bus that has lived: registrations, exchanges, a refusal, a question left open; stopped."""
    made = make_bus(folder)

    async def live() -> None:
        bus = await start(made)
        try:
            await bus.api.directory_log.change(registrations(made), FOUNDER)
            for _ in range(0, exchanges, 50):
                await asyncio.gather(*(exchange_one(bus, made) for _ in range(50)))
            await send(bus, request(made))
            try:
                await send(bus, request(made, purpose="curiosity"))
            except Refused:
                return
            raise AssertionError("the refusal is part of the picture")
        finally:
            await bus.close()

    asyncio.run(live())
    return made
