"""What a dishonest operator writes with every key in hand, and what honest parties may do.

Each deed makes a bus of its own. It is judged twice: its folder by `fsck`, its bundle by `verify`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx

from exchange.api.app import create_app
from exchange.operation.wiring import Bus
from registry.changes import Change
from sealway.audit.selection import Selection
from signing.certificates import issue_self_signed, parse_certificate
from signing.compose import Composed, PartIn, answer_draft, compose
from signing.encoding import b64url_decode, b64url_encode, format_time
from signing.keys import LocalSigner, generate_key
from signing.tokens import Call, sign_token
from tests.support.dishonest import change, entry_of, resealed, right_of, write
from tests.support.recorded_bus import (
    BUS,
    CONSUMER,
    FOUNDER,
    PROVIDER,
    SERVICE,
    RecordedBus,
    exchange_one,
    make_bus,
    now_ms,
    registrations,
    request,
    send,
    start,
)
from tests.support.stated import assert_anyway, fact_of, grant_of, state, statement

Deed = Callable[[Bus, RecordedBus], Awaitable[None]]


def live(folder: Path, deed: Deed) -> RecordedBus:
    """A bus that did it, its bundle beside its folders."""
    made = make_bus(folder)

    async def go() -> None:
        bus = await start(made)
        try:
            await bus.api.directory_log.change(registrations(made), FOUNDER)
            await exchange_one(bus, made)
            await deed(bus, made)
            pieces = await bus.api.exports.export(
                Selection(), None, None, FOUNDER, None, deed.__name__
            )
            with (folder / "case.zip").open("wb") as file:
                async for piece in pieces:
                    file.write(piece)
        finally:
            await bus.close()

    asyncio.run(go())
    return made


async def revoked_before(bus: Bus, made: RecordedBus) -> None:
    right = right_of(bus)
    await change(bus, "certificate", {"x5t": made.signers[CONSUMER].x5t, "state": "revoked"})
    await write(bus, entry_of(bus, request(made), right))


async def revoked_between(bus: Bus, made: RecordedBus) -> None:
    """Accepted, then revoked, both before the next heads: log 0's order says which was first."""
    await exchange_one(bus, made)
    await change(bus, "certificate", {"x5t": made.signers[CONSUMER].x5t, "state": "revoked"})


async def revoked_after(bus: Bus, made: RecordedBus) -> None:
    async def heads() -> list[object]:
        return [bus.committer.writer.head]

    await bus.api.directory_log.write_heads(heads)  # type: ignore[arg-type]
    await change(bus, "certificate", {"x5t": made.signers[CONSUMER].x5t, "state": "revoked"})


async def back_dated_invalidity(bus: Bus, made: RecordedBus) -> None:
    since = format_time(now_ms() - 3_600_000)
    members = {"x5t": made.signers[CONSUMER].x5t, "state": "revoked", "invalid_from": since}
    await change(bus, "certificate", members)


async def forged_grant(bus: Bus, made: RecordedBus) -> None:
    """In log 0 for all to see, and nobody but the operator says so."""
    grant = {
        "id": "forged",
        "consumer": CONSUMER,
        "system": PROVIDER,
        "service": SERVICE,
        "purposes": ["curiosity"],
        "legal_basis": "none",
        "valid_from": "2020-01-01T00:00:00.000Z",
    }
    await bus.api.directory_log.change([Change("grant", grant)], FOUNDER)
    await send(bus, request(made, purpose="curiosity"))


async def forged_certificate(bus: Bus, made: RecordedBus) -> None:
    """A key of the operator's own, in log 0 as the consumer's; it asks in the consumer's name."""
    key, at = generate_key(), now_ms()
    der = issue_self_signed(key, CONSUMER, at - 600_000, at + 86_400_000)
    await change(bus, "certificate", {"system": CONSUMER, "certificate": b64url_encode(der)})
    composed = compose(
        request(made).manifest, [PartIn(b'{"n":1}')], LocalSigner(key, parse_certificate(der).x5t)
    )
    await send(bus, composed)


async def signed_grant(bus: Bus, made: RecordedBus) -> None:
    """The provider's own key says so, and the bus takes it: fine, and told as such."""
    await state(bus, "grant", grant_of("signed", "pension"), made.signers[PROVIDER])
    await send(bus, request(made, purpose="pension"))


async def forged_signed_change(bus: Bus, made: RecordedBus) -> None:
    """The operator records a grant with a statement by another member's key."""
    fact = fact_of(bus, "grant", grant_of("forged", "pension"))
    await assert_anyway(bus, fact, statement(fact, made.signers[CONSUMER]))
    await send(bus, request(made, purpose="pension"))


async def signed_change_of_another(bus: Bus, made: RecordedBus) -> None:
    """What the provider signed was a narrower grant than the one in log 0."""
    signed = statement(fact_of(bus, "grant", grant_of("wider", "pension")), made.signers[PROVIDER])
    wider = grant_of("wider", "pension", valid_from="2019-01-01T00:00:00.000Z")
    await assert_anyway(bus, fact_of(bus, "grant", wider), signed)
    await send(bus, request(made, purpose="pension"))


async def no_grant(bus: Bus, made: RecordedBus) -> None:
    await write(bus, entry_of(bus, request(made, purpose="curiosity"), right_of(bus)))


async def wrong_pairing(bus: Bus, made: RecordedBus) -> None:
    asked, other = request(made), request(made)
    accepted = await send(bus, other)
    draft = answer_draft(asked.manifest, asked.digest, "response", now_ms())
    entry = entry_of(bus, compose(draft, [PartIn(b"{}")], made.signers[PROVIDER]))
    ref = b64url_encode(accepted.place.leaf_hash)
    await write(bus, replace(entry, leaf=replace(entry.leaf, ref=ref)))


async def dated_outside(bus: Bus, made: RecordedBus) -> None:
    """A leaf of next week, under heads of today."""
    writer = bus.committer.writer
    honest = writer._clock
    writer._clock = lambda: now_ms() + 7 * 86_400_000
    await exchange_one(bus, made)
    writer._clock = honest


async def bad_payload(bus: Bus, made: RecordedBus) -> None:
    asked = request(made)
    forged = compose(asked.manifest, [PartIn(b'["not","an","object"]')], made.signers[CONSUMER])
    await write(bus, entry_of(bus, forged, right_of(bus)))


def _high_s(composed: Composed) -> Composed:
    """The same statement under the other of ECDSA's two signatures."""
    head, payload, signature = composed.envelope.split(b".")
    raw = b64url_decode(signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    s = order - int.from_bytes(raw[32:], "big")
    changed = b64url_encode(raw[:32] + s.to_bytes(32, "big")).encode()
    return replace(composed, envelope=b".".join((head, payload, changed)))


async def high_s(bus: Bus, made: RecordedBus) -> None:
    await send(bus, _high_s(request(made)))


async def signed_again(bus: Bus, made: RecordedBus) -> None:
    """A retry that was signed anew: the same digest, so the same message, one leaf."""
    asked = request(made)
    first = await send(bus, asked)
    again = await send(bus, _high_s(asked))
    assert (first.place.shard, first.place.index) == (again.place.shard, again.place.index)


async def _under(bus: Bus, made: RecordedBus, envelope: bytes) -> None:
    asked = request(made)
    entry = entry_of(bus, asked, right_of(bus))
    await write(bus, resealed(bus, entry, replace(asked, envelope=envelope)))


async def bearer_as_envelope(bus: Bus, made: RecordedBus) -> None:
    call = Call(BUS, "POST", "http://bus.test/v1/messages")
    token = sign_token(call, CONSUMER, made.signers[CONSUMER], now_ms() // 1000)
    await _under(bus, made, token.encode())


async def envelope_as_bearer(bus: Bus, made: RecordedBus) -> None:
    """A message's envelope shown as a system's token, as whoever carries messages could: refused.

    The same system's own token is taken, so that it is for nothing else.
    """
    url = bus.api.public_url
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(bus.api)), base_url=url
    ) as http:
        call = Call(BUS, "GET", f"{url}/v1/mailbox")
        token = sign_token(call, CONSUMER, made.signers[CONSUMER], now_ms() // 1000)
        for bearer, status in ((request(made).envelope.decode(), 401), (token, 200)):
            headers = {"authorization": f"Bearer {bearer}"}
            found = await http.get("/v1/mailbox", headers=headers)
            assert found.status_code == status, found.text


async def envelope_as_signed_change(bus: Bus, made: RecordedBus) -> None:
    """What a provider signed as a message, shown as its word for a grant."""
    fact = fact_of(bus, "grant", grant_of("forged", "pension"))
    answered = request(made)
    draft = answer_draft(answered.manifest, answered.digest, "response", now_ms())
    signed = compose(draft, [PartIn(b"{}")], made.signers[PROVIDER]).envelope
    await assert_anyway(bus, fact, signed.decode())


async def sandbox_envelope(bus: Bus, made: RecordedBus) -> None:
    """What a system said to a sandbox, shown as said to the production bus."""
    manifest = replace(request(made).manifest, bus="sandbox.example")
    await _under(
        bus, made, compose(manifest, [PartIn(b'{"n":1}')], made.signers[CONSUMER]).envelope
    )
