"""Which problems a call can answer with: what its kind brings along, and what is its own.

Owns the lists that ``/docs`` shows. Refuses to own what a code means: the problem table does. A
test provokes refusals on every call and looks each of them up here.
"""

from typing import Final

ALWAYS: Final = ("request-invalid", "log-unavailable", "internal")
"""A header or query that can't be read; the database is away; a fault of ours."""

KNOWN: Final = (
    "token-missing",
    "token-invalid",
    "certificate-unknown",
    "certificate-expired",
    "certificate-revoked",
)
"""What any call below ``/v1`` that needs somebody known asks first."""

BODY: Final = ("body-type-unsupported", "body-too-large", "client-too-slow")
CHANGE: Final = ("role-missing", "conflict", "outcome-unknown", "schema-unknown", "not-found")
OF_SCHEMAS: Final = ("schema-incompatible", "schema-undecided", "schema-in-use", "rate-exceeded")
MESSAGE: Final = (
    *("envelope-malformed", "manifest-invalid", "unsupported-version", "message-id-invalid"),
    *("signature-invalid", "algorithm-not-allowed", "certificate-unknown", "certificate-expired"),
    *("certificate-revoked", "sender-suspended", "message-stale", "message-from-the-future"),
    *("message-expired", "not-allowed", "purpose-required", "schema-unknown", "payload-invalid"),
    *(
        "payload-undeclared",
        "commitment-mismatch",
        "part-missing",
        "part-too-large",
        "header-too-large",
    ),
    *("message-id-reused", "answer-not-expected", "already-answered", "answer-late"),
    *("exchange-cancelled", "quota-exceeded", "rate-exceeded", "mailbox-full", "rejected"),
    *("bus-backlogged", "anchoring-late", "outcome-unknown"),
)

_ASK: Final = ("role-missing", "not-found", "conflict", "outcome-unknown")
_OWN: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("POST", "/v1/messages"): (*MESSAGE, *BODY),
    ("GET", "/v1/messages/{id}"): ("not-found", "rate-exceeded"),
    ("GET", "/v1/messages/{id}/answer"): (
        *("not-found", "role-missing", "answer-not-yet", "rejected", "message-expired"),
        *("exchange-cancelled", "outcome-unknown"),
    ),
    ("GET", "/v1/messages/{id}/receipt"): ("not-found", "anchor-not-yet", "outcome-unknown"),
    ("GET", "/v1/messages/{id}/delivery"): ("not-found", "role-missing", "outcome-unknown"),
    ("GET", "/v1/messages/{id}/parts/{name}"): ("not-found", "role-missing", "outcome-unknown"),
    ("GET", "/v1/asks"): ("role-missing",),
    ("GET", "/v1/asks/{id}"): ("role-missing", "not-found"),
    ("POST", "/v1/asks"): (*BODY, "role-missing", "not-found", "rate-exceeded", "outcome-unknown"),
    ("POST", "/v1/asks/{id}/give"): (*_ASK, "sender-suspended"),
    ("POST", "/v1/asks/{id}/refuse"): (*BODY, *_ASK),
    ("POST", "/v1/asks/{id}/withdraw"): _ASK,
    ("GET", "/v1/persons"): ("role-missing",),
    ("GET", "/v1/persons/{id}"): ("role-missing", "not-found"),
    ("POST", "/v1/persons"): (*BODY, "role-missing", "conflict", "outcome-unknown"),
    ("POST", "/v1/persons/{id}/revoke"): ("role-missing", "not-found", "outcome-unknown"),
    ("GET", "/v1/mailbox"): ("role-missing",),
    ("POST", "/v1/mailbox/lease"): (*BODY, "role-missing", "rate-exceeded"),
    ("POST", "/v1/mailbox/confirm"): (*BODY, "role-missing", "lease-lost", "outcome-unknown"),
    ("GET", "/v1/dead/{id}"): ("not-found", "message-id-invalid"),
    ("POST", "/v1/dead/{id}/redrive"): (
        *(*BODY, "role-missing", "not-found", "message-id-invalid", "conflict"),
        *("repeat-not-confirmed", "outcome-unknown"),
    ),
    ("POST", "/v1/dead/{id}/drop"): (
        *(*BODY, "role-missing", "not-found", "message-id-invalid", "conflict", "outcome-unknown"),
    ),
    ("POST", "/v1/mailbox/extend"): (*BODY, "role-missing", "lease-lost"),
    ("POST", "/v1/mailbox/release"): (*BODY, "role-missing", "lease-lost"),
    ("POST", "/log/{n}/cosignatures"): (
        *(*BODY, "not-found", "cosignature-refused", "checkpoint-foreign", "rate-exceeded"),
    ),
    ("GET", "/log/{n}/tile/entries/{number}"): (*KNOWN, "role-missing", "not-found"),
    ("POST", "/v1/exports"): (*BODY, "role-missing", "conflict", "outcome-unknown"),
    ("POST", "/v1/exports/preview"): (*BODY, "role-missing", "conflict"),
    ("GET", "/v1/reads"): ("role-missing", "request-invalid"),
    ("GET", "/v1/schemas/{key}/touched"): ("role-missing", "not-found"),
    ("POST", "/v1/schemas/check"): (*BODY, "role-missing", "conflict", "rate-exceeded"),
    ("DELETE", "/v1/schemas/{key}"): (
        *("role-missing", "not-found", "conflict", "changed-meanwhile", "schema-in-use"),
        "outcome-unknown",
    ),
    ("GET", "/readyz"): ("not-ready",),
    ("GET", "/livez"): (),
}
_SANDBOX: Final = (*CHANGE, *BODY, *OF_SCHEMAS)
_REGISTRY: Final = (
    "members",
    "systems",
    "certificates",
    "schemas",
    "subjects",
    "services",
    "grants",
)
_CHANGED: Final = ("changed-meanwhile",)


def problems_of(method: str, path: str) -> tuple[str, ...]:
    """The codes of one call, those of its kind first; each once."""
    needs_token = path.startswith("/v1/") and not path.startswith("/v1/logs/")
    is_message = path == "/v1/messages"
    kind = KNOWN if needs_token and not is_message else ()
    if path == "/v1/sandbox/members":
        kind = ()
    own = _SANDBOX if path.startswith("/v1/sandbox/") else _OWN.get((method, path))
    if own is None:
        own = _by_shape(method, path)
    return tuple(dict.fromkeys((*kind, *own, *ALWAYS)))


def _by_shape(method: str, path: str) -> tuple[str, ...]:
    """What a call has whose own list says nothing else."""
    of_registry = path.split("/")[2:3] and path.split("/")[2] in (*_REGISTRY, "changes")
    missing = ("not-found",) if "{" in path else ()
    if method == "GET":
        return missing
    if not of_registry:
        return (*BODY, "role-missing", *missing)
    more = (*_CHANGED, "precondition-required") if method == "PUT" else _CHANGED
    plural = path.split("/")[2]
    if plural in ("schemas", "changes"):
        more = (*OF_SCHEMAS, *more)
    proof = ("possession-unproven",) if plural in ("certificates", "changes") else ()
    signed = () if plural == "schemas" else ("signed-change-invalid",)
    return (*BODY, *CHANGE, "sender-suspended", *more, *proof, *signed)
