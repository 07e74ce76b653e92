"""``/docs``: every call on one page, each with a line for curl and its problems; self-contained.

Owns the words for people. What machines read is ``/openapi.json``; a test fails when a call is
in one and not in the other.
"""

from dataclasses import dataclass
from html import escape
from typing import Final

from exchange.api.call_problems import problems_of
from exchange.api.problem_pages import document
from exchange.api.problems import PROBLEMS
from exchange.api.roles import rule_as_written


@dataclass(frozen=True, slots=True)
class CallDoc:
    """One call: what it does, who may, and how curl makes it (after ``curl -s``)."""

    method: str
    path: str
    does: str
    curl: str = ""

    @property
    def who(self) -> str:
        """For whom it is, as the table of roles says."""
        return rule_as_written(self.method, self.path).says


_AUTH = '-H "Authorization: Bearer $TOKEN" '
_JSON = "-H 'Content-Type: application/json' "


def _get(path: str, does: str, example: str = "") -> CallDoc:
    auth = "" if rule_as_written("GET", path).is_public else _AUTH
    return CallDoc("GET", path, does, f"{auth}$BUS{example or path}")


def _noun(plural: str, noun: str, key: str, body: str) -> tuple[CallDoc, ...]:
    path, one = f"/v1/{plural}", f"/v1/{plural}/{{key}}"
    example = f"{path}/{key}"
    return (
        _get(path, f"Lists the {plural} you may see."),
        CallDoc("POST", path, f"Adds a {noun}.", f"{_AUTH}{_JSON}$BUS{path} -d '{body}'"),
        _get(one, f"Shows a {noun}.", example=example),
        CallDoc(
            "PUT",
            one,
            f"Changes a {noun}; If-Match holds the ETag you saw.",
            f'{_AUTH}{_JSON}-X PUT -H \'If-Match: "…"\' $BUS{example} -d \'{{"state":"…"}}\'',
        ),
    )


_ID = "/v1/messages/$ID"
_ASK = "/v1/asks/$ID"
CALLS: Final[tuple[tuple[str, tuple[CallDoc, ...]], ...]] = (
    (
        "Messages",
        (
            CallDoc(
                "POST",
                "/v1/messages",
                "Sends a signed message, as a frame or in the short form. "
                "`Prefer: wait=N` waits for the answer.",
                "$BUS/v1/messages -H @q.headers -H 'Prefer: wait=10' --data-binary @q.json",
            ),
            _get("/v1/messages/{id}", "State and timeline.", _ID),
            _get("/v1/messages/{id}/answer", "The answer.", _ID + "/answer"),
            _get(
                "/v1/messages/{id}/receipt",
                "The proof that the bus took it; `?state=anchored`: up to what others vouched for.",
                _ID + "/receipt",
            ),
            _get(
                "/v1/messages/{id}/refusals",
                "What was refused under this id, each with its proof.",
                _ID + "/refusals",
            ),
            _get("/v1/messages/{id}/delivery", "Receipt and message.", _ID + "/delivery"),
            _get(
                "/v1/messages/{id}/parts/{name}",
                "One part's bytes.",
                _ID + "/parts/body",
            ),
        ),
    ),
    (
        "Mailbox",
        (
            _get("/v1/mailbox", "What waits for you, counted."),
            CallDoc(
                "POST",
                "/v1/mailbox/lease",
                "Takes what waits, for a time.",
                f'{_AUTH}{_JSON}$BUS/v1/mailbox/lease -d \'{{"deliveries_max":1,"wait_s":20}}\'',
            ),
            CallDoc(
                "POST",
                "/v1/mailbox/confirm",
                "Ends leases; an accepted answer does that by itself.",
                f'{_AUTH}{_JSON}$BUS/v1/mailbox/confirm -d \'{{"leases":["…"]}}\'',
            ),
            CallDoc(
                "POST",
                "/v1/mailbox/extend",
                "Makes leases longer, for work that takes its time.",
                f'{_AUTH}{_JSON}$BUS/v1/mailbox/extend -d \'{{"leases":["…"],"lease_s":300}}\'',
            ),
            CallDoc(
                "POST",
                "/v1/mailbox/release",
                "Gives leases up; what they held is free at once.",
                f'{_AUTH}{_JSON}$BUS/v1/mailbox/release -d \'{{"leases":["…"],"reason":"busy"}}\'',
            ),
            _get("/v1/dead", "Deliveries that were given up."),
            _get("/v1/dead/{id}", "One of them, with what was tried.", example="/v1/dead/$ID"),
            CallDoc(
                "POST",
                "/v1/dead/{id}/redrive",
                "Has it tried again; recorded with who decided.",
                f"{_AUTH}{_JSON}$BUS/v1/dead/$ID/redrive -d '{{}}'",
            ),
            CallDoc(
                "POST",
                "/v1/dead/{id}/drop",
                "Hands it to nobody any more; the exchange stays open until its time is over.",
                f"{_AUTH}-X POST $BUS/v1/dead/$ID/drop",
            ),
        ),
    ),
    (
        "Audit",
        (
            CallDoc(
                "POST",
                "/v1/exports/preview",
                "Says what an export would take.",
                f"{_AUTH}{_JSON}$BUS/v1/exports/preview -d '{{}}'",
            ),
            CallDoc(
                "POST",
                "/v1/exports",
                "Exports an evidence bundle; recorded with who asked.",
                f"{_AUTH}{_JSON}$BUS/v1/exports -d '{{}}' -o case.zip",
            ),
            _get("/v1/reads", "Who read or exported what, as log 0 says it."),
        ),
    ),
    (
        "Registry",
        (
            CallDoc(
                "POST",
                "/v1/changes",
                "Makes a set of changes, all or none.",
                f"{_AUTH}{_JSON}$BUS/v1/changes --data-binary @changes.json",
            ),
            *_noun("members", "member", "sx/GOV/1001", '{"id":"sx/GOV/1001","name":"…"}'),
            *_noun(
                "systems",
                "system",
                "sx/GOV/1001/benefits",
                '{"id":"sx/GOV/1001/benefits","name":"…"}',
            ),
            *_noun("certificates", "certificate", "$X5T", '{"system":"…","certificate":"…"}'),
            *_noun("schemas", "schema", "sha256:…", '{"subject":"…","text":"…"}'),
            CallDoc(
                "POST",
                "/v1/schemas/check",
                "What registering a schema would come to; changes nothing.",
                f"""{_AUTH}{_JSON}$BUS/v1/schemas/check -d '{{"subject":"…","text":"…"}}'""",
            ),
            _get(
                "/v1/schemas/{key}/touched",
                "Whom a change of a schema would touch.",
                "/v1/schemas/sha256:…/touched",
            ),
            CallDoc(
                "DELETE",
                "/v1/schemas/{key}",
                "Deletes a draft.",
                f"{_AUTH}-X DELETE $BUS/v1/schemas/sha256:…",
            ),
            *_noun("subjects", "subject", "person", '{"subject":"person","level":"BACKWARD"}'),
            _get(
                "/v1/schemas/{fingerprint}/example",
                "A payload that satisfies the schema: a registered one, or one that is made up.",
                example="/v1/schemas/sha256:…/example",
            ),
            *_noun(
                "services",
                "service",
                "sx/GOV/2002/civil-registry/person-status",
                '{"system":"…","code":"…","title":"…","request_schema":"…","response_schema":"…"}',
            ),
            *_noun(
                "grants",
                "grant",
                "g0123456789abcde",
                '{"consumer":"…","system":"…","service":"…","purposes":[],"legal_basis":"…"}',
            ),
        ),
    ),
    (
        "Asking for grants",
        (
            _get("/v1/asks", "Lists grants that were asked for."),
            CallDoc(
                "POST",
                "/v1/asks",
                "Asks for a grant of somebody's service.",
                f"{_AUTH}{_JSON}$BUS/v1/asks "
                '-d \'{"consumer":"…","system":"…","service":"…","legal_basis":"…"}\'',
            ),
            _get("/v1/asks/{id}", "How it stands: asked, given, refused, withdrawn.", _ASK),
            CallDoc(
                "POST",
                "/v1/asks/{id}/give",
                "Gives the grant as it was asked for.",
                f"{_AUTH}-X POST $BUS{_ASK}/give",
            ),
            CallDoc(
                "POST",
                "/v1/asks/{id}/refuse",
                "Refuses it, with a reason for the consumer.",
                f'{_AUTH}{_JSON}$BUS{_ASK}/refuse -d \'{{"reason":"…"}}\'',
            ),
            CallDoc(
                "POST",
                "/v1/asks/{id}/withdraw",
                "Asks no longer.",
                f"{_AUTH}-X POST $BUS{_ASK}/withdraw",
            ),
        ),
    ),
    (
        "People",
        (
            _get("/v1/persons", "Lists who has a token, and which role it gives."),
            CallDoc(
                "POST",
                "/v1/persons",
                "Adds a person; the token's SHA-256 is all that the bus is told.",
                f"{_AUTH}{_JSON}$BUS/v1/persons "
                '-d \'{"name":"…","role":"auditor","token_hash":"…"}\'',
            ),
            _get("/v1/persons/{id}", "Shows a person.", "/v1/persons/$ID"),
            CallDoc(
                "POST",
                "/v1/persons/{id}/revoke",
                "Ends a person's token, for ever and everywhere.",
                f"{_AUTH}-X POST $BUS/v1/persons/$ID/revoke",
            ),
        ),
    ),
    (
        "The log and the bus",
        (
            _get("/v1/logs/{n}", "A shard's key, with its proof.", "/v1/logs/1"),
            _get("/log/{n}/checkpoint", "The last signed checkpoint.", "/log/0/checkpoint"),
            _get(
                "/log/{n}/cosigned",
                "Log 0's last checkpoint that a quorum of witnesses cosigned.",
                "/log/0/cosigned",
            ),
            _get(
                "/log/{n}/cosignatures",
                "The checkpoint that witnesses which poll cosign now.",
                "/log/0/cosignatures",
            ),
            CallDoc(
                "POST",
                "/log/{n}/cosignatures",
                "Brings a listed witness's cosignature of it; `sealway witness poll` does.",
                "-H 'Content-Type: text/plain' --data-binary @cosigned.note "
                "$BUS/log/0/cosignatures",
            ),
            _get(
                "/log/{n}/policy",
                "Who is asked to vouch for log 0 (C2SP tlog-policy).",
                "/log/0/policy",
            ),
            _get(
                "/log/{n}/tile/{level}/{number}",
                "Hashes of the log's tree (C2SP tlog-tiles).",
                "/log/0/tile/0/000.p/3",
            ),
            _get(
                "/log/{n}/tile/entries/{number}",
                "The leaves themselves.",
                "/log/0/tile/entries/000.p/3",
            ),
            _get("/.well-known/sealway", "Which bus this is, and its limits."),
            _get("/livez", "Whether the process answers."),
            _get("/readyz", "Whether it accepts messages."),
        ),
    ),
)


def calls_page(public_url: str) -> str:
    """The page; ``public_url`` is where this bus is reached."""
    intro = (
        "<h1>Calls of this bus</h1><p>For programs: <a href='openapi.json'>openapi.json</a>. "
        "What each refusal means: <a href='problems'>problems</a>. In the lines below "
        f"<code>BUS={escape(public_url)}</code>; <code>TOKEN</code> is what "
        "<code>sealway token</code> prints for that call, or a person's token. Clients of "
        "Confluent's schema registry find its API below <code>/confluent</code>.</p>"
    )
    sections = "".join(
        f"<h2>{escape(title)}</h2>" + "".join(map(_call, calls)) for title, calls in CALLS
    )
    return document("Calls", intro + sections)


def _call(call: CallDoc) -> str:
    does = escape(call.does).replace("`Prefer: wait=N`", "<code>Prefer: wait=N</code>")
    return (
        f"<section><h2><code>{call.method} {escape(call.path)}</code></h2>"
        f"<p>{does} For {escape(call.who)}.</p>"
        f"<p><code>curl -s {escape(call.curl)}</code></p>"
        f"<p>Problems: {_problems(call)}</p></section>"
    )


def _problems(call: CallDoc) -> str:
    """The codes a call can answer with, each with its status and a way to its page."""
    return ", ".join(
        f'<a href="problems/{escape(code)}">{escape(code)}</a> {PROBLEMS[code].status}'
        for code in problems_of(call.method, call.path)
    )
