"""The outer application: plain ASGI in front of everything, and the last word on errors.

Owns routing of the calls on the path of a message, authentication of everything else but what
the table of roles calls public, and the promise that every error leaves
as a problem document. No middleware stands between it and the hot routes.
"""

from typing import Final

import structlog

from exchange.api.asgi import (
    AsgiApp,
    ClientGone,
    Event,
    Headers,
    Receive,
    Scope,
    Send,
    raw_path,
    send_problem,
    trace_id_of,
)
from exchange.api.auth import admit, check_role, note_denial
from exchange.api.confluent.app import ConfluentApi, is_confluent
from exchange.api.context import Api
from exchange.api.errors import (
    MethodNotAllowed,
    NotFound,
    RequestInvalid,
    RoleMissing,
    TokenMissing,
    TokenRefused,
)
from exchange.api.mailbox import CONFIRM_PATH, LEASE_PATH, ConfirmRoute, LeaseRoute
from exchange.api.messages import PATH as MESSAGES_PATH
from exchange.api.messages import MessagesRoute
from exchange.api.resources.asked import TOLD, TRACE_ID
from exchange.api.rest import rest_app
from exchange.api.roles import Rule, check_all, rule_of_address
from signing.errors import CertificateExpired, CertificateRevoked, CertificateUnknown, TokenInvalid

log = structlog.get_logger()

_UNKNOWN: Final = (
    CertificateExpired,
    CertificateRevoked,
    CertificateUnknown,
    RoleMissing,
    TokenInvalid,
    TokenMissing,
    TokenRefused,
)


class _Sending:
    """A send that knows whether the reply has begun."""

    __slots__ = ("_to", "begun")

    def __init__(self, to: Send) -> None:
        self._to = to
        self.begun = False

    async def __call__(self, event: Event) -> None:
        self.begun = True
        await self._to(event)


class Application:
    """One bus's HTTP application."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hot: dict[str, AsgiApp] = {
            MESSAGES_PATH: MessagesRoute(api),
            LEASE_PATH: LeaseRoute(api),
            CONFIRM_PATH: ConfirmRoute(api),
        }
        check_all(("POST", path) for path in self._hot)
        self._rest = rest_app(api)
        self._confluent = ConfluentApi(api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's event source; raises only what a server must see."""
        if scope["type"] == "http":
            await self._answer(scope, receive, _Sending(send))
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _answer(self, scope: Scope, receive: Receive, send: _Sending) -> None:
        try:
            hot = self._hot.get(scope["path"])
            if hot is None:
                await self._cold(scope, receive, send)
            elif scope["method"] == "POST":
                await hot(scope, receive, send)
            else:
                raise MethodNotAllowed("POST")
        except ClientGone:
            return
        except Exception as error:
            if send.begun:
                if TOLD not in scope:
                    log.error("api.broke_off", error=type(error).__name__)
                return
            note_denial(self._api, scope, error)
            await send_problem(
                send,
                self._api,
                error,
                trace_id=scope.get(TRACE_ID) or trace_id_of(scope["headers"]),
                instance=raw_path(scope),
            )

    async def _cold(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[TRACE_ID] = trace_id_of(scope["headers"])
        if "\0" in scope["path"]:  # no text of ours has one: nothing of that name is looked up
            raise NotFound
        if b"%00" in scope.get("query_string", b""):
            raise RequestInvalid("The query holds the character U+0000.")
        if is_confluent(scope["path"]):
            await self._confluent(scope, receive, send)
            return
        headers = Headers(scope["headers"])
        in_sandbox = self._api.sandbox is not None
        rule = rule_of_address(scope["path"], in_sandbox=in_sandbox)
        if rule is None or not rule.is_public:
            await self._admit(headers, scope, rule)
            await self._api.directory.refresh()  # what somebody registered elsewhere is here too
        if scope["method"] == "HEAD":  # what GET has, and the server sends no body for it
            scope = {**scope, "method": "GET"}
        await self._rest(scope, receive, send)

    async def _admit(self, headers: Headers, scope: Scope, rule: Rule | None) -> None:
        """Everything but what is public needs a token, also what isn't there.

        Raises as `admit`; NotFound, and nothing else, for who may not know that it is there.
        """
        if rule is None or not rule.is_hidden:
            await admit(self._api, headers, scope)
            return
        try:
            check_role(await admit(self._api, headers, scope), rule)
        except _UNKNOWN as error:
            raise NotFound from error


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan protocol, for servers that speak it: the bus is opened elsewhere."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


def create_app(api: Api) -> AsgiApp:
    """The ASGI application of a wired bus."""
    return Application(api)
