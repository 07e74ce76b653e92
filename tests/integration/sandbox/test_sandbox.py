"""A sandbox: strangers join and have what they ask for; nothing of it counts anywhere else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.operation.commands import serve
from exchange.operation.initialise import Names, initialise
from exchange.operation.key_files import load_log_signer
from exchange.operation.sandboxes import sandbox_folder
from exchange.operation.settings import SettingsInvalid, load_settings
from registry.changes import Change
from registry.errors import ChangeInvalid
from sealway import AsyncClient, ProofFailed, Refused, Rejected
from sealway.pinned import Pinned
from sealway.profile import profile_from
from sealway.trust import check_certificate
from signing.certificates import der_to_pem
from signing.compose import PartIn, compose
from signing.encoding import b64url_encode, sha256
from signing.identifiers import ServiceCode, SystemId, new_message_id
from signing.keys import private_key_pem
from signing.manifest import Manifest
from signing.tokens import Call
from tests.support.agencies import CIVIL, Credentials, credentials
from tests.support.bus import RunningBus, initialised, running, stopped
from tests.support.http import Edge, code_of, edge_of, persons_token

__all__ = ["initialised", "running", "stopped"]

FISHERIES = "sandbox/TEST/70001/fisheries"
COAST = "sandbox/TEST/70002/coast-guard"
ANSWER = {"vessel": "EE-1", "kilograms": 120}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REQUEST = {
    "$schema": DIALECT,
    "type": "object",
    "properties": {"vessel": {"type": "string"}},
}
RESPONSE = {
    "$schema": DIALECT,
    "type": "object",
    "properties": {"vessel": {"type": "string"}, "kilograms": {"type": "integer"}},
    "required": ["vessel", "kilograms"],
    "examples": [ANSWER, {"vessel": "EE-2", "kilograms": 7}],
}
BARE = {name: value for name, value in RESPONSE.items() if name != "examples"}


class Sandbox:
    """A running sandbox and those who joined it."""

    def __init__(self, edge: Edge, folder: Path) -> None:
        self.edge = edge
        self.folder = folder

    def keys(self, system: str) -> Credentials:
        keys = self.edge.running.keys
        return keys.setdefault(SystemId(system), credentials(system, time.time_ns() // 1_000_000))

    async def join(self, system: str, keys: Credentials | None = None) -> httpx.Response:
        keys = keys or self.keys(system)
        members = {"system": system, "name": "Tried", "certificate": b64url_encode(keys.der)}
        return await self.edge.post("/v1/sandbox/members", members)

    async def offer(self, who: str, response: Any = None, **more: Any) -> httpx.Response:
        wish = {"code": "catches", "title": "Catches", "request": REQUEST}
        whole = {**wish, "response": response or RESPONSE, **more}
        return await self.call("services", whole, who)

    async def grant(self, who: str, system: str = FISHERIES) -> httpx.Response:
        return await self.call("grants", {"system": system, "service": "catches"}, who)

    async def call(self, what: str, members: Any, who: str | None) -> httpx.Response:
        path = f"/v1/sandbox/{what}"
        if who is None:
            return await self.edge.post(path, members)
        token = self.edge.sign(
            Call("sandbox.example", "POST", self.edge.url + path), who, self.keys(who)
        )
        headers = {"authorization": f"Bearer {token}"}
        return await self.edge.http.post(path, json=members, headers=headers)

    @asynccontextmanager
    async def client(self, system: str, joined: dict[str, Any]) -> AsyncIterator[AsyncClient]:
        """The SDK, with a profile as `sealway sandbox join` writes it."""
        keys = self.keys(system)
        (self.folder / "k.pem").write_bytes(private_key_pem(keys.key))
        (self.folder / "c.pem").write_bytes(der_to_pem(keys.der))
        members = {name: joined[name] for name in ("url", "bus", "instance", "log_key", "system")}
        files = {"key": "k.pem", "certificate": "c.pem"}
        profile = profile_from("try", {**members, **files}, self.folder)
        transport = self.edge.http._transport
        async with AsyncClient(profile, transport=transport) as client:
            yield client


@asynccontextmanager
async def started(folder: Path, tmp_path: Path) -> AsyncIterator[Sandbox]:
    running = RunningBus(folder, {})
    await running.open()
    try:
        yield Sandbox(edge_of(running), tmp_path)
    finally:
        await running.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sandbox_folder(tmp_path / "s")
    with (tmp_path / "s/sealway.toml").open("a") as file:
        file.write("joins_per_minute_max = 5\nmembers_max = 4\n[delivery]\nsweep_every_s = 0.05\n")
    return tmp_path / "s"


@pytest.fixture
async def sandbox(folder: Path, tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with started(folder, tmp_path) as made:
        yield made


async def test_a_stranger_joins_and_is_answered_from_an_example(sandbox: Sandbox) -> None:
    assert (await sandbox.join(FISHERIES)).status_code == 201
    joined = (await sandbox.join(COAST)).json()
    assert (joined["member"], joined["bus"], joined["instance"]) == (
        "sandbox/TEST/70002",
        "sandbox.example",
        "sandbox",
    )
    offered = await sandbox.offer(FISHERIES)
    assert offered.status_code == 200, offered.text
    async with sandbox.client(COAST, joined) as client:
        with pytest.raises(Refused, match="not-allowed"):
            await client.ask(FISHERIES, "catches", {"vessel": "EE-1"})
        assert (await sandbox.grant(COAST)).json()["changed"] == 1
        answer = await client.ask(FISHERIES, "catches", {"vessel": "EE-1"}, "whatever")
    assert (answer.json, answer.signer, answer.custody) == (ANSWER, FISHERIES, "bus")
    assert answer.receipt.log.startswith("sandbox.example/log/")


async def test_a_schema_without_examples_is_answered_by_a_422_that_says_so(
    sandbox: Sandbox,
) -> None:
    joined = (await sandbox.join(FISHERIES)).json()
    await sandbox.offer(FISHERIES, BARE)
    await sandbox.grant(FISHERIES)
    async with sandbox.client(FISHERIES, joined) as client:
        with pytest.raises(Rejected) as raised:
            await client.ask(FISHERIES, "catches", {})
    assert raised.value.code == "no-example"
    assert "`examples`" in raised.value.text


async def test_a_system_may_answer_itself_from_its_mailbox(sandbox: Sandbox) -> None:
    await sandbox.join(FISHERIES)
    assert (await sandbox.offer(FISHERIES)).json()["answers"] == "examples"
    assert (await sandbox.offer(FISHERIES, answers="mailbox")).status_code == 200
    service = sandbox.edge.running.bus.api.directory.current.service(FISHERIES, "catches")
    assert service is not None
    assert service.delivery.kind == "mailbox"


async def test_who_joins_has_a_token_for_the_members_integrator(sandbox: Sandbox) -> None:
    members = {
        "system": FISHERIES,
        "name": "Tried",
        "certificate": b64url_encode(sandbox.keys(FISHERIES).der),
        "token_hash": b64url_encode(sha256(persons_token("integrator").encode())),
    }
    assert (await sandbox.edge.post("/v1/sandbox/members", members)).status_code == 201
    token = {"authorization": f"Bearer {persons_token('integrator')}"}
    own, other = (f"{member}/landings" for member in ("sandbox/TEST/70001", "sandbox/TEST/70009"))
    for system, status in ((own, 200), (other, 403)):
        changes = {"changes": [{"noun": "system", "object": {"id": system, "name": "x"}}]}
        found = await sandbox.edge.http.post("/v1/changes", json=changes, headers=token)
        assert found.status_code == status, found.text
    again = await sandbox.edge.post("/v1/sandbox/members", members)
    assert (again.status_code, again.json()["changed"]) == (201, 0)
    people = await sandbox.edge.running.bus.api.people.persons("", 10)
    assert [(one.role, one.member) for one in people] == [("integrator", "sandbox/TEST/70001")]
    bad = await sandbox.edge.post("/v1/sandbox/members", {**members, "token_hash": "short"})
    assert code_of(bad) == "request-invalid"


async def test_two_members_may_offer_the_very_same_schemas(sandbox: Sandbox) -> None:
    """As everybody does who pastes from the same page; also one schema for both directions."""
    for system, response in ((FISHERIES, RESPONSE), (COAST, RESPONSE), (COAST, REQUEST)):
        await sandbox.join(system)
        offered = await sandbox.offer(system, response)
        assert offered.status_code == 200, offered.text
    services = sandbox.edge.running.bus.api.directory.current
    fisheries, coast = (services.service(one, "catches") for one in (FISHERIES, COAST))
    assert fisheries is not None
    assert coast is not None
    assert coast.request_schema == fisheries.request_schema == coast.response_schema


async def test_one_schema_may_be_both(sandbox: Sandbox) -> None:
    joined = (await sandbox.join(FISHERIES)).json()
    both = {"$schema": DIALECT, "type": "object", "examples": [{"n": 1}]}
    assert (await sandbox.offer(FISHERIES, both, request=both)).status_code == 200
    await sandbox.grant(FISHERIES)
    async with sandbox.client(FISHERIES, joined) as client:
        assert (await client.ask(FISHERIES, "catches", {})).json == {"n": 1}


async def test_what_is_asked_twice_changes_nothing(sandbox: Sandbox) -> None:
    for wish in (sandbox.join, sandbox.offer, sandbox.grant):
        assert (await wish(FISHERIES)).json()["changed"] > 0
        assert (await wish(FISHERIES)).json()["changed"] == 0


async def test_the_key_that_answers_outlives_a_restart(folder: Path, tmp_path: Path) -> None:
    async with started(folder, tmp_path) as before:
        joined = (await before.join(FISHERIES)).json()
        await before.offer(FISHERIES)
        await before.grant(FISHERIES)
        keys = before.keys(FISHERIES)
    async with started(folder, tmp_path) as after:
        after.edge.running.keys[SystemId(FISHERIES)] = keys
        async with after.client(FISHERIES, joined) as client:
            assert (await client.ask(FISHERIES, "catches", {})).json == ANSWER


async def test_records_say_that_nobody_was_asked(sandbox: Sandbox) -> None:
    await sandbox.join(FISHERIES)
    records = sandbox.edge.running.bus.api.directory_log
    assert records.writer.head.origin == "sandbox.example/log/0"
    policy = sandbox.edge.running.bus.api.directory.current.policy
    assert policy is not None
    assert policy.instance == "sandbox"


async def test_nobody_takes_what_is_anothers(sandbox: Sandbox) -> None:
    await sandbox.join(FISHERIES)
    other = credentials(FISHERIES, time.time_ns() // 1_000_000)
    assert code_of(await sandbox.join(FISHERIES, other)) == "conflict"
    second = await sandbox.join("sandbox/TEST/70001/landings")
    assert code_of(second) == "conflict"


async def test_only_so_many_join_in_a_minute_and_in_all(sandbox: Sandbox) -> None:
    for number in range(4):
        assert (await sandbox.join(f"sandbox/TEST/{number}/a")).status_code == 201
    full = await sandbox.join("sandbox/TEST/4/a")
    assert code_of(full) == "rate-exceeded"
    assert "full" in full.json()["detail"]
    assert "minute" in (await sandbox.join("sandbox/TEST/5/a")).json()["detail"]
    sandbox.edge.running.clock.ahead_ms = 60_000
    assert "full" in (await sandbox.join("sandbox/TEST/6/a")).json()["detail"]


BAD_CALLS: list[tuple[str, Any, str]] = [
    ("members", {"system": "nonsense", "name": "x", "certificate": "AA"}, "request-invalid"),
    ("members", {"system": FISHERIES, "name": "x", "certificate": "AA"}, "request-invalid"),
    ("members", {"system": FISHERIES}, "request-invalid"),
    ("services", {"code": "catches"}, "token-missing"),
    ("grants", {}, "token-missing"),
]
BAD_WISHES: list[dict[str, Any]] = [
    {"code": "Catches"},
    {"response": {**BARE, "examples": [7]}},
    {"response": {**BARE, "examples": "one"}},
    {"response": {**BARE, "type": 7}},
    {"answers": "push"},
    {"title": ""},
]


async def test_bad_calls_are_told_and_nothing_changes(sandbox: Sandbox) -> None:
    for what, members, code in BAD_CALLS:
        found = await sandbox.call(what, members, None)
        assert code_of(found) == code, found.text
    await sandbox.join(FISHERIES)
    version = sandbox.edge.running.bus.api.directory.version
    for wish in BAD_WISHES:
        found = await sandbox.offer(FISHERIES, **wish)
        assert (found.status_code, code_of(found)) == (422, "request-invalid"), found.text
    missing = await sandbox.grant(FISHERIES, COAST)
    assert code_of(missing) == "request-invalid"
    assert sandbox.edge.running.bus.api.directory.version == version


async def test_an_envelope_of_the_sandbox_is_refused_on_another_bus_and_the_other_way(
    sandbox: Sandbox, running: RunningBus
) -> None:
    await sandbox.join(FISHERIES)
    real = edge_of(running)
    ours, theirs = sandbox.keys(FISHERIES), running.keys[CIVIL]

    def sealed(bus: str, system: str, keys: Credentials) -> Any:
        now_ms = time.time_ns() // 1_000_000
        draft = Manifest(
            bus=bus,
            id=new_message_id(now_ms),
            kind="request",
            sender=SystemId(system),
            to=SystemId(system),
            service=ServiceCode("catches"),
            created_ms=now_ms,
            parts=(),
        )
        return compose(draft, [PartIn(b"{}")], keys.signer)

    of_sandbox = await real.send(sealed("sandbox.example", FISHERIES, ours))
    of_real = await sandbox.edge.send(sealed("sx.example", CIVIL, theirs))
    assert [code_of(one) for one in (of_sandbox, of_real)] == ["certificate-unknown"] * 2
    # Not even from a member of both that signs for the wrong one.
    forged = await real.send(sealed("sandbox.example", CIVIL, theirs))
    assert code_of(forged) == "manifest-invalid"
    forged = await sandbox.edge.send(sealed("sx.example", FISHERIES, ours))
    assert code_of(forged) == "manifest-invalid"


async def test_a_sandboxs_key_cannot_be_registered_elsewhere_nor_anothers_there(
    sandbox: Sandbox, running: RunningBus
) -> None:
    await sandbox.join(FISHERIES)
    ours = b64url_encode(sandbox.keys(FISHERIES).der)
    with pytest.raises(ChangeInvalid, match="keys of a sandbox stay in it"):
        await running.change(Change("certificate", {"system": CIVIL, "certificate": ours}))
    found = await sandbox.join(COAST, running.keys[CIVIL])
    assert code_of(found) == "request-invalid", found.text
    assert "'sx'" in found.json()["detail"]


async def test_a_profile_of_another_bus_believes_nothing_a_sandbox_says(
    sandbox: Sandbox, running: RunningBus
) -> None:
    """And a sandbox's profile believes nothing that another bus says."""
    joined = (await sandbox.join(FISHERIES)).json()
    real = {
        "url": sandbox.edge.url,
        "bus": "sx.example",
        "instance": "sx",
        "system": FISHERIES,
        "log_key": str(load_log_signer(running.folder / "keys", "sx.example", "0").verifier),
    }
    cases = (
        (real, sandbox.edge, sandbox.keys(FISHERIES).x5t),
        (joined, edge_of(running), running.keys[CIVIL].x5t),
    )
    for members, edge, x5t in cases:
        told = (await edge.get(f"/v1/certificates/{x5t}", "founder")).json()
        pinned = Pinned.parse(members["bus"], (members["log_key"],))
        with pytest.raises(ProofFailed):
            check_certificate(pinned, x5t, told)
        assert check_certificate(Pinned.parse(*own_key(edge)), x5t, told).known.x5t == x5t


def own_key(edge: Edge) -> tuple[str, tuple[str]]:
    """A bus's name, and the key of its log 0."""
    bus = edge.running.bus.api.bus
    return bus, (str(load_log_signer(edge.running.folder / "keys", bus, "0").verifier),)


async def test_on_any_other_bus_there_is_no_such_door(running: RunningBus) -> None:
    edge = edge_of(running)
    for what in ("members", "services", "grants"):
        assert code_of(await edge.post(f"/v1/sandbox/{what}", {})) == "token-missing"
        found = await edge.post(f"/v1/sandbox/{what}", {}, "founder")
        assert code_of(found) == "not-found"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('bus = "sx.example"\ninstance = "sandbox"\n', "are a sandbox's"),
        ('bus = "sandbox.example"\ninstance = "sx"\n', "are a sandbox's"),
        ('bus = "sx.example"\ninstance = "sandbox"\n[sandbox]\n', "must be"),
        ('bus = "sandbox"\ninstance = "sx"\n[sandbox]\n', "must be"),
        (
            'bus = "sandbox"\ninstance = "sandbox"\n[sandbox]\n[database]\nurl = "postgresql://d/b"\n',
            "one process",
        ),
        ('bus = "sandbox"\ninstance = "sandbox"\n[sandbox]\n[adapters.examples]\n', "plays"),
    ],
)
def test_only_a_sandbox_has_a_sandboxs_names(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "sealway.toml").write_text(text)
    with pytest.raises(SettingsInvalid, match=why):
        load_settings(tmp_path / "sealway.toml", {})


def test_a_folder_of_another_bus_does_not_become_a_sandbox(tmp_path: Path) -> None:
    initialise(tmp_path / "b", Names(), time.time_ns() // 1_000_000)
    with pytest.raises(SettingsInvalid, match="is no sandbox"):
        sandbox_folder(tmp_path / "b")
    assert any(option.name == "sandbox" for option in serve.params)
