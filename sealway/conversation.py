"""The conversations of a consumer with the bus, as steps: send, wait, collect, prove.

Owns the order of calls and what each reply means. Refuses to hand out anything unproven. A
message is composed once; every later try sends the same bytes. Shared by every client,
whatever drives the sockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sealway.answers import ExchangeState, Receipt, Refusal
from sealway.credentials import Identity
from sealway.errors import AnswerPending, BusUnavailable, ProofFailed, Rejected
from sealway.exchange_rules import (
    Delivered,
    check_answer,
    check_delivery,
    check_receipt,
    check_refusal,
    check_signed,
    open_delivery,
    receipt_origin,
    refusal_of,
    rejection_text,
)
from sealway.parts import Attachment, parts_in
from sealway.steps import (
    CALL_S_MAX,
    GRACE_S,
    Call,
    Clock,
    Pause,
    Reply,
    Steps,
    fetch,
    object_of,
    once,
    problem_of,
    repeat,
)
from sealway.trust import Trust
from signing.compose import compose
from signing.envelope import VerifiedEnvelope, decode_envelope, verify_envelope
from signing.errors import SealwayError
from signing.identifiers import (
    MessageId,
    new_message_id,
    parse_code,
    parse_message_id,
    parse_service_code,
    parse_system_id,
    parse_uuid,
)
from signing.keys import KnownCertificate, Thumbprint
from signing.manifest import About, Manifest
from signing.message import DELIVERY_TYPE, FRAME_TYPE, RECEIPT_TYPE, Message, Parts, encode_frame
from signing.receipts import VerifiedReceipt

WAIT_S_MAX: Final = 30.0  # the bus's own cap on `Prefer: wait`
POLL_S: Final = 0.5  # between two looks when the bus answers at once that nothing is new


@dataclass(frozen=True, slots=True)
class Wish:
    """What an application wants to ask, before it is signed."""

    system: str
    service: str
    content: Any
    purpose: str | None = None
    media_type: str = "application/json"
    test: bool = False
    transaction: str | None = None
    expires_ms: int | None = None
    traceparent: str | None = None
    """The W3C trace context that the application is in; signed with the question."""
    attachments: Sequence[Attachment] = ()
    context: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the bus said to a message it took: its verified receipt, and the answer if there."""

    receipt: VerifiedReceipt | None
    answer: Delivered | None
    last_attempt: Mapping[str, Any] | None = None


class _Own:
    def __init__(self, certificate: KnownCertificate) -> None:
        self._certificate = certificate

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        assert x5t == self._certificate.x5t, "only envelopes of our own are checked with this"
        return self._certificate


class Conversation:
    """One system's side of its exchanges on one bus."""

    def __init__(self, identity: Identity, trust: Trust, clock: Clock) -> None:
        self.identity = identity
        self.trust = trust
        self.clock = clock

    def compose(self, wish: Wish) -> Message:
        """Sign a request. Keep what comes back: a retry sends it and nothing else.

        Raises:
            IdentifierInvalid: a system, service, purpose or transaction outside its grammar.
            ManifestInvalid: a traceparent that is none, a name or type that no part may have, two
                of one name, or over 32 parts.
            TypeError, ValueError: content that is neither bytes nor JSON; an attachment's name.
        """
        now_ms = self.clock.now_ms()
        parts = parts_in(wish.content, wish.media_type, wish.attachments, wish.context)
        draft = Manifest(
            bus=self.identity.bus,
            id=new_message_id(now_ms),
            kind="request",
            sender=self.identity.system,
            to=parse_system_id(wish.system),
            service=parse_service_code(wish.service),
            created_ms=now_ms,
            expires_ms=wish.expires_ms,
            purpose=parse_code(wish.purpose) if wish.purpose is not None else None,
            transaction=parse_uuid(wish.transaction) if wish.transaction is not None else None,
            test=wish.test,
            traceparent=wish.traceparent,
            parts=(),
        )
        composed = compose(draft, parts, self.identity.signer)
        own = _Own(self.identity.certificate)
        return Message(verify_envelope(composed.envelope, own), composed.parts)

    def send(self, message: Message, until_s: float, wait: bool = False) -> Steps[Sent]:
        """Hand a message over, again with the same bytes until `until_s`; perhaps wait there.

        Raises:
            Refused: the bus said no.
            Rejected: the provider did (only when waiting).
            BusUnavailable: not reached by then.
            ProofFailed: the receipt or the answer is not proven.
        """
        frame = encode_frame(message.envelope.raw, message.parts)
        trace = message.envelope.manifest.traceparent

        def make(left_s: float) -> Call:
            headers = {"content-type": FRAME_TYPE, "accept": DELIVERY_TYPE}
            if trace is not None:  # so that the bus's own lines and problems name the trace
                headers["traceparent"] = trace
            timeout_s = min(left_s + GRACE_S, CALL_S_MAX)
            if wait:
                wait_s = _wait_s(left_s)
                headers["prefer"] = f"wait={wait_s}"
                timeout_s = wait_s + GRACE_S
            return Call("POST", "/v1/messages", headers, frame, timeout_s, bearer=False)

        reply = yield from repeat(make, self.clock, until_s)
        if reply.media_type == DELIVERY_TYPE and reply.status in (200, 422):
            answer = yield from self._answer(reply, message)
            return Sent(None, answer)
        members = object_of(reply)
        receipt = yield from self._own_receipt(members.get("receipt"), message)
        return Sent(receipt, None, members.get("last_attempt"))

    def ask(self, message: Message, until_s: float) -> Steps[Sent]:
        """Send and wait for the answer until `until_s`; as `send`, but an answer is there.

        Raises:
            AnswerPending: none came in time. Otherwise as `send`.
        """
        while True:
            began_s = self.clock.elapsed_s()
            sent = yield from self.send(message, until_s, wait=True)
            if sent.answer is not None:
                return sent
            left_s = until_s - self.clock.elapsed_s()
            if left_s <= POLL_S:
                over = self._is_over(message)
                raise AnswerPending(_pending_text(sent.last_attempt, over=over), over=over)
            if self.clock.elapsed_s() - began_s < POLL_S:
                yield Pause(POLL_S)

    def _is_over(self, message: Message) -> bool:
        """Whether the question expires about now, so that nobody answers it any more."""
        expires_ms = message.envelope.manifest.expires_ms
        return expires_ms is not None and expires_ms - self.clock.now_ms() <= POLL_S * 1000

    def collect(self, message: Message, until_s: float) -> Steps[Delivered]:
        """Fetch the answer to a message sent earlier, waiting for it until `until_s`.

        Raises:
            AnswerPending: none yet.
            Refused: there will be none (`message-expired`), or it is not ours to see.
            Rejected: the provider said no.
            BusUnavailable, ProofFailed: as everywhere.
        """
        path = f"/v1/messages/{message.envelope.manifest.id}"
        while True:
            reply = yield from repeat(
                lambda _: Call("GET", f"{path}/answer", {"accept": DELIVERY_TYPE}),
                self.clock,
                until_s,
            )
            if reply.media_type == DELIVERY_TYPE and reply.status in (200, 422):
                return (yield from self._answer(reply, message))
            problem = problem_of(reply) if reply.status >= 400 else None
            if problem is None:
                raise ProofFailed("The answer came in a form that carries no receipt.")
            if problem.code != "answer-not-yet":
                raise problem
            if until_s - self.clock.elapsed_s() <= 0:
                raise AnswerPending(problem.detail or "There is no answer yet.")
            yield from self._wait(path, until_s)

    def cancel(self, question: Message, until_s: float) -> Steps[str]:
        """Cancel an exchange of ours; the state it has ended in: `cancelled`, or `expired` before.

        Raises:
            Refused: it was answered before (`already-answered`), or is none of ours.
            BusUnavailable: not reached by then. ProofFailed: the receipt is not proven.
        """
        asked, now_ms = question.envelope.manifest, self.clock.now_ms()
        draft = Manifest(
            bus=asked.bus,
            id=new_message_id(now_ms),
            kind="cancel",
            sender=asked.sender,
            to=asked.to,
            service=asked.service,
            created_ms=now_ms,
            about=About(asked.id, question.envelope.digest),
            transaction=asked.transaction,
            test=asked.test,
            parts=(),
        )
        message = self._bare(draft)
        reply = yield from self._post(message, until_s)
        members = object_of(reply)
        if reply.status == 200:
            return str(members.get("state", ""))
        yield from self._own_receipt(members.get("receipt"), message)
        return "cancelled"

    def acknowledge(
        self, what: Delivered, accepted: bool, until_s: float
    ) -> Steps[VerifiedReceipt]:
        """Say that a message to us has arrived, and whether we take it as it is; the receipt.

        Raises:
            Refused: the bus said no. BusUnavailable: not reached by then.
            ProofFailed: the receipt is not proven.
        """
        said, now_ms = what.envelope.manifest, self.clock.now_ms()
        draft = Manifest(
            bus=said.bus,
            id=new_message_id(now_ms),
            kind="acknowledgement",
            sender=self.identity.system,
            to=said.sender,
            service=said.service,
            created_ms=now_ms,
            about=About(said.id, what.envelope.digest),
            accepted=accepted,
            transaction=said.transaction,
            test=said.test,
            parts=(),
        )
        message = self._bare(draft)
        members = object_of((yield from self._post(message, until_s)))
        return (yield from self._own_receipt(members.get("receipt"), message))

    def _bare(self, draft: Manifest) -> Message:
        """A signed message without parts."""
        composed = compose(draft, [], self.identity.signer)
        own = _Own(self.identity.certificate)
        return Message(verify_envelope(composed.envelope, own), composed.parts)

    def _post(self, message: Message, until_s: float) -> Steps[Reply]:
        """Hand over what nobody answers, with the same bytes until ``until_s``."""
        frame = encode_frame(message.envelope.raw, message.parts)

        def make(left_s: float) -> Call:
            headers = {"content-type": FRAME_TYPE}
            timeout_s = min(left_s + GRACE_S, CALL_S_MAX)
            return Call("POST", "/v1/messages", headers, frame, timeout_s, bearer=False)

        return (yield from repeat(make, self.clock, until_s))

    def state(self, message_id: MessageId) -> Steps[ExchangeState]:
        """How an exchange stands, in the bus's words."""
        reply = yield from fetch(Call("GET", f"/v1/messages/{message_id}"))
        return _state_of(object_of(reply))

    def receipt(self, message: Message) -> Steps[VerifiedReceipt]:
        """The receipt of a message of our own, fetched and verified.

        Raises:
            Refused: the bus has none for us. ProofFailed: it does not hold.
        """
        text = yield from self.receipt_text(message.envelope.manifest.id)
        return (yield from self._own_receipt(text, message))

    def refusals(self, message_id: MessageId) -> Steps[tuple[Refusal, ...]]:
        """What the bus refused under an id of ours, each proven to be logged; the last first.

        Raises:
            Refused: nothing of ours was refused under it. ProofFailed: one does not hold.
        """
        reply = yield from fetch(Call("GET", f"/v1/messages/{message_id}/refusals"))
        listed = object_of(reply).get("refusals")
        found = []
        for item in listed if isinstance(listed, list) else ():
            code, text, raw = refusal_of(item)
            log_key = yield from self.trust.log_key(receipt_origin(text))
            verified = check_refusal(text, raw, self.identity.system, message_id, log_key)
            found.append(Refusal(code, Receipt.of(verified), raw))
        return tuple(found)

    def receipt_text(self, message_id: MessageId) -> Steps[str]:
        """A receipt as the bus gives it, unverified. Raises Refused when it has none for us."""
        path = f"/v1/messages/{message_id}/receipt"
        reply = yield from fetch(Call("GET", path, {"accept": RECEIPT_TYPE}))
        return _receipt_text(reply)

    def anchored(self, message_id: MessageId) -> Steps[bytes]:
        """An anchored receipt as the bus gives it, unverified.

        Raises:
            Refused: the bus has none for us; `anchor-not-yet`: so far.
        """
        reply = yield from fetch(Call("GET", f"/v1/messages/{message_id}/receipt?state=anchored"))
        if reply.status >= 400:
            raise problem_of(reply)
        return reply.body

    def signed(self, raw: bytes, parts: Parts) -> Steps[VerifiedEnvelope]:
        """What a system signed, under its proven certificate; without a receipt so far.

        Raises:
            ProofFailed: it does not hold. Refused, BusUnavailable: the certificate can't be had.
        """
        try:
            x5t = decode_envelope(raw).x5t
        except SealwayError as error:
            raise ProofFailed(f"The envelope is malformed: {error.detail}") from error
        certificate = yield from self.trust.certificate(x5t)
        return check_signed(raw, parts, certificate, self.identity.bus)

    def recall(self, message_id: str) -> Steps[tuple[Message, VerifiedReceipt]]:
        """A message of our own as the bus keeps it, proven to be what we signed.

        Raises:
            Refused: not ours, or not there. ProofFailed: not what we signed.
        """
        path = f"/v1/messages/{parse_message_id(message_id)}/delivery"
        reply = yield from fetch(Call("GET", path, {"accept": DELIVERY_TYPE}))
        if reply.status >= 400:
            raise problem_of(reply)
        delivered = yield from self.open(reply.body)
        manifest = delivered.envelope.manifest
        if manifest.id != message_id or manifest.sender != self.identity.system:
            raise ProofFailed("The bus gave another message than the one asked for.")
        return delivered.message, delivered.receipt

    def open(self, data: bytes) -> Steps[Delivered]:
        """Verify a delivery form from whoever, fetching the keys it needs.

        Raises:
            ProofFailed: any of it does not hold. Refused, BusUnavailable: a key can't be had.
        """
        arrived = open_delivery(data)
        certificate = yield from self.trust.certificate(arrived.x5t)
        log_key = yield from self.trust.log_key(arrived.origin)
        return check_delivery(arrived, certificate, log_key, self.identity.bus)

    def _answer(self, reply: Reply, message: Message) -> Steps[Delivered]:
        delivered = check_answer((yield from self.open(reply.body)), message.envelope)
        manifest = delivered.envelope.manifest
        if manifest.kind == "rejection":
            raise Rejected(str(manifest.reason), rejection_text(delivered))
        return delivered

    def _own_receipt(self, text: Any, message: Message) -> Steps[VerifiedReceipt]:
        if not isinstance(text, str):
            raise ProofFailed("The bus took the message and gave no receipt.")
        log_key = yield from self.trust.log_key(receipt_origin(text))
        return check_receipt(text, message.envelope, log_key)

    def _wait(self, path: str, until_s: float) -> Steps[None]:
        began_s = self.clock.elapsed_s()
        wait_s = _wait_s(until_s - began_s)
        call = Call("GET", path, {"prefer": f"wait={wait_s}"}, timeout_s=wait_s + GRACE_S)
        try:
            reply = yield from once(call)
        except BusUnavailable:
            yield Pause(POLL_S)  # the next look for the answer is the one that is repeated
            return
        state = _state_of(object_of(reply))
        if state.is_open and self.clock.elapsed_s() - began_s < POLL_S:
            yield Pause(POLL_S)


def _wait_s(left_s: float) -> int:
    return max(1, int(min(left_s, WAIT_S_MAX)))


def _receipt_text(reply: Reply) -> str:
    if reply.status >= 400:
        raise problem_of(reply)
    try:
        return reply.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProofFailed("The receipt is not a text.") from error


def _state_of(members: Mapping[str, Any]) -> ExchangeState:
    timeline = members.get("timeline") or ()
    attempt = members.get("last_attempt")
    return ExchangeState(
        state=str(members.get("state", "")),
        stuck=members.get("stuck") is True,
        last_attempt=attempt if isinstance(attempt, dict) else None,
        timeline=tuple(step for step in timeline if isinstance(step, dict)),
        members=dict(members),
    )


def _pending_text(attempt: Mapping[str, Any] | None, *, over: bool) -> str:
    code = attempt.get("code") if attempt else None
    because = f" The last attempt: {code}." if code else ""
    if over:
        return f"No answer came in time, and the question's time ended with the waiting.{because}"
    return f"No answer came in time; it may still come.{because}"
