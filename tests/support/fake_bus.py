"""A bus in memory behind the SDK's own port: it really signs, logs and makes receipts.

Owns a log 0 with trust and shard records, one shard, messages, mailboxes. Checks signatures,
parties and ids, as far as a client could notice; no schemas; refuses the services that a
test names. `tamper` lets a test lie in exactly one place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from signing.certificates import issue_self_signed, parse_certificate
from signing.encoding import b64url_encode, format_time
from signing.envelope import VerifiedEnvelope, verify_envelope
from signing.errors import CertificateUnknown, SealwayError
from signing.identifiers import SystemId
from signing.keys import KnownCertificate, LocalSigner, Thumbprint, generate_key
from signing.log.leaf import commit_to, encode_leaf, new_leaf_salt
from signing.log.merkle import leaf_hash
from signing.message import (
    DELIVERY_TYPE,
    RECEIPT_TYPE,
    Message,
    check_parts,
    encode_delivery,
    encode_frame,
    parse_frame,
)
from signing.records import Record, sign_record
from signing.tokens import Call as TokenCall
from signing.tokens import verify_token
from tests.support.fake_clock import FakeClock
from tests.support.fake_log import FakeLog
from tests.support.fake_system import BUS, URL, FakeSystem

ENDS = {"response": "answered", "rejection": "rejected", "cancel": "cancelled"}
YEAR_MS = 365 * 86_400_000
Tamper = Callable[[str, Any], Any]


@dataclass
class Kept:
    """A message the bus took."""

    message: Message
    index: int
    salt: bytes
    answer: str | None = None
    attempts: int = 0
    leased_until_ms: int = 0
    state: str = "open"


@dataclass
class Logged:
    """A record in log 0."""

    raw: bytes
    index: int
    salt: bytes
    log: FakeLog


@dataclass
class FakeBus:
    """The bus; `transport` is what a client is given."""

    clock: FakeClock = field(default_factory=FakeClock)
    tamper: Tamper = lambda what, value: value
    refuse: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: list[httpx.TransportError | int] = field(default_factory=list)
    answer_later: Callable[[], None] | None = None
    calls: list[httpx.Request] = field(default_factory=list)
    refusals: list[tuple[VerifiedEnvelope, str, int, bytes]] = field(default_factory=list)
    released: list[tuple[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log_0 = FakeLog(f"{BUS}/log/0")
        self.shard = FakeLog(f"{BUS}/log/1")
        key = generate_key()
        now = self.clock.ms
        der = issue_self_signed(key, BUS, now - YEAR_MS, now + 10 * YEAR_MS)
        self.record_signer = LocalSigner(key, parse_certificate(der).x5t)
        self.version = 0
        self.systems: dict[str, FakeSystem] = {}
        self.trust: dict[str, Logged] = {}
        self.kept: dict[str, Kept] = {}
        self.changes: list[Any] = []
        self.record("trust", "certificate", self.record_signer.x5t, {"certificate": "…"})
        self.shard_record = self.record(
            "shard",
            "log",
            "1",
            {"n": 1, "origin": self.shard.origin, "key": self.shard.verifier_key, "state": "open"},
        )

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def record(self, kind: str, noun: str, key: str, after: dict[str, Any]) -> Logged:
        record = Record(kind, self.clock.ms, "bus", "bus", f"{noun}-added", noun, key, None, after)
        raw = sign_record(record, self.record_signer)
        salt = new_leaf_salt()
        if kind in ("trust", "registry", "policy"):
            self.version += 1
        leaf = encode_leaf(kind, self.clock.ms, self.version, commit_to(salt, raw))
        return Logged(raw, self.log_0.append(leaf), salt, self.log_0)

    def succeed(self) -> None:
        """Go on with a successor of log 0, as after a restore."""
        self.log_0 = FakeLog(f"{BUS}/log/0.1")

    def add_system(self, system: str, alg: str = "ES256") -> FakeSystem:
        key = generate_key(alg)
        now = self.clock.ms
        der = issue_self_signed(key, system, now - YEAR_MS, now + YEAR_MS)
        parsed = parse_certificate(der)
        known = KnownCertificate(
            parsed.x5t,
            SystemId(system),
            parsed.verifier,
            parsed.not_before_ms,
            parsed.not_after_ms,
        )
        made = FakeSystem(SystemId(system), key, der, known, LocalSigner(key, parsed.x5t))
        self.systems[parsed.x5t] = made
        self.certify(made)
        return made

    def certify(self, system: FakeSystem, state: str = "active") -> None:
        x5t = system.known.x5t
        after = {
            "x5t": x5t,
            "system": system.id,
            "certificate": b64url_encode(system.der),
            "alg": system.signer.alg,
            "not_before": format_time(system.known.not_before_ms),
            "not_after": format_time(system.known.not_after_ms),
            "custody": "member",
            "state": state,
        }
        self.trust[x5t] = self.record("trust", "certificate", x5t, after)

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        if x5t not in self.systems:
            raise CertificateUnknown("Nobody registered this certificate.")
        return self.systems[x5t].known

    # What comes over HTTP.

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        if self.down:
            trouble = self.down.pop(0)
            if isinstance(trouble, int):
                return self.problem(trouble, "not-ready", retryable=True)
            raise trouble
        for method, pattern, function in self.routes():
            match = re.fullmatch(pattern, request.url.path)
            if match and method == request.method:
                reply: httpx.Response = function(request, *match.groups())
                return reply
        return self.problem(404, "not-found")

    def routes(self) -> list[tuple[str, str, Callable[..., httpx.Response]]]:
        one = r"/v1/messages/([0-9a-f-]{36})"
        return [
            ("POST", r"/v1/messages", self.post_message),
            ("GET", one, self.get_state),
            ("GET", one + "/answer", self.get_answer),
            ("GET", one + "/receipt", self.get_receipt),
            ("GET", one + "/delivery", self.get_delivery),
            ("GET", one + "/refusals", self.get_refusals),
            ("GET", r"/v1/certificates/([\w-]{43})", self.get_certificate),
            ("GET", r"/v1/logs/1", self.get_log),
            ("POST", r"/v1/mailbox/lease", self.post_lease),
            ("POST", r"/v1/mailbox/confirm", self.post_confirm),
            ("POST", r"/v1/mailbox/extend", self.post_extend),
            ("POST", r"/v1/mailbox/release", self.post_release),
            ("POST", r"/v1/dead/([0-9a-f-]{36})/(redrive|drop)", self.post_dead),
            ("GET", r"/v1/mailbox", self.get_mailbox),
            ("POST", r"/v1/changes", self.post_changes),
            ("GET", r"/v1/members", self.get_members),
            ("GET", r"/.well-known/sealway", self.get_well_known),
        ]

    def problem(
        self, status: int, code: str, *, retryable: bool = False, **more: Any
    ) -> httpx.Response:
        members = {
            "type": f"{URL}/problems/{code}",
            "title": code,
            "status": status,
            "code": code,
            "retryable": retryable,
            "detail": f"Refused: {code}.",
            "remedy": "Do the right thing.",
            **more,
        }
        kind = {"content-type": "application/problem+json"}
        return httpx.Response(status, headers=kind, content=json.dumps(members).encode())

    def caller(self, request: httpx.Request) -> str:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        call = TokenCall(BUS, request.method, URL + request.url.path)
        return verify_token(token, call, self, self.clock.ms // 1000).certificate.system

    # Messages.

    def post_message(self, request: httpx.Request) -> httpx.Response:
        try:
            raw, parts = parse_frame(request.content)
            envelope = verify_envelope(raw, self)
            check_parts(envelope.manifest, parts)
        except SealwayError as error:
            return self.problem(400, error.code)
        manifest = envelope.manifest
        if manifest.service in self.refuse:
            return self.refused(envelope, self.refuse[manifest.service])
        kept = self.kept.get(manifest.id)
        if kept is not None and kept.message.envelope.digest != envelope.digest:
            return self.problem(409, "message-id-reused")
        if kept is None:
            refusal = self.keep(Message(envelope, parts))
            if refusal is not None:
                return refusal
        return self.said(manifest.id, request)

    def refused(self, envelope: VerifiedEnvelope, why: dict[str, Any]) -> httpx.Response:
        salt = new_leaf_salt()
        sender = envelope.certificate.system
        commitment = commit_to(salt, envelope.raw)
        leaf = encode_leaf("refusal", self.clock.ms, self.version, commitment, sender=sender)
        self.refusals.append((envelope, why["code"], self.shard.append(leaf), salt))
        return self.problem(**why)

    def get_refusals(self, request: httpx.Request, message_id: str) -> httpx.Response:
        found = [
            {
                "code": code,
                "receipt": self.tamper("receipt", self.shard.receipt(index, salt)),
                "envelope": self.tamper("envelope", envelope.raw.decode()),
            }
            for envelope, code, index, salt in reversed(self.refusals)
            if envelope.manifest.id == message_id
        ]
        return (
            httpx.Response(200, json={"refusals": found})
            if found
            else self.problem(404, "not-found")
        )

    def keep(self, message: Message) -> httpx.Response | None:
        manifest = message.envelope.manifest
        asked = self.kept.get(manifest.about.id) if manifest.about else None
        if manifest.about is not None and manifest.kind != "acknowledgement":
            if asked is None or asked.state != "open":
                if asked is not None and manifest.kind == "cancel" and asked.answer is None:
                    return httpx.Response(200, json={"state": asked.state})
                return self.problem(409, "already-answered" if asked else "answer-not-expected")
            if manifest.kind != "interim":
                is_answer = manifest.kind in ("response", "rejection")
                asked.answer = manifest.id if is_answer else None
                asked.state = ENDS[manifest.kind]
        salt = new_leaf_salt()
        index = self.shard.append(self.leaf_of(message.envelope, salt, asked))
        self.kept[manifest.id] = Kept(message, index, salt)
        return None

    def leaf_of(self, envelope: VerifiedEnvelope, salt: bytes, asked: Kept | None) -> bytes:
        manifest = envelope.manifest
        ref = b64url_encode(leaf_hash(self.shard.leaves[asked.index])) if asked else None
        leaf = encode_leaf(
            manifest.kind,
            self.clock.ms,
            self.version,
            commit_to(salt, envelope.raw),
            sender=manifest.sender,
            to=manifest.to,
            svc=manifest.service,
            test=manifest.test,
            ref=ref,
        )
        changed: bytes = self.tamper("leaf", leaf)
        return changed

    def said(self, message_id: str, request: httpx.Request) -> httpx.Response:
        kept = self.kept[message_id]
        waited = re.fullmatch(r"wait=(\d+)", request.headers.get("prefer", ""))
        if waited and kept.answer is None:
            if self.answer_later is not None:
                self.answer_later()
            if kept.answer is None:
                self.clock.pass_s(int(waited[1]))
        if waited and kept.answer is not None:
            return self.answer_reply(kept)
        members = {"id": message_id, "state": kept.state, "receipt": self.receipt_of(kept)}
        if kept.attempts:
            members["last_attempt"] = {"code": "provider-timeout"}
        return httpx.Response(202, json=members)

    def receipt_of(self, kept: Kept) -> str:
        text: str = self.tamper("receipt", self.shard.receipt(kept.index, kept.salt))
        return text

    def delivery_of(self, kept: Kept) -> bytes:
        message = kept.message
        frame = self.tamper("frame", encode_frame(message.envelope.raw, message.parts))
        return encode_delivery(self.receipt_of(kept), frame)

    def answer_reply(self, kept: Kept) -> httpx.Response:
        assert kept.answer is not None
        answer = self.kept[self.tamper("answer", kept.answer)]
        status = 422 if answer.message.envelope.manifest.kind == "rejection" else 200
        headers = {"content-type": DELIVERY_TYPE}
        return httpx.Response(status, headers=headers, content=self.delivery_of(answer))

    def mine(self, request: httpx.Request, message_id: str) -> Kept | None:
        kept = self.kept.get(message_id)
        if kept is None:
            return None
        manifest = kept.message.envelope.manifest
        return kept if self.caller(request) in (manifest.sender, manifest.to) else None

    def get_state(self, request: httpx.Request, message_id: str) -> httpx.Response:
        kept = self.mine(request, message_id)
        if kept is None:
            return self.problem(404, "not-found")
        waited = re.fullmatch(r"wait=(\d+)", request.headers.get("prefer", ""))
        if waited and kept.state == "open":
            if self.answer_later is not None:
                self.answer_later()
            else:
                self.clock.pass_s(int(waited[1]))
        timeline = [{"at": format_time(self.clock.ms), "code": "accepted"}]
        members = {"id": message_id, "state": kept.state, "stuck": False, "timeline": timeline}
        return httpx.Response(200, json=members)

    def get_answer(self, request: httpx.Request, message_id: str) -> httpx.Response:
        kept = self.mine(request, message_id)
        if kept is None:
            return self.problem(404, "not-found")
        if kept.answer is None:
            return self.problem(404, "answer-not-yet", retryable=True)
        return self.answer_reply(kept)

    def get_receipt(self, request: httpx.Request, message_id: str) -> httpx.Response:
        kept = self.mine(request, message_id)
        if kept is None:
            return self.problem(404, "not-found")
        headers = {"content-type": RECEIPT_TYPE}
        return httpx.Response(200, headers=headers, content=self.receipt_of(kept).encode())

    def get_delivery(self, request: httpx.Request, message_id: str) -> httpx.Response:
        kept = self.mine(request, message_id)
        if kept is None:
            return self.problem(404, "not-found")
        headers = {"content-type": DELIVERY_TYPE}
        return httpx.Response(200, headers=headers, content=self.delivery_of(kept))

    # Keys.

    def get_certificate(self, request: httpx.Request, x5t: str) -> httpx.Response:
        logged = self.trust.get(self.tamper("x5t", x5t))
        if logged is None:
            return self.problem(404, "not-found")
        return self.proof("trust", logged)

    def get_log(self, request: httpx.Request) -> httpx.Response:
        return self.proof("shard", self.shard_record)

    def proof(self, what: str, logged: Logged) -> httpx.Response:
        receipt = logged.log.receipt(logged.index, logged.salt)
        members = {"record": logged.raw.decode(), "receipt": receipt}
        return httpx.Response(200, json=self.tamper(what, members))

    # Mailboxes.

    def post_lease(self, request: httpx.Request) -> httpx.Response:
        wish, system, now = json.loads(request.content), self.caller(request), self.clock.ms
        deliveries = []
        for message_id, kept in self.kept.items():
            manifest = kept.message.envelope.manifest
            free = kept.state == "open" and kept.leased_until_ms <= now
            wanted = manifest.to == system and manifest.service in wish["services"]
            if manifest.kind == "request" and free and wanted:
                kept.attempts += 1
                kept.leased_until_ms = now + 1000 * wish["lease_s"]
                deliveries.append(self.lease_of(message_id, kept))
        if not deliveries:
            self.clock.pass_s(wish["wait_s"])
        return httpx.Response(200, json={"deliveries": deliveries[: wish["deliveries_max"]]})

    def lease_of(self, message_id: str, kept: Kept) -> dict[str, Any]:
        return {
            "lease": f"{message_id}.{kept.attempts}",
            "id": message_id,
            "kind": "request",
            "service": kept.message.envelope.manifest.service,
            "attempt": kept.attempts,
            "lease_until": format_time(kept.leased_until_ms),
            "delivery": b64url_encode(self.delivery_of(kept)),
        }

    def post_confirm(self, request: httpx.Request) -> httpx.Response:
        leases = json.loads(request.content)["leases"]
        return httpx.Response(
            200, json={"results": [{"lease": lease, "state": "done"} for lease in leases]}
        )

    def post_extend(self, request: httpx.Request) -> httpx.Response:
        wish, results = json.loads(request.content), []
        for lease in wish["leases"]:
            kept = self.leased(lease)
            if kept is None:
                results.append({"lease": lease, "code": "lease-lost"})
                continue
            kept.leased_until_ms = self.clock.ms + 1000 * wish["lease_s"]
            results.append({"lease": lease, "lease_until": format_time(kept.leased_until_ms)})
        return httpx.Response(200, json={"results": results})

    def post_release(self, request: httpx.Request) -> httpx.Response:
        wish, results = json.loads(request.content), []
        for lease in wish["leases"]:
            kept = self.leased(lease)
            if kept is not None:
                kept.leased_until_ms = 0
                self.released.append((lease, wish.get("reason")))
            lost = {"code": "lease-lost"}
            results.append({"lease": lease, **({"state": "ready"} if kept else lost)})
        return httpx.Response(200, json={"results": results})

    def post_dead(self, request: httpx.Request, message_id: str, verb: str) -> httpx.Response:
        if verb == "redrive" and not json.loads(request.content)["may_repeat"]:
            return self.problem(409, "repeat-not-confirmed")
        states = {"redrive": "queued", "drop": "withdrawn"}
        return httpx.Response(200, json={"id": message_id, "delivery": states[verb]})

    def leased(self, lease: str) -> Kept | None:
        message_id, _, attempt = lease.partition(".")
        kept = self.kept.get(message_id)
        is_last = kept is not None and str(kept.attempts) == attempt and kept.state == "open"
        return kept if is_last else None

    def get_mailbox(self, request: httpx.Request) -> httpx.Response:
        system = self.caller(request)
        rows: dict[str, dict[str, Any]] = {}
        for kept in self.kept.values():
            manifest = kept.message.envelope.manifest
            if manifest.to == system and manifest.kind == "request" and kept.state == "open":
                row = rows.setdefault(
                    str(manifest.service),
                    {
                        "service": manifest.service,
                        "kind": "request",
                        "waiting": 0,
                        "leased": 0,
                        "dead": 0,
                    },
                )
                row["leased" if kept.leased_until_ms > self.clock.ms else "waiting"] += 1
        return httpx.Response(200, json={"services": list(rows.values())})

    # The registry.

    def post_changes(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != "Bearer founders-token":
            return self.problem(401, "token-invalid")
        if "changes" in self.refuse:
            return self.problem(**self.refuse["changes"])
        changes = json.loads(request.content)["changes"]
        new = [change for change in changes if change not in self.changes]
        self.changes += new
        facts = [
            {"noun": c["noun"], "key": c["object"].get("id", ""), "act": "added", "index": n}
            for n, c in enumerate(new)
        ]
        members = {"changed": len(new), "unchanged": len(changes) - len(new), "version": 7}
        return httpx.Response(200, json={**members, "facts": facts})

    def get_members(self, request: httpx.Request) -> httpx.Response:
        item = {"id": "sx/GOV/1001", "name": "Benefits\x1b[31m Agency", "state": "active"}
        return httpx.Response(200, json={"items": [item], "version": 7})

    def get_well_known(self, request: httpx.Request) -> httpx.Response:
        logs = [{"n": 0, "origin": self.log_0.origin, "key": self.log_0.verifier_key}]
        members = {"bus": BUS, "instance": "sx", "logs": logs, "docs": f"{URL}/docs"}
        return httpx.Response(200, json=members)
