"""Each check of acceptance: what passes, each way to break it, what crosses from good to bad."""

import re
from dataclasses import replace

import pytest

from exchange.acceptance.accept import Refused
from registry.changes import Change
from signing.compose import PartIn, compose
from signing.encoding import b64url_encode, format_time, parse_time
from signing.identifiers import Fingerprint, message_time_ms
from signing.jws import MESSAGE
from signing.keys import ES256, LocalSigner
from signing.message import Parts
from tests.support import agencies
from tests.support.agencies import (
    BENEFITS,
    CIVIL,
    DAY_MS,
    PERSON_STATUS,
    POPULATION,
    STATISTICS,
    certificate,
    credentials,
    grant,
    service,
)
from tests.support.bus import RunningBus, opened

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


async def test_a_good_request_passes_every_check(running: RunningBus) -> None:
    for code in agencies.PROVIDER_OF:
        assert await running.outcome(running.ask(code)) == "accepted"


# ---------------------------------------------------------------- decoding


def other_header(raw: bytes, header: bytes) -> bytes:
    _, payload, signature = raw.split(b".")
    return b".".join([b64url_encode(header).encode(), payload, signature])


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"not a jws",
        b"a.b",
        b"...",
        b"\xff\xfe\xfd",
        b"e30.e30.e30",
        b"A" * 8_000,
    ],
)
async def test_bytes_that_are_no_envelope_are_malformed(running: RunningBus, broken: bytes) -> None:
    assert await running.outcome(replace(running.ask(), envelope=broken)) == "envelope-malformed"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ('{"alg":"none","typ":"%(typ)s","x5t#S256":"%(x5t)s","iat":%(iat)d}', None),
        ('{"alg":"HS256","typ":"%(typ)s","x5t#S256":"%(x5t)s","iat":%(iat)d}', None),
        (
            '{"alg":"ES256","typ":"%(typ)s","x5t#S256":"%(x5t)s","iat":%(iat)d}',
            "algorithm-not-allowed",
        ),
        (
            '{"alg":"Ed25519","typ":"sealway-auth+jwt","x5t#S256":"%(x5t)s","iat":%(iat)d}',
            "envelope-malformed",
        ),
        (
            '{"alg":"Ed25519","typ":"%(typ)s","x5t#S256":"%(x5t)s","iat":%(iat)d,"kid":"1"}',
            "envelope-malformed",
        ),
        (
            '{"alg":"Ed25519","typ":"%(typ)s","x5t#S256":"%(x5t)s","iat":%(iat)d,"crit":["b64"]}',
            "envelope-malformed",
        ),
        (
            '{"alg":"Ed25519","alg":"none","typ":"%(typ)s","x5t#S256":"%(x5t)s","iat":%(iat)d}',
            "envelope-malformed",
        ),
        ('{"alg":"Ed25519","typ":"%(typ)s","iat":%(iat)d}', "envelope-malformed"),
    ],
)
async def test_a_header_that_is_not_exactly_ours_is_refused(
    running: RunningBus, header: str, code: str | None
) -> None:
    request = running.ask()
    values = {
        "typ": MESSAGE,
        "x5t": running.keys[BENEFITS].x5t,
        "iat": request.manifest.created_ms // 1000,
    }
    raw = other_header(request.envelope, (header % values).encode())
    outcome = await running.outcome(replace(request, envelope=raw))
    assert outcome in ((code,) if code else ("envelope-malformed", "algorithm-not-allowed"))


# ---------------------------------------------------------------- certificate, names, standing


async def test_an_unregistered_certificate_is_unknown(running: RunningBus) -> None:
    stranger = credentials("nobody", running.clock())
    assert await running.outcome(running.ask(signer=stranger.signer)) == "certificate-unknown"


async def test_a_signature_by_another_key_is_invalid(running: RunningBus) -> None:
    forger = credentials("nobody", running.clock(), "Ed25519")
    swapped = LocalSigner(forger.key, running.keys[BENEFITS].signer.x5t)
    assert await running.outcome(running.ask(signer=swapped)) == "signature-invalid"


async def test_somebody_elses_certificate_does_not_sign_for_me(running: RunningBus) -> None:
    request = running.ask(signer=running.keys[STATISTICS].signer)
    assert await running.outcome(request) == "signature-invalid"


async def test_a_certificate_counts_until_it_is_revoked(running: RunningBus) -> None:
    assert await running.outcome(running.ask()) == "accepted"
    await running.change(certificate(BENEFITS, running.keys[BENEFITS], state="revoked"))
    assert await running.outcome(running.ask()) == "certificate-revoked"


async def test_a_certificate_counts_until_it_expires(running: RunningBus) -> None:
    running.clock.ahead_ms = 29 * DAY_MS
    assert await running.outcome(running.ask()) == "accepted"
    running.clock.ahead_ms = 31 * DAY_MS
    assert await running.outcome(running.ask()) == "certificate-expired"


async def test_a_certificate_does_not_count_before_its_time(running: RunningBus) -> None:
    early = credentials("early", running.clock(), ES256, from_ms=DAY_MS)
    await running.change(certificate(BENEFITS, early))
    assert await running.outcome(running.ask(signer=early.signer)) == "certificate-expired"
    running.clock.ahead_ms = DAY_MS + 2_000
    assert await running.outcome(running.ask(signer=early.signer)) == "accepted"


async def test_a_message_for_another_bus_is_refused(running: RunningBus) -> None:
    assert await running.outcome(running.ask(bus="sy.example")) == "manifest-invalid"


@pytest.mark.parametrize(
    "change",
    [
        Change("system", {"id": BENEFITS, "state": "suspended"}),
        Change("system", {"id": BENEFITS, "state": "withdrawn"}),
        Change("member", {"id": "sx/GOV/1001", "state": "suspended"}),
    ],
    ids=["system suspended", "system withdrawn", "member suspended"],
)
async def test_a_sender_counts_until_it_is_suspended(running: RunningBus, change: Change) -> None:
    assert await running.outcome(running.ask()) == "accepted"
    await running.change(change)
    assert await running.outcome(running.ask()) == "sender-suspended"


async def test_a_sender_has_so_many_messages_a_second(stopped: RunningBus) -> None:
    stopped.terms["rate_per_s_max"] = 3
    async with opened(stopped) as running:
        running.clock.held_ms = running.clock()
        outcomes = [await running.outcome(running.ask()) for _ in range(4)]
        assert outcomes == ["accepted"] * 3 + ["rate-exceeded"]
        running.clock.ahead_ms = 1_000
        assert await running.outcome(running.ask()) == "accepted"


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("ahead_ms", "outcome"),
    [
        (48 * HOUR_MS - MINUTE_MS, "accepted"),
        (48 * HOUR_MS + MINUTE_MS, "message-stale"),
        (-4 * MINUTE_MS, "accepted"),
        (-6 * MINUTE_MS, "message-from-the-future"),
    ],
)
async def test_an_ids_own_time_is_held_against_the_clock(
    running: RunningBus, ahead_ms: int, outcome: str
) -> None:
    request = running.ask()
    running.clock.ahead_ms = ahead_ms
    assert await running.outcome(request) == outcome


@pytest.mark.parametrize("ahead_ms", [48 * HOUR_MS + MINUTE_MS, -6 * MINUTE_MS])
async def test_whose_clock_is_off_is_told_both_times(running: RunningBus, ahead_ms: int) -> None:
    request = running.ask()
    made_ms = message_time_ms(request.manifest.id)
    running.clock.ahead_ms = ahead_ms
    with pytest.raises(Refused) as refused:
        await running.send(request)
    told = refused.value.error.detail
    assert f"was made {format_time(made_ms)}" in told
    assert abs(parse_time(re.findall(r"\S+Z", told)[1]) - made_ms - ahead_ms) < MINUTE_MS


@pytest.mark.parametrize(
    ("apart_ms", "outcome"),
    [(4 * MINUTE_MS, "accepted"), (-6 * MINUTE_MS, "manifest-invalid")],
)
async def test_created_agrees_with_the_id(running: RunningBus, apart_ms: int, outcome: str) -> None:
    request = running.ask(created_ms=running.clock() + apart_ms)
    assert await running.outcome(request) == outcome


async def test_a_message_is_wanted_until_it_expires(running: RunningBus) -> None:
    request = running.ask(expires_ms=running.clock() + MINUTE_MS)
    running.clock.ahead_ms = 2 * MINUTE_MS
    assert await running.outcome(request) == "message-expired"
    running.clock.ahead_ms = 0
    assert await running.outcome(request) == "accepted"


# ---------------------------------------------------------------- kind, recipient, grant

SOME = Fingerprint("sha256:" + "0" * 64)


@pytest.mark.parametrize(
    "members",
    [
        {"kind": "event", "to": None, "service": None, "purpose": None, "topic": "births"},
    ],
    ids=lambda members: members["kind"],
)
async def test_kinds_that_are_not_offered_are_refused(
    running: RunningBus, members: dict[str, object]
) -> None:
    request = running.ask()
    if members.get("about") == "itself":
        members = {**members, "about": running.reply(request).manifest.about}
    assert await running.outcome(running.ask(**members)) == "unsupported-version"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([PartIn(b"{}", "photo"), PartIn(b"{}")], "unsupported-version"),
        ([PartIn(b"{}", "letter")], "unsupported-version"),
        ([PartIn(b"{}"), PartIn(b"{}", "photo", schema=SOME)], "unsupported-version"),
        ([PartIn(b"{}"), PartIn(b"{}", "context", "text/plain")], "body-type-unsupported"),
        ([PartIn(b"{}"), PartIn(b"0" * 65_537, "context")], "part-too-large"),
        ([PartIn(b"<a/>", "body", "application/xml")], "body-type-unsupported"),
    ],
    ids=[
        "body second",
        "another name",
        "photo by schema",
        "context in words",
        "long context",
        "another type",
    ],
)
async def test_forms_that_are_not_offered_are_refused(
    running: RunningBus, parts: list[PartIn], code: str
) -> None:
    assert await running.outcome(running.ask(parts=parts)) == code


async def test_a_part_has_at_most_so_many_bytes(stopped: RunningBus) -> None:
    stopped.terms["part_bytes_max"] = 40
    async with opened(stopped) as running:
        fits = running.ask(parts=[PartIn(b'{"person_code":"1"}'.ljust(40))])
        assert await running.outcome(fits) == "accepted"
        large = running.ask(parts=[PartIn(b'{"person_code":"1"}'.ljust(41))])
        assert await running.outcome(large) == "part-too-large"


@pytest.mark.parametrize(
    "members",
    [
        {"to": "sx/GOV/9999/nobody"},
        {"service": "nothing"},
        {"to": STATISTICS},
        {"sender": STATISTICS},
        {"test": True},
    ],
    ids=["no such system", "no such service", "not its service", "no grant", "takes no tests"],
)
async def test_whatever_speaks_against_the_recipient_is_one_refusal(
    running: RunningBus, members: dict[str, object]
) -> None:
    assert await running.outcome(running.ask(**members)) == "not-allowed"


@pytest.mark.parametrize(
    "change",
    [
        grant(PERSON_STATUS, state="withdrawn"),
        service(PERSON_STATUS, state="suspended"),
        Change("system", {"id": CIVIL, "state": "suspended"}),
        Change("member", {"id": "sx/GOV/2002", "state": "suspended"}),
    ],
    ids=["grant", "service", "system", "member"],
)
async def test_a_right_counts_until_it_is_taken_away(running: RunningBus, change: Change) -> None:
    assert await running.outcome(running.ask()) == "accepted"
    await running.change(change)
    assert await running.outcome(running.ask()) == "not-allowed"


async def test_a_grant_counts_from_then_to_then(running: RunningBus) -> None:
    now_ms = running.clock()
    await running.change(
        grant(
            PERSON_STATUS,
            valid_from=format_time(now_ms + HOUR_MS),
            valid_to=format_time(now_ms + 2 * HOUR_MS),
        )
    )
    outcomes = []
    for hours in (0.5, 1.5, 2.5):
        running.clock.ahead_ms = int(hours * HOUR_MS)
        outcomes.append(await running.outcome(running.ask()))
    assert outcomes == ["not-allowed", "accepted", "not-allowed"]


async def test_a_purpose_must_be_one_of_the_grants(running: RunningBus) -> None:
    assert await running.outcome(running.ask(purpose=None)) == "purpose-required"
    assert await running.outcome(running.ask(purpose="curiosity")) == "purpose-required"


# ---------------------------------------------------------------- quota, parts, schema


async def test_a_mailbox_holds_so_many_and_has_room_again(running: RunningBus) -> None:
    await running.change(Change("system", {"id": STATISTICS, "mailbox_max": 2}))
    first = running.ask(POPULATION)
    assert await running.outcome(first) == "accepted"
    assert await running.outcome(running.ask(POPULATION)) == "accepted"
    third = running.ask(POPULATION)
    assert await running.outcome(third) == "quota-exceeded"
    assert await running.outcome(running.reply(first)) == "accepted", "answers have no quota"
    assert await running.outcome(third) == "accepted"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (lambda p: Parts(p.salt, ()), "part-missing"),
        (lambda p: Parts(p.salt, (*p.data, b"")), "part-missing"),
        (lambda p: Parts(p.salt, (p.data[0][:-1],)), "commitment-mismatch"),
        (lambda p: Parts(p.salt, (p.data[0].replace(b"3", b"4"),)), "commitment-mismatch"),
        (lambda p: Parts(bytes(32), p.data), "commitment-mismatch"),
    ],
    ids=["none", "one more", "cut", "altered", "another salt"],
)
async def test_parts_are_exactly_those_promised(running: RunningBus, parts, code) -> None:  # type: ignore[no-untyped-def]
    request = running.ask()
    assert await running.outcome(replace(request, parts=parts(request.parts))) == code


@pytest.mark.parametrize(
    "body",
    [
        b'{"person_code":1}',
        b"{}",
        b'{"person_code":"1","person_code":"2"}',
        b"\xef\xbb\xbf{}",
        b'{"person_code":"\\ud800"}',
        b"[" * 65 + b"]" * 65,
        b"NaN",
        b"",
        b"not json",
    ],
)
async def test_a_body_satisfies_the_services_schema(running: RunningBus, body: bytes) -> None:
    assert await running.outcome(running.ask(parts=[PartIn(body)])) == "payload-invalid"


async def test_a_schema_that_a_part_names_is_one_of_the_services_own(running: RunningBus) -> None:
    directory = running.bus.api.directory.current
    own = directory.service(CIVIL, PERSON_STATUS)
    assert own is not None
    body = b'{"person_code":"1"}'
    for named, outcome in [
        (own.request_schema, "accepted"),
        (own.response_schema, "schema-unknown"),
        ("sha256:" + "0" * 64, "schema-unknown"),
    ]:
        request = running.ask(parts=[PartIn(body, schema=named)])
        assert await running.outcome(request) == outcome


async def test_a_message_without_parts_is_no_request(running: RunningBus) -> None:
    good = running.ask()
    bare = compose(good.manifest, [], running.keys[BENEFITS].signer)
    assert await running.outcome(bare) == "manifest-invalid"
