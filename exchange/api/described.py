"""What each call answers when all is well, and which headers it reads: for ``/openapi.json``.

Owns what FastAPI can't see, since our replies are bytes. A run that calls everything
(``make fuzz``) holds each answer against this.
"""

from dataclasses import dataclass
from typing import Any, Final

from exchange.api.resources.exports import MEDIA_TYPE as EVIDENCE_TYPE
from exchange.api.shapes import ANY, DOCUMENTS, OBJECTS, TEXT, Shape, page_of, ref
from signing.message import DELIVERY_TYPE, FRAME_TYPE, RECEIPT_TYPE
from signing.sealed import MEDIA_TYPE as SEALED_TYPE

_JSON: Final = "application/json"
_BINARY: Final[Shape] = {"type": "string", "format": "binary"}
_NOUNS: Final = {
    "members": "Member",
    "systems": "System",
    "certificates": "Certificate",
    "schemas": "Schema",
    "subjects": "Subject",
    "services": "Service",
    "grants": "Grant",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer: what it says, and its bodies by media type (None: any JSON)."""

    says: str
    content: dict[str, Shape]

    def to_object(self) -> dict[str, Any]:
        """As OpenAPI has it."""
        return {
            "description": self.says,
            "content": {media: {"schema": body} for media, body in self.content.items()},
        }


def _json(says: str, name: str) -> Answer:
    return Answer(says, {_JSON: ref(name)})


def _bytes(says: str, *media: str) -> Answer:
    return Answer(says, dict.fromkeys(media, _BINARY))


_MESSAGE: Final = "/v1/messages/{id}"
_ANSWER: Final = Answer(
    "The provider's answer, in the form asked for by Accept: receipt and message, or its body as "
    "the provider signed it.",
    {DELIVERY_TYPE: _BINARY, FRAME_TYPE: _BINARY, _JSON: {}, "*/*": {}},
)
_OWN: Final[dict[tuple[str, str], dict[int, Answer]]] = {
    ("POST", "/v1/messages"): {
        200: _ANSWER,
        202: _json("Accepted; what isn't answered yet goes on by itself.", "Accepted"),
    },
    ("GET", _MESSAGE): {200: _json("How it stands.", "MessageState")},
    ("GET", f"{_MESSAGE}/answer"): {200: _ANSWER},
    ("GET", f"{_MESSAGE}/receipt"): {200: Answer("A C2SP tlog-proof.", {RECEIPT_TYPE: TEXT})},
    ("GET", f"{_MESSAGE}/delivery"): {200: _bytes("Receipt and message.", DELIVERY_TYPE)},
    ("GET", f"{_MESSAGE}/parts/{{name}}"): {
        200: Answer("The part, as it was signed.", {"*/*": {}}),
        206: Answer("The range asked for.", {"*/*": {}}),
    },
    ("GET", "/v1/mailbox"): {200: _json("What waits.", "Mailbox")},
    ("POST", "/v1/mailbox/lease"): {200: _json("What was leased; perhaps nothing.", "Leased")},
    ("POST", "/v1/mailbox/confirm"): {200: _json("Each lease's result.", "LeaseResults")},
    ("POST", "/v1/mailbox/extend"): {200: _json("Each lease's result.", "LeaseResults")},
    ("POST", "/v1/mailbox/release"): {200: _json("Each lease's result.", "LeaseResults")},
    ("GET", "/v1/dead"): {200: Answer("The oldest first.", {_JSON: page_of("DeadLetter")})},
    ("GET", "/v1/dead/{id}"): {200: _json("One, with what was tried.", "DeadLetter")},
    ("POST", "/v1/dead/{id}/redrive"): {200: _json("It is tried again.", "Settled")},
    ("POST", "/v1/dead/{id}/drop"): {200: _json("Nobody gets it any more.", "Settled")},
    ("GET", "/v1/persons"): {200: Answer("People.", {_JSON: page_of("Person")})},
    ("POST", "/v1/persons"): {201: _json("They may call from now on.", "Person")},
    ("GET", "/v1/persons/{id}"): {200: _json("One.", "Person")},
    ("POST", "/v1/persons/{id}/revoke"): {200: _json("Their token counts no more.", "Person")},
    ("GET", "/v1/asks"): {200: Answer("Asks you may see.", {_JSON: page_of("Ask")})},
    ("POST", "/v1/asks"): {
        200: _json("It was asked already.", "Ask"),
        201: _json("The provider's integrator sees it.", "Ask"),
    },
    ("GET", "/v1/asks/{id}"): {200: _json("How it stands.", "Ask")},
    ("POST", "/v1/asks/{id}/give"): {200: _json("The grant is given.", "Ask")},
    ("POST", "/v1/asks/{id}/refuse"): {200: _json("It is refused.", "Ask")},
    ("POST", "/v1/asks/{id}/withdraw"): {200: _json("It is taken back.", "Ask")},
    ("POST", "/v1/schemas"): {
        200: _json("It was registered already.", "SchemaRegistered"),
        201: _json("It is a new version.", "SchemaRegistered"),
    },
    ("PUT", "/v1/schemas/{key}"): {200: _json("As it is now.", "SchemaRegistered")},
    ("DELETE", "/v1/schemas/{key}"): {200: _json("The draft is withdrawn.", "SchemaRegistered")},
    ("POST", "/v1/schemas/check"): {200: _json("The verdict.", "SchemaChecked")},
    ("GET", "/v1/schemas/{fingerprint}/example"): {
        200: Answer("A payload, in the format's media type.", {"*/*": {}})
    },
    ("GET", "/v1/certificates/{key}"): {
        200: _json("The certificate, its record and the proof.", "ProvenCertificate")
    },
    ("GET", "/v1/logs/{n}"): {200: _json("The log's record and the proof.", "ProvenRecord")},
    ("GET", "/livez"): {200: _json("It answers.", "State")},
    ("GET", "/readyz"): {200: _json("Messages are accepted.", "State")},
    ("GET", "/.well-known/sealway"): {200: _json("The bus.", "Bus")},
    ("GET", f"{_MESSAGE}/refusals"): {200: _json("Each with its proof.", "Refusals")},
    ("POST", "/v1/exports"): {
        200: _bytes(
            "An evidence bundle, sealed if a recipient was named.", EVIDENCE_TYPE, SEALED_TYPE
        )
    },
    ("GET", "/v1/reads"): {200: Answer("In the log's order.", {_JSON: page_of("Access")})},
    ("POST", "/v1/exports/preview"): {200: Answer("What it would take.", {_JSON: ANY})},
    ("POST", "/v1/changes"): {200: _json("All are in force.", "Changed")},
    ("GET", "/log/{n}/checkpoint"): {200: Answer("A signed note (C2SP).", {"text/plain": TEXT})},
    ("GET", "/log/{n}/cosigned"): {200: Answer("A cosigned note.", {"text/plain": TEXT})},
    ("GET", "/log/{n}/cosignatures"): {200: Answer("The note to cosign.", {"text/plain": TEXT})},
    ("POST", "/log/{n}/cosignatures"): {204: Answer("It is kept.", {})},
    ("GET", "/log/{n}/policy"): {200: Answer("A C2SP tlog-policy.", {"text/plain": TEXT})},
    ("GET", "/log/{n}/tile/{level}/{number}"): {
        200: _bytes("Hashes (C2SP tlog-tiles).", "application/octet-stream")
    },
    ("GET", "/log/{n}/tile/entries/{number}"): {
        200: _bytes("Leaves, each after its length.", "application/octet-stream")
    },
}

_HEADERS: Final = {
    "Prefer": "`wait=N`: seconds to wait for the end of the exchange.",
    "Accept": "`application/vnd.sealway.delivery` for receipt and message together.",
    "If-Match": "The ETag of the object that you saw.",
    "Sealway-Envelope": "In the short form: the envelope.",
    "Sealway-Salt": "In the short form: the salt, base64url.",
}
_READS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("POST", "/v1/messages"): ("Prefer", "Accept", "Sealway-Envelope", "Sealway-Salt"),
    ("GET", _MESSAGE): ("Prefer",),
    ("GET", f"{_MESSAGE}/answer"): ("Accept",),
}


def answers_of(method: str, path: str) -> dict[int, Answer]:
    """The good answers of a call by status; empty where nothing is said."""
    own = _OWN.get((method, path))
    return own if own is not None else _of_registry(method, path)


def _of_registry(method: str, path: str) -> dict[int, Answer]:
    plural, _, key = path.removeprefix("/v1/").partition("/")
    name = _NOUNS.get(plural)
    if name is None or not path.startswith("/v1/") or key.count("/") or _is_verb(key):
        return {}
    if method == "GET" and not key:
        return {200: Answer(f"{plural.capitalize()} you may see.", {_JSON: page_of(name)})}
    if method == "GET":
        return {200: _json("The object, with its ETag.", name)} if plural != "certificates" else {}
    new, same = _json("It is new.", name), _json("It was so already, or is now.", name)
    return {200: same, 201: new}


def _is_verb(key: str) -> bool:
    return bool(key) and not key.startswith("{")


def headers_of(method: str, path: str) -> list[dict[str, Any]]:
    """The headers that a call reads, as OpenAPI has them."""
    names = _READS.get((method, path), ("If-Match",) if method == "PUT" else ())
    return [
        {"name": name, "in": "header", "required": False, "schema": TEXT,
         "description": _HEADERS[name]}
        for name in names
    ]  # fmt: skip


def shapes() -> dict[str, Shape]:
    """Every named shape."""
    return {**OBJECTS, **DOCUMENTS}
