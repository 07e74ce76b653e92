"""The messages of the published vectors: one of each kind, and each form a verifier must read."""

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.support.vectors import fixed
from tests.support.vectors.fixed import BENEFITS, BUS, CONSUMER, PROVIDER, REGISTRY, Holder, b64u

SCHEMA = "sha256:" + hashlib.sha256(b"a schema").hexdigest()
JSON = "application/json"
IAT_S = fixed.ms("2026-11-22T06:40:00.000Z") // 1000
IDS = [f"01a201fb-aa7b-7cc0-98c4-dc0c0c0739{n:02x}" for n in range(64)]


@dataclass(frozen=True)
class Part:
    """A part as it travels, and what the manifest says of it."""

    name: str
    type: str
    data: bytes
    schema: str | None = None

    def spec(self, salt: bytes) -> dict[str, Any]:
        spec = {"name": self.name, "type": self.type, "size": len(self.data)}
        spec["commit"] = fixed.commit(salt, self.name, self.data)
        return spec if self.schema is None else {**spec, "schema": self.schema}


@dataclass(frozen=True)
class Vector:
    """A message and everything that follows from it."""

    name: str
    holder: Holder
    payload: bytes
    envelope: bytes
    salt: bytes
    parts: list[Part]

    @property
    def digest(self) -> str:
        return b64u(hashlib.sha256(self.payload).digest())

    @property
    def frame(self) -> bytes:
        return fixed.frame(self.envelope, self.salt, [part.data for part in self.parts])

    def published(self) -> dict[str, Any]:
        """The entry of messages.json."""
        return {
            "name": self.name,
            "signed_by": self.holder.name,
            "manifest": self.payload.decode(),
            "digest": self.digest,
            "envelope": self.envelope.decode(),
            "salt": b64u(self.salt),
            "parts": [_part(part, self.salt) for part in self.parts],
            "frame": b64u(self.frame),
        }


def _part(part: Part, salt: bytes) -> dict[str, str]:
    return {
        "name": part.name,
        "key": b64u(fixed.part_key(salt, part.name)),
        "commit": fixed.commit(salt, part.name, part.data),
        "data": b64u(part.data),
    }


QUESTION = Part("body", JSON, b'{"person_code":"38001085718"}', SCHEMA)
ANSWER = Part("body", JSON, '{"status":"alive","name":"Mari Õun"}'.encode(), SCHEMA)


def base(kind: str, number: int, **members: Any) -> dict[str, Any]:
    """The members of a manifest of this kind, without its parts, in the documented order."""
    back = kind in ("response", "interim", "rejection")
    sender, to = (REGISTRY, BENEFITS) if back else (BENEFITS, REGISTRY)
    fields: dict[str, Any] = {"v": 1, "bus": BUS, "id": IDS[number], "kind": kind, "from": sender}
    if kind != "event":
        fields |= {"to": to, "service": "person-status"}
    return fields | {"created": "2026-11-22T06:40:00.123Z"} | members


def make(
    name: str,
    fields: dict[str, Any],
    parts: list[Part],
    holder: Holder | None = None,
    payload: bytes | None = None,
    head: dict[str, Any] | bytes | None = None,
) -> Vector:
    """Sign a message; ``payload`` or ``head`` stand in for what would be written."""
    holder = holder or (PROVIDER if fields["from"] == REGISTRY else CONSUMER)
    salt = fixed.seed(f"salt of {name}")
    if payload is None:
        payload = fixed.compact({**fields, "parts": [part.spec(salt) for part in parts]})
    envelope = fixed.jws(head or fixed.header(holder, IAT_S), payload, holder.key)
    return Vector(name, holder, payload, envelope, salt, parts)


def request() -> Vector:
    """The request that the answers are about."""
    fields = base("request", 0, expires="2026-11-22T06:40:20.000Z", purpose="child-benefit")
    return make("request", fields, [QUESTION])


def kinds() -> list[Vector]:
    """One message of each kind, the answers bound to the request."""
    asked = request()
    about = {"id": IDS[0], "digest": asked.digest}
    why = Part("context", JSON, b'{"text":"No such person."}')
    interim = base("interim", 2, about=about, status={"code": "in-progress"})
    rejection = base("rejection", 3, about=about, reason={"code": "no-data"})
    received = base("acknowledgement", 4, about=about, accepted=True)
    moved = base("event", 6, expires="2026-11-23T00:00:00.000Z", topic="person.moved")
    return [
        asked,
        make("response", base("response", 1, about=about), [ANSWER]),
        make("interim", interim, []),
        make("rejection", rejection, [why]),
        make("acknowledgement", received, []),
        make("cancel", base("cancel", 5, about=about), []),
        make("event", moved, [Part("body", JSON, b'{"to":"FI"}', SCHEMA)]),
    ]


def forms() -> list[Vector]:
    """What a verifier must read although it is not what our own writer writes."""
    return [
        make("request-without-optional-members", base("request", 10), [QUESTION]),
        make("request-signed-with-ed25519", base("request", 11) | {"from": REGISTRY}, [QUESTION]),
        _named_eddsa(),
        _every_option(),
        _spaced_and_reordered(),
        _escaped(),
        _high_s(),
        _many_parts(),
        _empty_part(),
        _longest(),
    ]


def _named_eddsa() -> Vector:
    head = fixed.header(PROVIDER, IAT_S) | {"alg": "EdDSA"}
    fields = base("request", 12) | {"from": REGISTRY}
    return make("header-names-ed25519-by-its-older-name", fields, [QUESTION], head=head)


def _every_option() -> Vector:
    options = {
        "transaction": "0b54a5a8-7f4c-4f0a-9d55-0d6f6c8a1e11",
        "test": True,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ext": {"example.note": {"deep": [1, -2.5e3, None, "ü"]}},
    }
    return make("every-optional-member", base("request", 13, **options), [QUESTION])


def _spaced_and_reordered() -> Vector:
    made = make("", base("request", 14), [QUESTION])
    name = "white-space-and-another-order"
    spec = QUESTION.spec(fixed.seed(f"salt of {name}"))
    fields = {
        "parts": [dict(reversed(spec.items()))],
        **dict(reversed(base("request", 14).items())),
    }
    lines = [
        f"\t{fixed.compact(k).decode()} :\r\n {fixed.compact(v).decode()}"
        for k, v in fields.items()
    ]
    payload = ("{\n" + " ,\n".join(lines) + "}\n ").encode()
    return make(name, base("request", 14), made.parts, payload=payload)


def _escaped() -> Vector:
    name = "members-written-with-escapes"
    spec = QUESTION.spec(fixed.seed(f"salt of {name}"))
    plain = fixed.compact({**base("request", 15), "parts": [spec]})
    payload = plain.replace(b'"kind":"request"', b'"k\\u0069nd":"\\u0072equest"')
    return make(name, base("request", 15), [QUESTION], payload=payload.replace(b"sx/", b"sx\\/"))


def _high_s() -> Vector:
    made = make("es256-signature-with-high-s", base("request", 16), [QUESTION])
    signing_input, _, _ = made.envelope.rpartition(b".")
    signature = fixed.raw_signature(CONSUMER.key, signing_input)
    s = int.from_bytes(signature[32:], "big")
    high = max(s, fixed.P256_ORDER - s)
    twin = signature[:32] + high.to_bytes(32, "big")
    envelope = signing_input + b"." + b64u(twin).encode()
    return Vector(made.name, CONSUMER, made.payload, envelope, made.salt, made.parts)


def _many_parts() -> Vector:
    parts = [QUESTION, *(Part(f"scan-{n}", "image/png", bytes([n]) * n) for n in range(1, 32))]
    return make("thirty-two-parts", base("request", 17), parts)


def _empty_part() -> Vector:
    parts = [QUESTION, Part("0.tar_gz-", "application/x-tar", b"")]
    return make("a-part-of-no-bytes", base("request", 18), parts)


def sized(name: str, number: int, envelope_bytes: int) -> Vector:
    """A request whose envelope has exactly so many bytes."""
    for gap in range(3):  # base64 has no text of 4 n + 1 characters: move it with white space
        head = fixed.compact(fixed.header(CONSUMER, IAT_S)) + b" " * gap
        room = envelope_bytes - len(b64u(head)) - 2 - 86
        empty = make(name, base("request", number, ext={"example.pad": ""}), [QUESTION])
        filler = "x" * (room * 3 // 4 - len(empty.payload))
        fields = base("request", number, ext={"example.pad": filler})
        made = make(name, fields, [QUESTION], head=head)
        if len(made.envelope) == envelope_bytes:
            return made
    raise AssertionError("no filler fits")


def _longest() -> Vector:
    return sized("an-envelope-of-7168-bytes", 19, 7168)
