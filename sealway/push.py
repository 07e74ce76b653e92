"""The push provider: questions that the bus posts to an endpoint of ours.

Owns what is believed of a post: the delivery form, verified like every other, addressed to this
system, in time, and not taken before. So what somebody copied and posts here is refused: an
envelope alone has no receipt, and a whole delivery is taken once; its answer then goes to the bus
and never to whoever posted the copy. Refuses to own a web server: `handle` takes headers and bytes
and gives them back; `run` is a small server for those who have none.
"""

from __future__ import annotations

import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

import httpx

from sealway.answered import Answered, Stage
from sealway.connection import Connection, SleepingClock, SystemClock
from sealway.conversation import Conversation
from sealway.credentials import SystemCredentials, identity_of
from sealway.errors import BusUnavailable, ProofFailed, Refused
from sealway.exchange_rules import Delivered, check_request
from sealway.handling import HandlerFailed, frame_of, said_by
from sealway.profile import Profile, load_profile
from sealway.requests import Handler, Request
from sealway.serving import Serving
from sealway.steps import PROBLEM_TYPE, Steps
from sealway.trust import Trust
from signing.message import DELIVERY_TYPE, FRAME_TYPE

log = logging.getLogger(__name__)

PUSH_BYTES_MAX: Final = 11 * 1024 * 1024  # the largest message (10 MiB of parts), and its proofs
ATTEMPT_DIGITS_MAX: Final = 6

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PushReply:
    """What goes back to whoever posted: a status, header lines, and a body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


class _Later:
    """A handler returns this when its answer comes later, by `PushProvider.send`."""

    def __repr__(self) -> str:
        return "LATER"


LATER: Final = _Later()


class _Line:
    """A connection that one thread uses at a time: one for keys, which are soon known, and one
    for answers, which may have to wait for the bus.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def run(self, steps: Steps[T]) -> T:
        with self._lock:
            return self._connection.run(steps)

    def close(self) -> None:
        self._connection.close()


class PushProvider:
    """A provider system's side of its push endpoint; for use by many threads."""

    LATER: Final = LATER

    def __init__(
        self,
        profile: Profile,
        *,
        authorization: str | None = None,
        state: Path | None = None,
        clock: SleepingClock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        identity = identity_of(profile)
        self.system = identity.system
        self._authorization = authorization
        self._talk = Conversation(identity, Trust.of(profile), self._clock)
        self._serving = Serving(self._talk, 0, 0, 0)
        self._answered = Answered(state, self._clock.now_ms() / 1000)
        self._handlers: dict[str, Handler] = {}

        def connect() -> _Line:
            credentials = SystemCredentials(identity, self._clock)
            return _Line(Connection(profile.url, credentials, clock=clock, transport=transport))

        self._keys, self._answers = connect(), connect()

    @classmethod
    def from_profile(
        cls, name: str | None = None, *, authorization: str | None = None, state: Path | None = None
    ) -> PushProvider:
        """A provider for the profile `name`, or for the one in force.

        `authorization` is the whole value of the header that the bus was told to send
        (`secret_headers`); others are refused. `state` names a folder that keeps answers, 31
        days: with it a copied delivery is refused, and a lost answer sent again, after a restart
        too.

        Raises:
            ProfileInvalid: there is none, or it is no system's, or its files can't be used.
        """
        return cls(load_profile(name), authorization=authorization, state=state)

    def service(self, code: str) -> Callable[[Handler], Handler]:
        """Register a handler for a service; as `Provider.service`, and it may return `LATER`."""

        def register(handler: Handler) -> Handler:
            assert code not in self._handlers, f"{code} has a handler already"
            self._handlers[code] = handler
            return handler

        return register

    def receive(self, headers: Mapping[str, str], body: bytes) -> Request | Refused:
        """The question in a post, verified and taken for the first time; or why it is none.

        `status` of what is refused is for the reply: 202 when the question was taken for good
        before (an answer given is sent to the bus again, and not in the reply: whoever posts a copy
        learns nothing); 503 while it is worked on, or when the bus can't be reached; else 4xx.

        What is returned as a `Request` is answered with `frame`, or `later` and then `send`, or
        given up with `forget`.
        """
        try:
            return self._receive({name.lower(): value for name, value in headers.items()}, body)
        except ProofFailed as error:
            log.warning("push.unproven: %s", error.detail)
            return Refused("proof-failed", error.detail, status=403)
        except BusUnavailable as error:
            return Refused("bus-unavailable", error.detail, retryable=True, status=503)
        except Refused as error:
            return Refused(error.code, error.detail, retryable=True, status=503)

    def _receive(self, headers: Mapping[str, str], body: bytes) -> Request | Refused:
        wrong = self._objection(headers, body)
        if wrong is not None:
            return wrong
        delivered = check_request(self._keys.run(self._talk.open(body)), self.system)
        manifest = delivered.envelope.manifest
        if manifest.expires_ms is not None and self._clock.now_ms() >= manifest.expires_ms:
            return Refused("message-expired", "Nobody waits for the answer any more.", status=410)
        stage = self._answered.begin(manifest.id)
        if stage is not Stage.NEW:
            log.info("push.taken_before: %s %s", manifest.id, stage.value)
            return self._taken_before(manifest.id, stage)
        digits = headers.get("sealway-attempt", "")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= ATTEMPT_DIGITS_MAX
        attempt = int(digits) if is_number else 1
        return Request.of(delivered, attempt, lambda status: self._tell(delivered, status))

    def _objection(self, headers: Mapping[str, str], body: bytes) -> Refused | None:
        """What can be said before anything is verified."""
        given = headers.get("authorization", "").encode("utf-8", "replace")
        wanted = self._authorization
        if wanted is not None and not hmac.compare_digest(given, wanted.encode()):
            return Refused("token-invalid", "Not the bus: it would authorize itself.", status=401)
        if len(body) > PUSH_BYTES_MAX:
            return Refused("body-too-large", f"At most {PUSH_BYTES_MAX} bytes.", status=413)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != DELIVERY_TYPE:
            wrong = f"The bus posts {DELIVERY_TYPE}: a message with the receipt for it."
            return Refused("body-type-unsupported", wrong, status=415)
        return None

    def _taken_before(self, message_id: str, stage: Stage) -> Refused:
        said = "This question was taken before."
        if stage is Stage.WORKING:
            return Refused("taken-before", said, retryable=True, status=503)
        frame = self._answered.answer(message_id) if stage is Stage.ANSWERED else None
        if frame is not None:  # its answer may have been lost on the way: the bus alone gets it
            try:
                self._answers.run(self._serving.hand_over(frame))
            except Refused as error:
                log.info("push.answer_refused: %s %s", message_id, error.code)
        return Refused("taken-before", said, status=202)

    def forget(self, request: Request) -> None:
        """Give a question up: when the bus posts it again, it is new."""
        self._answered.forget(request.id)

    def later(self, request: Request) -> None:
        """Take a question for good: answer the post with 202, and `send` the answer some time."""
        self._answered.later(request.id)

    def frame(self, request: Request, said: object) -> bytes:
        """The signed answer, remembered: the body of a 200, whose type is `FRAME_TYPE`.

        Raises:
            HandlerFailed: `said` is nothing that a handler may return.
        """
        frame = frame_of(self._serving, request, said)
        self._answered.put(request.id, frame)
        return frame

    def send(self, request: Request, said: object) -> None:
        """Hand an answer over to the bus that was not given in the reply.

        Raises:
            Refused: too late, answered already, or not what the schema says.
            BusUnavailable: not reached in time.
        """
        self._answers.run(self._serving.hand_over(self.frame(request, said)))

    def handle(self, headers: Mapping[str, str], body: bytes) -> PushReply:
        """Answer one post: the whole of an endpoint, but for the socket.

        200 with the signed answer, 202 where it comes later or was given before, or a problem.
        """
        got = self.receive(headers, body)
        if isinstance(got, Refused):
            return PushReply(202) if got.status == 202 else _problem(got)
        handler = self._handlers.get(got.service)
        if handler is None:
            self.forget(got)
            return _problem(Refused("not-found", "No handler for this service.", status=404))
        try:
            said = said_by(handler, got)
            if said is LATER:
                self.later(got)
                return PushReply(202)
            frame = self.frame(got, said)
        except HandlerFailed as error:
            log.error("push.handler_failed: %s %s %s", got.service, got.id, error)
        except ProofFailed as error:
            log.error("push.unproven: %s %s", got.id, error.detail)
        else:
            log.info("push.answered: %s %s", got.service, got.id)
            return PushReply(200, {"content-type": FRAME_TYPE}, frame)
        self.forget(got)
        return _problem(Refused("internal", "The handler failed.", retryable=True, status=503))

    def _tell(self, delivered: Delivered, status: str) -> None:
        self._answers.run(self._serving.hand_over(self._serving.interim(delivered, status)))

    def run(self, host: str = "127.0.0.1", port: int = 8490) -> None:
        """Serve plain HTTP until interrupted; TLS is for the proxy in front.

        Raises:
            OSError: the address can't be had.
        """
        from sealway.push_server import serve

        assert self._handlers, "register a handler with @provider.service(code) first"
        serve(self.handle, host, port)

    def close(self) -> None:
        """Close the connections; closing twice is nothing."""
        self._keys.close()
        self._answers.close()

    def __enter__(self) -> PushProvider:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _problem(refused: Refused) -> PushReply:
    members = {
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
        "retryable": refused.retryable,
    }
    return PushReply(refused.status, {"content-type": PROBLEM_TYPE}, json.dumps(members).encode())
