"""The local endpoint: plain JSON in, a proven answer out.

    POST /<instance>/<class>/<member>/<system>/<service>    ask
    GET  /exchanges/<id>                                    how it stands
    GET  /exchanges/<id>/answer                             its answer
    GET  /livez, /readyz

Owns addresses, headers and who may call. Refuses everything signed: an envelope that somebody
copied and posts here is turned away unread. Refuses what a web page could send (an `Origin`, a
foreign `Host`): the port is on a machine where people browse.
"""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from adapters.agent.asking import Answered, Pending, Questions
from adapters.agent.http import (
    ClientGone,
    Lines,
    Receive,
    Scope,
    Send,
    has_header,
    header,
    read_body,
    reply,
    wait_wanted,
)
from adapters.agent.problems import PROBLEM_TYPE, Problem, problem, problem_of
from adapters.agent.settings import AgentSettings
from adapters.base import JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_TYPE
from sealway.conversation import Wish
from sealway.exchange_rules import rejection_text
from signing.errors import SealwayError
from signing.message import DELIVERY_TYPE, FRAME_TYPE
from signing.strict_json import parse_json

SIGNED_TYPES: Final = frozenset({FRAME_TYPE, DELIVERY_TYPE, "application/jose"})
OPEN_PATHS: Final = frozenset({"/livez", "/readyz"})  # supervisors carry no tokens
OWN_PAGES: Final = (None, "none")  # no browser, or an address that a person typed
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

log = logging.getLogger("sealway.agent")

Ready = Callable[[], Awaitable[list[str]]]


class AgentApp:
    """The ASGI application of one agent."""

    def __init__(
        self,
        settings: AgentSettings,
        questions: Questions,
        ready: Ready,
        pages: str,
        token: str | None = None,
    ) -> None:
        """`ready` gives the reasons against it; `pages` is where the pages of problems are."""
        self._settings = settings
        self._questions = questions
        self._ready = ready
        self._pages = pages
        self._token = token
        self._asking = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; whatever goes wrong is a problem document."""
        assert scope["type"] == "http", "the server speaks nothing else"
        try:
            found = self._turned_away(scope) or await self._routed(scope, receive, send)
        except ClientGone:
            return
        except SealwayError as error:
            found = problem_of(self._pages, error)
        except Exception as error:  # the edge: its text may quote content
            log.error("call.failed: %s", type(error).__name__)
            found = problem(self._pages, "internal", "The agent failed.")
        if found is not None:
            await reply(send, found.status, PROBLEM_TYPE, found.body, found.headers)

    def _turned_away(self, scope: Scope) -> Problem | None:
        """Why this caller is not listened to, if so."""
        is_elsewhere = header(scope, "sec-fetch-site") not in OWN_PAGES
        if has_header(scope, "origin") or is_elsewhere or not self._is_our_host(scope):
            return problem(self._pages, "not-allowed", "The call comes from a web page.")
        if self._token is None or scope["path"] in OPEN_PATHS:
            return None
        shown = header(scope, "authorization")
        if shown is None:
            return problem(
                self._pages,
                "token-missing",
                "This agent asks for its token.",
                [("www-authenticate", "Bearer")],
            )
        if not hmac.compare_digest(shown.encode("latin-1"), f"Bearer {self._token}".encode()):
            return problem(self._pages, "token-invalid", "This is not the agent's token.")
        return None

    def _is_our_host(self, scope: Scope) -> bool:
        """Whether the call names this machine; beyond loopback the token decides alone."""
        if not self._settings.listen.is_loopback:
            return True
        host = header(scope, "host") or ""
        name, colon, port = host.rpartition(":")
        return (name if colon and port.isdigit() else host).lower() in LOOPBACK_NAMES

    async def _routed(self, scope: Scope, receive: Receive, send: Send) -> Problem | None:
        method, steps = scope["method"], scope["path"].split("/")[1:]
        if scope["path"] == "/livez":
            return self._only("GET", method) or await self._alive(send)
        if scope["path"] == "/readyz":
            return self._only("GET", method) or await self._readiness(send)
        if steps[0] == "exchanges" and len(steps) == 2:
            return self._only("GET", method) or await self._state(steps[1], send)
        if steps[0] == "exchanges" and len(steps) == 3 and steps[2] == "answer":
            return self._only("GET", method) or await self._answer(scope, steps[1], send)
        if len(steps) == 5 and all(steps):
            return self._only("POST", method) or await self._ask(scope, steps, receive, send)
        return problem(self._pages, "not-found", "There is nothing at this address.")

    def _only(self, wanted: str, method: str) -> Problem | None:
        if method == wanted:
            return None
        what = f"This address takes {wanted} alone."
        return problem(self._pages, "method-not-allowed", what, [("allow", wanted)])

    async def _json(self, send: Send, status: int, members: Any, lines: Lines = ()) -> None:
        await reply(send, status, JSON_TYPE, json.dumps(members).encode(), lines)

    async def _alive(self, send: Send) -> Problem | None:
        await self._json(send, 200, {"alive": True})
        return None

    async def _readiness(self, send: Send) -> Problem | None:
        reasons = await self._ready()
        if reasons:
            return problem(self._pages, "not-ready", " ".join(reasons), reasons=reasons)
        await self._json(send, 200, {"ready": True})
        return None

    async def _state(self, message_id: str, send: Send) -> Problem | None:
        state = await self._questions.state(message_id)
        members = {
            "id": message_id,
            "state": state.state,
            "stuck": state.stuck,
            "last_attempt": state.last_attempt,
            "answer": f"/exchanges/{message_id}/answer",
        }
        await self._json(send, 200, members)
        return None

    async def _answer(self, scope: Scope, message_id: str, send: Send) -> Problem | None:
        async def work() -> Problem | None:
            found = await self._questions.answer(message_id, self._wait_s(scope, 0.0))
            if isinstance(found, Pending):
                return problem(self._pages, "answer-not-yet", "No answer came so far.")
            return await self._answered(found, send)

        return await self._counted(work)

    async def _ask(
        self, scope: Scope, steps: list[str], receive: Receive, send: Send
    ) -> Problem | None:
        if (refusal := self._not_plain(scope)) is not None:
            return refusal

        async def work() -> Problem | None:
            limits = self._settings.limits
            body = await read_body(receive, limits.body_bytes_max, limits.body_s_max)
            parse_json(body, depth_max=JSON_DEPTH_MAX, bytes_max=JSON_BYTES_MAX)
            message = self._questions.sign(self._wish(scope, steps, body))
            exchange = f"/exchanges/{message.envelope.manifest.id}"
            try:
                found = await self._questions.ask(message, self._wait_s(scope, limits.wait_s))
            except SealwayError as error:
                return problem_of(self._pages, error, exchange)
            if isinstance(found, Answered):
                return await self._answered(found, send)
            members = {"id": found.id, "state": "open", "answer": f"{exchange}/answer"}
            await self._json(send, 202, members, [("location", exchange), ("retry-after", "1")])
            return None

        return await self._counted(work)

    async def _counted(self, work: Callable[[], Awaitable[Problem | None]]) -> Problem | None:
        """Do it, if not too many wait already."""
        if self._asking >= self._settings.limits.questions_max:
            what = f"{self._asking} questions wait already."
            return problem(self._pages, "rate-exceeded", what)
        self._asking += 1
        try:
            return await work()
        finally:
            self._asking -= 1

    def _not_plain(self, scope: Scope) -> Problem | None:
        kind = (header(scope, "content-type") or "").partition(";")[0].strip().lower()
        if kind in SIGNED_TYPES or has_header(scope, "sealway-envelope"):
            what = "Nothing signed is taken here: a message comes from the bus, with its receipt."
            return problem(self._pages, "body-type-unsupported", what)
        if kind != JSON_TYPE:
            return problem(self._pages, "body-type-unsupported", "A question is application/json.")
        return None

    def _wish(self, scope: Scope, steps: list[str], body: bytes) -> Wish:
        system, service = "/".join(steps[:4]), steps[4]
        purpose = header(scope, "sealway-purpose") or self._settings.purpose_of(system, service)
        trace = header(scope, "traceparent")
        return Wish(system, service, body, purpose, traceparent=trace)

    def _wait_s(self, scope: Scope, otherwise: float) -> float:
        wanted = wait_wanted(scope)
        return min(otherwise if wanted is None else wanted, self._settings.limits.wait_s_max)

    async def _answered(self, found: Answered, send: Send) -> Problem | None:
        manifest, receipt = found.answer.envelope.manifest, found.answer.receipt
        lines = [
            ("location", f"/exchanges/{found.id}"),
            ("sealway-signer", manifest.sender),
            ("sealway-custody", found.answer.custody),
            ("sealway-receipt", f"{receipt.log} {receipt.index}"),
        ]
        if manifest.kind == "rejection":
            said = {"code": str(manifest.reason), "text": rejection_text(found.answer)}
            what = f"The provider rejected it: {manifest.reason}."
            exchange = f"/exchanges/{found.id}"
            return problem(self._pages, "rejected", what, lines, rejection=said, exchange=exchange)
        part, body = manifest.parts[0], found.answer.message.parts.data[0]
        await reply(send, 200, part.type, body, lines)
        return None
