"""A provider's conversations with the bus, as steps: lease, open, answer.

Owns what a lease's members mean and how an answer is made; refuses to call a handler. An answer
is signed once; every later try sends the same bytes.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sealway.conversation import Conversation
from sealway.errors import ProofFailed
from sealway.exchange_rules import CONTEXT, Delivered, check_request, encode_json
from sealway.requests import Reject
from sealway.steps import GRACE_S, Call, Steps, fetch, object_of, once, problem_of, repeat
from signing.compose import PartIn, answer_draft, compose
from signing.encoding import b64url_decode, parse_time
from signing.errors import SealwayError
from signing.identifiers import Code
from signing.message import DELIVERY_TYPE, FRAME_TYPE

ANSWER_S: Final = 30.0  # how long to try to hand an answer over before going on
ANSWERS_MAX: Final = 1000  # a repeat comes within minutes; a busy mailbox does ten a second
ANSWERS_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Leased:
    """One delivery held under a lease. `data` is its delivery form, or `href` leads to it."""

    lease: str
    id: str
    service: str
    attempt: int
    until_ms: int
    data: bytes | None
    href: str | None


class AnswerMemory:
    """The frames of answers given lately, so that a repeat is answered with the same bytes."""

    def __init__(self) -> None:
        self._frames: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, message_id: str) -> bytes | None:
        """The frame of the answer to that request, if it is remembered."""
        return self._frames.get(message_id)

    def put(self, message_id: str, frame: bytes) -> None:
        """Remember an answer; the oldest go when there are too many."""
        self.drop(message_id)
        self._frames[message_id] = frame
        self._size += len(frame)
        while len(self._frames) > ANSWERS_MAX or self._size > ANSWERS_BYTES_MAX:
            _, dropped = self._frames.popitem(last=False)
            self._size -= len(dropped)

    def drop(self, message_id: str) -> None:
        """Remember none: the bus will not have it, and the next try may differ."""
        self._size -= len(self._frames.pop(message_id, b""))


class Serving:
    """One system's side of its mailbox."""

    def __init__(self, talk: Conversation, lease_s: int, wait_s: int, batch: int) -> None:
        self._talk = talk
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._batch = batch

    def lease(
        self, services: Sequence[str], kinds: Sequence[str] = ("request",)
    ) -> Steps[list[Leased]]:
        """Lease a batch, waiting for one at the bus; of all services where none are named.

        Raises:
            Refused, BusUnavailable: no. ProofFailed: not a reply we understand.
        """
        wish = {
            "services": list(services),
            "kinds": list(kinds),
            "deliveries_max": self._batch,
            "wait_s": self._wait_s,
            "lease_s": self._lease_s,
        }
        call = Call(
            "POST",
            "/v1/mailbox/lease",
            {"content-type": "application/json"},
            json.dumps(wish).encode(),
            self._wait_s + GRACE_S,
        )
        members = object_of((yield from once(call)))
        deliveries = members.get("deliveries")
        if not isinstance(deliveries, list):
            raise ProofFailed("The bus's reply to a lease has no deliveries.")
        return [_leased(item) for item in deliveries]

    def extend(self, leases: Sequence[str]) -> Steps[dict[str, int | None]]:
        """Let leases run as long as new ones from now; until when, or None for a lost one.

        Raises:
            Refused, BusUnavailable: no. ProofFailed: not a reply we understand.
        """
        wish = {"leases": list(leases), "lease_s": self._lease_s}
        return _until((yield from _post("/v1/mailbox/extend", wish)))

    def release(self, leases: Sequence[str], reason: str) -> Steps[None]:
        """Give leases up, so that what they hold is free at once. Raises as `extend`."""
        yield from _post("/v1/mailbox/release", {"leases": list(leases), "reason": reason})

    def confirm(self, leases: Sequence[str]) -> Steps[None]:
        """End deliveries by their leases. A lost lease is no error: it is handed out again."""
        yield from _post("/v1/mailbox/confirm", {"leases": list(leases)})

    def open(self, leased: Leased, until_ms: int | None = None) -> Steps[Delivered | None]:
        """The verified request; None when its time, or its lease, is over.

        `until_ms`: until when the lease runs, where it was extended since.

        Raises:
            ProofFailed: not proven. Refused, BusUnavailable: it could not be fetched.
        """
        delivered = yield from self.opened(leased)
        check_request(delivered, self._talk.identity.system)
        manifest = delivered.envelope.manifest
        now_ms = self._talk.clock.now_ms()
        if now_ms >= (leased.until_ms if until_ms is None else until_ms):
            return None
        if manifest.expires_ms is not None and now_ms >= manifest.expires_ms:
            return None
        return delivered

    def opened(self, leased: Leased) -> Steps[Delivered]:
        """The verified message that a lease names, whatever its kind and time.

        Raises:
            ProofFailed: not proven. Refused, BusUnavailable: it could not be fetched.
        """
        data = leased.data
        if data is None:
            assert leased.href is not None
            reply = yield from fetch(Call("GET", leased.href, {"accept": DELIVERY_TYPE}))
            if reply.status >= 400:
                raise problem_of(reply)
            data = reply.body
        delivered = yield from self._talk.open(data)
        manifest = delivered.envelope.manifest
        if (manifest.id, manifest.service) != (leased.id, leased.service):
            raise ProofFailed("The lease names another message than the one it holds.")
        return delivered

    def response(self, request: Delivered, parts: Sequence[PartIn]) -> bytes:
        """The frame of a signed response, the body first.

        Raises:
            EnvelopeMalformed: the manifest of so many parts is too long.
        """
        envelope = request.envelope
        now_ms = self._talk.clock.now_ms()
        draft = answer_draft(envelope.manifest, envelope.digest, "response", now_ms)
        return compose(draft, parts, self._talk.identity.signer).frame

    def rejection(self, request: Delivered, reject: Reject) -> bytes:
        """The frame of a signed rejection; its text, if any, travels in the part `context`."""
        envelope = request.envelope
        now_ms = self._talk.clock.now_ms()
        reason = Code(reject.code)
        draft = answer_draft(envelope.manifest, envelope.digest, "rejection", now_ms, reason)
        context = PartIn(encode_json({"text": reject.text}), name=CONTEXT)
        return compose(draft, [context] if reject.text else [], self._talk.identity.signer).frame

    def interim(self, request: Delivered, status: str) -> bytes:
        """The frame of a signed interim."""
        envelope = request.envelope
        now_ms = self._talk.clock.now_ms()
        draft = answer_draft(envelope.manifest, envelope.digest, "interim", now_ms)
        return compose(replace(draft, status=Code(status)), [], self._talk.identity.signer).frame

    def hand_over(self, frame: bytes) -> Steps[None]:
        """Hand a message over, with the same bytes until it is taken or the time is over.

        Raises:
            Refused: too late, answered already, or not what the schema says.
            BusUnavailable: not reached in time.
        """
        clock = self._talk.clock

        def make(left_s: float) -> Call:
            headers = {"content-type": FRAME_TYPE}
            return Call("POST", "/v1/messages", headers, frame, left_s + GRACE_S, bearer=False)

        object_of((yield from repeat(make, clock, clock.elapsed_s() + ANSWER_S)))


def _post(path: str, members: dict[str, Any]) -> Steps[list[Any]]:
    headers = {"content-type": "application/json"}
    reply = yield from once(Call("POST", path, headers, json.dumps(members).encode()))
    results = object_of(reply).get("results")
    if not isinstance(results, list):
        raise ProofFailed("The bus's reply about leases has no results.")
    return results


def _until(results: list[Any]) -> dict[str, int | None]:
    try:
        return {
            str(one["lease"]): parse_time(one["lease_until"]) if "lease_until" in one else None
            for one in results
        }
    except (KeyError, TypeError, SealwayError) as error:
        raise ProofFailed("The bus's reply about leases lacks what it needs.") from error


def _leased(item: Any) -> Leased:
    try:
        data = item.get("delivery")
        return Leased(
            lease=str(item["lease"]),
            id=str(item["id"]),
            service=str(item["service"]),
            attempt=int(item["attempt"]),
            until_ms=parse_time(item["lease_until"]),
            data=b64url_decode(data) if data is not None else None,
            href=None if data is not None else str(item["href"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError, SealwayError) as error:
        raise ProofFailed("A lease in the bus's reply lacks what it needs.") from error
