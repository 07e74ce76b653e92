"""What the API shows, as JSON Schemas: one for each kind of document, under its name.

Owns the words of ``/openapi.json`` about bodies. The registry and the resources own the documents;
a test holds each that they show against its shape, and finds members that are described nowhere.
"""

from collections.abc import Iterable
from typing import Any, Final

Shape = dict[str, Any]

TEXT: Final[Shape] = {"type": "string"}
INTEGER: Final[Shape] = {"type": "integer"}
YES_NO: Final[Shape] = {"type": "boolean"}
TIME: Final[Shape] = {"type": "string", "format": "date-time"}
ID: Final[Shape] = {"type": "string", "format": "uuid"}
ANY: Final[Shape] = {"type": "object"}


def array(of: Shape) -> Shape:
    """A list of these."""
    return {"type": "array", "items": of}


def one_of(*values: str) -> Shape:
    """A text out of a list."""
    return {"type": "string", "enum": list(values)}


def ref(name: str) -> Shape:
    """A shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def shape(says: str, members: dict[str, Shape], optional: Iterable[str] = ()) -> Shape:
    """An object; what isn't optional is always there."""
    left_out = set(optional)
    assert left_out <= members.keys()
    required = [name for name in members if name not in left_out]
    return {"type": "object", "description": says, "required": required, "properties": members}


OR_NULL: Final[Shape] = {"type": ["object", "null"]}
_STATE: Final = one_of("active", "suspended", "withdrawn")
_DELIVERY: Final = shape(
    "How requests reach the provider.",
    {"kind": one_of("mailbox", "adapter", "push"), "name": TEXT},
    ["name"],
)

_SCHEMA_MAY: Final = (
    *("references", "examples", "counter_examples", "deprecated_at", "sunset", "successor"),
    "compatibility",
)

OBJECTS: Final[dict[str, Shape]] = {
    "Member": shape(
        "A registered agency or organisation.", {"id": TEXT, "name": TEXT, "state": _STATE}
    ),
    "System": shape(
        "A member's registered information system.",
        {
            "id": TEXT,
            "name": TEXT,
            "state": _STATE,
            "v_max": {**INTEGER, "description": "The highest manifest version it reads."},
            "answers": one_of("fetch", "mailbox"),
            "mailbox_max": {**INTEGER, "description": "Waiting messages, for each service."},
        },
        ["mailbox_max"],
    ),
    "Certificate": shape(
        "A system's certificate.",
        {
            "x5t": {**TEXT, "description": "SHA-256 of the certificate, base64url."},
            "system": TEXT,
            "certificate": {**TEXT, "description": "DER, base64url."},
            "alg": TEXT,
            "not_before": TIME,
            "not_after": TIME,
            "custody": one_of("member", "bus"),
            "state": one_of("active", "revoked"),
        },
    ),
    "Reference": shape(
        "A registered schema that another one uses.", {"name": TEXT, "fingerprint": TEXT}
    ),
    "Schema": shape(
        "One version of a versioned payload contract.",
        {
            "fingerprint": TEXT,
            "id": INTEGER,
            "subject": TEXT,
            "version": INTEGER,
            "format": TEXT,
            "state": one_of("active", "draft", "deprecated", "retired", "withdrawn"),
            "text": TEXT,
            "references": array(ref("Reference")),
            "examples": array(TEXT),
            "counter_examples": array(TEXT),
            "deprecated_at": TIME,
            "sunset": TIME,
            "successor": TEXT,
            "compatibility": ANY,
        },
        _SCHEMA_MAY,
    ),
    "SchemaRegistered": shape(
        "The schema as it is now, how it stands beside others, and whom it touches.",
        {"fingerprint": TEXT, "id": INTEGER, "report": OR_NULL, "touched": ANY},
    ),
    "SchemaChecked": shape(
        "What registering would come to.",
        {
            "answer": one_of("yes", "no", "unknown"),
            "fingerprint": TEXT,
            "registered": OR_NULL,
            "rules": ANY,
            "report": OR_NULL,
            "touched": ANY,
        },
    ),
    "Subject": shape(
        "How the versions of one schema must follow each other.",
        {"subject": TEXT, "level": TEXT, "policy": TEXT},
        ["level", "policy"],
    ),
    "Service": shape(
        "A kind of exchange that a system offers.",
        {
            "system": TEXT,
            "code": TEXT,
            "title": TEXT,
            "request_schema": TEXT,
            "response_schema": TEXT,
            "deadline_s": INTEGER,
            "timeout_s": INTEGER,
            "repeat": one_of("safe", "keyed", "never"),
            "delivery": _DELIVERY,
            "test_delivery": _DELIVERY,
            "concurrency": INTEGER,
            "listed": YES_NO,
            "state": _STATE,
        },
        ["test_delivery"],
    ),
    "Grant": shape(
        "A consumer system's right to use a service.",
        {
            "id": TEXT,
            "consumer": TEXT,
            "system": TEXT,
            "service": TEXT,
            "purposes": array(TEXT),
            "legal_basis": TEXT,
            "valid_from": TIME,
            "valid_to": TIME,
            "test": YES_NO,
            "state": TEXT,
            "reason": TEXT,
        },
        ["valid_from", "valid_to", "reason"],
    ),
}  # fmt: skip

_LINE: Final = shape("One line of a timeline.", {"at": TIME, "code": TEXT}, ["at"])
_RESULT: Final = shape(
    "What became of one lease: a state, until when it runs, or why not.",
    {"lease": TEXT, "state": TEXT, "lease_until": TIME, "code": TEXT},
    ["state", "lease_until", "code"],
)

DOCUMENTS: Final[dict[str, Shape]] = {
    "TimelineLine": _LINE,
    "Person": shape(
        "Somebody with a token, and what they may do.",
        {
            "id": TEXT,
            "name": TEXT,
            "role": one_of("operator", "integrator", "auditor"),
            "member": TEXT,
            "state": one_of("active", "expired", "revoked"),
            "added_by": TEXT,
            "added_at": TIME,
            "expires_at": TIME,
            "revoked_at": TIME,
        },
        ["member", "revoked_at"],
    ),
    "Ask": shape(
        "A consumer's wish for a grant, and how it stands.",
        {
            "id": TEXT,
            "consumer": TEXT,
            "system": TEXT,
            "service": TEXT,
            "state": one_of("asked", "given", "refused", "withdrawn"),
            "asked_by": TEXT,
            "asked_at": TIME,
            "ended_by": TEXT,
            "ended_at": TIME,
            "reason": TEXT,
        },
        ["ended_by", "ended_at", "reason"],
    ),
    "State": shape("How the process stands.", {"state": TEXT}),
    "Bus": shape(
        "Which bus this is, and what it offers; never a root of trust.",
        {
            "bus": TEXT,
            "instance": TEXT,
            "version": TEXT,
            "time": TIME,
            "logs": array(
                shape("A log.", {"n": INTEGER, "origin": TEXT, "url": TEXT, "key": TEXT}, ["key"])
            ),
            "directory_version": INTEGER,
            "kinds": array(TEXT),
            "forms": array(TEXT),
            "limits": ANY,
            "docs": TEXT,
        },
    ),
    "ProvenCertificate": shape(
        "A certificate, and the proof of what the directory log says of it.",
        {
            **dict.fromkeys(("x5t", "system", "certificate", "alg", "custody", "state"), TEXT),
            "not_before": TIME,
            "not_after": TIME,
            "record": TEXT,
            "receipt": TEXT,
        },
    ),
    "ProvenRecord": shape(
        "What the directory log says, with the proof that it says so.",
        {"record": TEXT, "receipt": TEXT},
    ),
    "Refusals": shape("What was refused under an id.", {"refusals": array(ANY)}),
    "LeaseResult": _RESULT,
    "Accepted": shape(
        "The bus took responsibility for the message.",
        {
            "id": ID,
            "state": TEXT,
            "receipt": {**TEXT, "description": "A C2SP tlog-proof."},
            "last_attempt": ANY,
        },
        ["last_attempt"],
    ),
    "MessageState": shape(
        "How a message stands.",
        {
            "id": ID,
            "kind": TEXT,
            "state": TEXT,
            "from": TEXT,
            "to": TEXT,
            "service": TEXT,
            "accepted_at": TIME,
            "answer_by": TIME,
            "answer": shape("The answer's name.", {"id": ID, "kind": TEXT}),
            "about": ID,
            "last_attempt": ANY,
            "interim": ANY,
            "stuck": YES_NO,
            "timeline": array(ref("TimelineLine")),
        },
        ["to", "service", "answer_by", "answer", "about", "last_attempt", "interim"],
    ),
    "Mailbox": shape(
        "What waits, for each service and kind of message.",
        {
            "services": array(
                shape(
                    "One service's part of the mailbox.",
                    {
                        "service": TEXT,
                        "kind": one_of("request", "response", "rejection"),
                        "waiting": INTEGER,
                        "leased": INTEGER,
                        "oldest_age_s": INTEGER,
                        "dead": INTEGER,
                    },
                    ["oldest_age_s"],
                )
            )
        },
    ),
    "Leased": shape(
        "What was leased.",
        {
            "deliveries": array(
                shape(
                    "A message under a lease: whole, or by link when it is big.",
                    {
                        "lease": TEXT,
                        "id": ID,
                        "kind": TEXT,
                        "service": TEXT,
                        "attempt": INTEGER,
                        "lease_until": TIME,
                        "delivery": {**TEXT, "description": "The delivery form, base64url."},
                        "href": TEXT,
                    },
                    ["delivery", "href"],
                )
            )
        },
    ),
    "LeaseResults": shape("One result for each lease.", {"results": array(ref("LeaseResult"))}),
    "Changed": shape(
        "What a set of changes did.",
        {
            "changed": INTEGER,
            "unchanged": INTEGER,
            "version": {**INTEGER, "description": "The directory's version afterwards."},
            "facts": array(ANY),
        },
    ),
    "Settled": shape("Where a dead letter is now.", {"id": ID, "delivery": TEXT}),
    "Access": shape(
        "What somebody read, or took away.",
        {
            "log": TEXT,
            "index": INTEGER,
            "at": TIME,
            "kind": one_of("read", "export"),
            "person": {"type": ["string", "null"]},
            "role": {"type": ["string", "null"]},
            "record": one_of("read", "not-readable"),
            "message": ID,
            "bundle": ID,
            "from": TEXT,
            "to": TEXT,
            "service": TEXT,
            "test": YES_NO,
            "leaf": TEXT,
            "part": TEXT,
            "recipient": TEXT,
            "selection": ANY,
            "since": TEXT,
            "until": TEXT,
            "reason": TEXT,
        },
        [
            *("message", "bundle", "from", "to", "service", "test", "leaf", "part", "selection"),
            *("since", "until", "recipient", "reason"),
        ],
    ),
    "DeadLetter": shape(
        "A delivery that was given up and is kept for a person.",
        {
            "id": ID,
            "recipient": TEXT,
            "service": TEXT,
            "cause": TEXT,
            "attempt": INTEGER,
            "accepted_at": TIME,
            "timeline": array(ref("TimelineLine")),
        },
        ["timeline"],
    ),
}


def page_of(name: str) -> Shape:
    """A page of a list: its items, and in a ``Link`` header where the next page is."""
    members = {"items": array(ref(name)), "version": INTEGER}
    return shape("A page of a list.", members, ["version"])
