"""A running bus behind its HTTP application, and people who call it."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import httpx

from exchange.api.app import create_app
from exchange.api.roles import PERSONS
from exchange.storage.people import StoredPerson
from signing.compose import Composed
from signing.encoding import b64url_encode, sha256
from signing.identifiers import SystemId
from signing.message import FRAME_TYPE
from signing.tokens import Call, sign_token
from tests.support.agencies import BUS, Credentials
from tests.support.bus import RunningBus

FOUNDER = "founder"
OPERATOR = "operator"
AUDITOR = "auditor"
_LATER_MS = 3_600_000


def integrator(member: str) -> str:
    """The integrator of a member, as `Edge.call` knows who calls."""
    return f"integrator {member}"


def persons_token(who: str) -> str:
    """A person's token, the same for the same name."""
    return b64url_encode(hashlib.sha256(who.encode()).digest())


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
        """The founder's token, a person's, or one that a system signs for this call."""
        if who == FOUNDER:
            return (self.running.folder / "founder.token").read_text("ascii").strip()
        if who.partition(" ")[0] in PERSONS:
            return persons_token(who)
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
        if who is not None and who.partition(" ")[0] in PERSONS:
            await self.person(who)
        if who is not None:
            plain = path.partition("?")[0]
            headers.setdefault("authorization", f"Bearer {self.token(who, method, plain)}")
        return await self.http.request(method, path, headers=headers, **more)

    async def person(self, who: str, **more: Any) -> StoredPerson:
        """``operator``, ``auditor`` or an `integrator`, known to the bus from now on."""
        role, _, member = who.partition(" ")
        now_ms = self.running.clock()
        token_hash = sha256(persons_token(who).encode())
        id_ = f"p{token_hash.hex()[:16]}"
        person = StoredPerson(
            *(id_, who, role, member or None, token_hash, "person:founder", now_ms),
            now_ms + _LATER_MS,
        )
        people = self.running.bus.api.people
        await people.add_person(replace(person, **more))
        found = await people.person(id_)
        assert found is not None
        return found

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
