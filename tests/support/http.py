"""A running bus behind its HTTP application, and people who call it."""

from dataclasses import dataclass
from typing import Any

import httpx

from exchange.api.app import create_app
from signing.compose import Composed
from signing.encoding import b64url_encode
from signing.identifiers import SystemId
from signing.message import FRAME_TYPE
from signing.tokens import Call, sign_token
from tests.support.agencies import BUS, Credentials
from tests.support.bus import RunningBus

FOUNDER = "founder"


@dataclass(frozen=True)
class Edge:
    """The application over a running bus; every call names who makes it."""

    running: RunningBus
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        """Where the bus says it is."""
        return self.running.bus.api.public_url

    def token(self, who: str, method: str, path: str) -> str:
        """The founder's token, or one that a system signs for this call."""
        if who == FOUNDER:
            return (self.running.folder / "founder.token").read_text("ascii").strip()
        call = Call(BUS, method, self.url + path)
        return self.sign(call, who, self.running.keys[SystemId(who)])

    def sign(self, call: Call, who: str, credentials: Credentials) -> str:
        """A system's token for whatever call."""
        return sign_token(call, who, credentials.signer, self.running.clock() // 1000)

    async def call(
        self, method: str, path: str, who: str | None = None, **more: Any
    ) -> httpx.Response:
        """One call, with a token if somebody makes it."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            plain = path.partition("?")[0]
            headers.setdefault("authorization", f"Bearer {self.token(who, method, plain)}")
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, path: str, who: str | None = None, **more: Any) -> httpx.Response:
        """GET."""
        return await self.call("GET", path, who, **more)

    async def post(
        self, path: str, members: Any, who: str | None = None, **more: Any
    ) -> httpx.Response:
        """POST of JSON."""
        return await self.call("POST", path, who, json=members, **more)

    async def send(self, composed: Composed, **headers: str) -> httpx.Response:
        """A message, as a frame."""
        lines = {"content-type": FRAME_TYPE, **headers}
        return await self.http.post("/v1/messages", content=composed.frame, headers=lines)

    async def send_short(self, composed: Composed, **headers: str) -> httpx.Response:
        """A message, in the short form."""
        lines = {
            "sealway-envelope": composed.envelope.decode("ascii"),
            "sealway-salt": b64url_encode(composed.parts.salt),
            "content-type": "application/json",
            **headers,
        }
        (body,) = composed.parts.data or (b"",)
        return await self.http.post("/v1/messages", content=body, headers=lines)


def edge_of(running: RunningBus) -> Edge:
    """The application of a bus that runs."""
    transport = httpx.ASGITransport(create_app(running.bus.api))
    return Edge(running, httpx.AsyncClient(transport=transport, base_url="http://bus.test"))


def code_of(response: httpx.Response) -> str:
    """The code of a problem document, which every refusal must be."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    assert len(document["trace_id"]) == 32
    return str(document["code"])
