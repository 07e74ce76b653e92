"""Frames, deliveries, tokens and records that are wrong; certificates that are not in force."""

from collections.abc import Iterator
from typing import Any

from tests.support.vectors import fixed, logs
from tests.support.vectors.fixed import (
    CONSUMER,
    EXPIRED,
    PROVIDER,
    RECORDER,
    REVOKED,
    b64u,
    prefixed,
)
from tests.support.vectors.invalid_envelopes import Bad
from tests.support.vectors.messages import IAT_S, JSON, QUESTION, Part, Vector, base, kinds, make

MALFORMED = "envelope-malformed"


def carriers() -> Iterator[Bad]:
    """Every way for what carries a manifest, or speaks beside it, to be wrong."""
    yield from _frames()
    yield from _parts()
    yield _wrong_size()
    yield from _deliveries()
    for name, raw in (*_tokens(), *_token_claims()):
        yield Bad(f"token: {name}", "token", raw, "token-invalid")
    yield from _records()
    for holder, code in ((REVOKED, "certificate-revoked"), (EXPIRED, "certificate-expired")):
        fields = base("request", 40) | {"from": holder.system}
        made = make(
            f"a message signed with a certificate that is {holder.name}", fields, [QUESTION], holder
        )
        yield Bad(made.name, "message-in-force", made.frame, code)


def _two_parts() -> Vector:
    parts = [QUESTION, Part("twin", JSON, bytes(reversed(QUESTION.data)))]
    return make("two parts of one size", base("request", 41), parts)


def _frames() -> Iterator[Bad]:
    made = _two_parts()
    raw, head = made.frame, len(made.envelope)
    salt = 8 + head
    first = salt + 8 + 32
    for name, data in {
        "no bytes": b"",
        "seven bytes": raw[:7],
        "a length and nothing else": raw[:8],
        "an end inside the envelope": raw[: 8 + head - 1],
        "no salt": raw[:salt],
        "an end inside the salt": raw[: first - 1],
        "a salt of 31 bytes": raw[:salt] + prefixed(made.salt[:31]) + raw[first:],
        "a salt of 33 bytes": raw[:salt] + prefixed(made.salt + b"\0") + raw[first:],
        "a salt without its length": raw[:salt] + made.salt + raw[first:],
        "an end inside the length of a part": raw[: first + 7],
        "an end inside a part": raw[:-1],
        "one byte after the last part": raw + b"\0",
        "eight bytes of 0xff after the last part": raw + b"\xff" * 8,
        "a length of the envelope one too big": _at(raw, 0, head + 1),
        "a length of the envelope beyond 7168": _at(raw, 0, 7169),
        "a length of the envelope of 2^64-1": b"\xff" * 8 + raw[8:],
        "an envelope of no bytes": prefixed(b"") + raw[8 + head :],
        "lengths in little-endian order": head.to_bytes(8, "little") + raw[8:],
        "lengths of four bytes": raw[4:],
        "a part's length beyond what follows": _at(raw, first, len(QUESTION.data) + 10_000),
        "a part's length of 2^63": _at(raw, first, 2**63),
        "33 parts": raw + prefixed(b"") * 31,
        "the delivery form": prefixed(b"receipt") + raw,
    }.items():
        yield Bad(f"frame: {name}", "message", data, MALFORMED)


def _at(raw: bytes, at: int, length: int) -> bytes:
    return raw[:at] + length.to_bytes(8, "big") + raw[at + 8 :]


def _parts() -> Iterator[Bad]:
    made = _two_parts()
    one, two = (part.data for part in made.parts)
    for name, salt, parts, code in (
        ("the last part missing", made.salt, [one], "part-missing"),
        ("no parts", made.salt, [], "part-missing"),
        ("a part more", made.salt, [one, two, one], "part-missing"),
        ("an empty part more", made.salt, [one, two, b""], "part-missing"),
        ("a part one byte longer", made.salt, [one + b"\n", two], "commitment-mismatch"),
        ("a part one byte shorter", made.salt, [one, two[:-1]], "commitment-mismatch"),
        ("a part with one bit changed", made.salt, [_bit(one), two], "commitment-mismatch"),
        ("two parts of one size in the other order", made.salt, [two, one], "commitment-mismatch"),
        ("a part of no bytes", made.salt, [one, b""], "commitment-mismatch"),
        ("another salt", fixed.seed("another salt"), [one, two], "commitment-mismatch"),
        ("a salt with one bit changed", _bit(made.salt), [one, two], "commitment-mismatch"),
    ):
        yield Bad(f"parts: {name}", "message", fixed.frame(made.envelope, salt, parts), code)


def _wrong_size() -> Bad:
    salt = fixed.seed("salt of a wrong size")
    spec = QUESTION.spec(salt) | {"size": len(QUESTION.data) + 1}
    payload = fixed.compact(base("request", 42) | {"parts": [spec]})
    envelope = fixed.jws(fixed.header(CONSUMER, IAT_S), payload, CONSUMER.key)
    name = "parts: a size that is not the part's although the commitment is"
    return Bad(name, "message", fixed.frame(envelope, salt, [QUESTION.data]), "commitment-mismatch")


def _bit(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _deliveries() -> Iterator[Bad]:
    made = kinds()[0]
    for name, data in {
        "no bytes": b"",
        "an end inside the receipt": prefixed(b"receipt")[:-1],
        "a receipt that is not UTF-8": prefixed(b"\xff") + made.frame,
        "a receipt of 16385 bytes": prefixed(b"r" * 16_385) + made.frame,
        "no frame": prefixed(b"receipt"),
        "a frame without receipt": made.frame,
    }.items():
        yield Bad(f"delivery: {name}", "delivery", data, MALFORMED)


def _tokens() -> Iterator[tuple[str, bytes]]:
    good = logs.token(logs.token_fields())
    yield "no characters", b""
    yield "not a JWS", b"sealway"
    yield "a message's typ", logs.token(logs.token_fields(), "sealway-message+jws")
    yield "the typ JWT", logs.token(logs.token_fields(), "JWT")
    yield "a message's envelope", kinds()[0].envelope
    yield (
        "a signature with one character changed",
        good[:-4] + (b"A" if good[-4:-3] != b"A" else b"B") + good[-3:],
    )
    head = fixed.header(CONSUMER, IAT_S, "sealway-auth+jwt")
    payload = fixed.compact(logs.token_fields())
    yield "alg none", fixed.jws(head | {"alg": "none"}, payload, CONSUMER.key)
    yield (
        "a certificate nobody registered",
        fixed.jws(head | {"x5t#S256": b64u(fixed.seed("nobody"))}, payload, CONSUMER.key),
    )
    stolen = fixed.header(PROVIDER, IAT_S, "sealway-auth+jwt")
    yield "another system's certificate", fixed.jws(stolen, payload, PROVIDER.key)
    yield "a header with kid", fixed.jws(head | {"kid": "1"}, payload, CONSUMER.key)
    yield "a claim twice", fixed.jws(head, payload[:-1] + b',"jti":"another-jti"}', CONSUMER.key)
    yield "claims that are an array", fixed.jws(head, b"[]", CONSUMER.key)


def _token_claims() -> Iterator[tuple[str, bytes]]:
    for claim, values in {
        "iss": ["sx/GOV/2002/civil-registry", "SX/GOV/1001/benefits", None],
        "aud": ["other.example", ["sx.example"], "sx.example/", None],
        "iat": [IAT_S - 1, IAT_S + 1, float(IAT_S), str(IAT_S), None],
        "exp": [IAT_S, IAT_S - 1, IAT_S + 61, float(IAT_S + 60), str(IAT_S + 60), None],
        "jti": ["", "short", "j" * 65, 1, None],
        "htm": ["GET", "post", None],
        "htu": ["https://sx.example/v1/mailbox", "http://sx.example/v1/mailbox/lease", None],
    }.items():
        for value in values:
            yield f"{claim} {value!r}", logs.token(logs.token_fields(**{claim: value}))
        fields = {name: held for name, held in logs.token_fields().items() if name != claim}
        yield f"no {claim}", logs.token(fields)
    yield "a claim more", logs.token(logs.token_fields(nbf=IAT_S))
    for name, iat in {"expired": IAT_S - 36, "from the future": IAT_S + 36}.items():
        yield name, _token_at(iat)


def _token_at(iat_s: int) -> bytes:
    # The vectors' clock stands at IAT_S + 30, and 5 seconds of skew are allowed.
    head = fixed.header(CONSUMER, iat_s, "sealway-auth+jwt")
    return fixed.jws(
        head, fixed.compact(logs.token_fields(iat=iat_s, exp=iat_s + 60)), CONSUMER.key
    )


def _records() -> Iterator[Bad]:
    good = logs.record_fields()
    signed_as = fixed.header(RECORDER, IAT_S, "sealway-message+jws")
    raw = fixed.jws(signed_as, fixed.compact(good), RECORDER.key)
    yield Bad("record: a message's typ", "record", raw, MALFORMED)
    twice = fixed.compact(good)[:-1] + b',"act":"other"}'
    head = fixed.header(RECORDER, IAT_S, "sealway-record+jws")
    yield Bad("record: a member twice", "record", fixed.jws(head, twice, RECORDER.key), MALFORMED)
    other = fixed.jws(head, fixed.compact(good), CONSUMER.key)
    yield Bad("record: another key's signature", "record", other, "signature-invalid")
    for v in (2, 0):
        raw = logs.record_jws(good | {"v": v})
        yield Bad(f"record: v {v}", "record", raw, "unsupported-version")
    for name, fields in _record_members(good):
        yield Bad(f"record: {name}", "record", logs.record_jws(fields), "manifest-invalid")


def _record_members(good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for member in sorted(good.keys() - {"after"}):
        yield f"no {member}", {name: value for name, value in good.items() if name != member}
    for member, values in {
        "v": [True, 1.0, "1"],
        "k": ["member", 1],
        "at": ["2026-11-22T06:40:00Z", 1],
        "actor": [None, 1],
        "role": [None, 1],
        "act": [None, 1],
        "about": [None, "sx/GOV/1001", {"noun": "member"}, {"noun": "member", "key": 1}],
        "before": [None, "x", fixed.seed("before").hex()],
        "after": [None, "x", 1],
        "approvals": [None, {}],
        "signed_change": [None, 1],
        "subject": ["another member"],
    }.items():
        for value in values:
            yield f"{member} {value!r}", good | {member: value}
