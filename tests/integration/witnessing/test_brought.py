"""Witnesses that only talk outward: what they are shown, what they bring, what is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from exchange.operation.key_files import load_log_signer
from exchange.storage.rows import AnchorRow
from exchange.witnessing.collecting import NOTE_BYTES_MAX
from sealway.verify.anchored import verify_anchored
from sealway.witness.core import Witness
from sealway.witness.delivering import deliver
from sealway.witness.fetching import PublishedLog
from sealway.witness.polling import Outcome, Round, poll_once
from sealway.witness.state import WitnessState
from signing.log.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from signing.log.cosignature import Cosigner
from signing.log.note import NoteSigner, note_text
from signing.log.policy import parse_policy
from tests.integration.witnessing.conftest import AskedBus
from tests.support.agencies import BENEFITS
from tests.support.bus import RunningBus, opened
from tests.support.http import code_of
from tests.support.time_stamps import Authority, served
from tests.support.witnesses import run_witness

PATH = "/log/0/cosignatures"
PLAIN = {"content-type": "text/plain; charset=utf-8"}
MEMBERS = {"p1": "sx/GOV/2", "p2": "sx/GOV/3", "p3": "sx/GOV/4", "own": "sx/GOV/1"}


@dataclass
class PolledBus(AskedBus):
    """A bus whose witnesses come by themselves, but for those in `witnesses`."""

    signer: NoteSigner | None = None
    cosigners: dict[str, Cosigner] = field(default_factory=dict)

    async def shown(self) -> str:
        """What pollers cosign now."""
        reply = await self.edge.get(PATH)
        assert reply.status_code == 200
        return reply.text

    async def bring(
        self, who: str, note: str | None = None, ms: int = 0, path: str = PATH
    ) -> httpx.Response:
        """Cosign a note, or what is shown, and bring it."""
        note = await self.shown() if note is None else note
        line = self.cosigners[who].cosign(note, (self.running.clock() + ms) // 1000)
        log = note.split("\n\n")[1].split("\n")[0]
        return await self.post(f"{note_text(note)}\n{log}\n{line}", path)

    async def post(self, body: str, path: str = PATH) -> httpx.Response:
        """Post as it is."""
        return await self.edge.http.post(path, content=body.encode(), headers=PLAIN)

    async def row(self, *, cosigned: bool = False, stamped: bool = False) -> AnchorRow | None:
        """The largest anchor."""
        reads = self.running.bus.api.reads
        return await reads.last_anchor(0, cosigned=cosigned, stamped=stamped)

    async def minute(self) -> None:
        """A minute passes: heads, and a round of the bus."""
        self.running.clock.ahead_ms += 60_000
        for authority in self.authorities:
            authority.late_ms += 60_000
        await self.heads()
        await self.look()


Begin = Callable[..., Awaitable[PolledBus]]


@pytest.fixture
async def begin(
    stopped: RunningBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Begin]:
    monkeypatch.setattr("exchange.operation.wiring.ROUND_S", 3_600.0)
    bus = PolledBus(stopped, {}, [Authority()])
    async with AsyncExitStack() as stack:

        async def start(*asked: str) -> PolledBus:
            bus.signer = load_log_signer(stopped.folder / "keys", "sx.example", "0")
            url = await stack.enter_async_context(served(bus.authorities[0]))
            (stopped.folder / "roots.pem").write_bytes(bus.authorities[0].root_pem)
            tables = [f'[authorities.t]\nurl = "{url}"\nroots = "roots.pem"\n']
            for name, member in MEMBERS.items():
                now_s = lambda: stopped.clock() // 1000  # noqa: E731
                one = run_witness(tmp_path, name, member, bus.signer.verifier, now_s)
                stack.callback(one.stop)
                bus.cosigners[name] = one.cosigner
                if name in asked:
                    bus.witnesses[name] = one
                    tables.append(one.table)
                else:
                    tables.append(one.table.replace(f'url = "{one.url}"\n', ""))
            settings = stopped.folder / "sealway.toml"
            text = settings.read_text("utf-8").replace("hosts = []", 'hosts = ["127.0.0.1:*"]')
            settings.write_text(text + "\n" + "\n".join(tables), "utf-8")
            await stack.enter_async_context(opened(stopped))
            return bus

        yield start


async def test_two_of_three_who_come_at_their_own_times_make_a_quorum(begin: Begin) -> None:
    bus = await begin()
    request = bus.running.ask()
    await bus.running.send(request)
    await bus.minute()
    first = await bus.shown()
    assert (await bus.bring("p1")).status_code == 204
    assert (await bus.bring("own")).status_code == 204
    assert await bus.row(cosigned=True) is None, "the operator's own doesn't count"
    await bus.heads()
    await bus.look()
    assert note_text(await bus.shown()) == note_text(first), "the minute's checkpoint stays"
    assert (await bus.edge.get("/log/0/cosigned")).status_code == 404
    assert (await bus.bring("p3")).status_code == 204
    row = await bus.row(cosigned=True)
    assert row is not None
    assert note_text(row.note) == note_text(first)
    assert row.note.count("\n— ") == 4
    assert (await bus.edge.get("/log/0/cosigned")).text == row.note
    assert bus.running.bus.api.witnessing.lateness.ages_s()["cosigned"] < 60
    for _ in range(5):
        await bus.minute()
    assert note_text(await bus.shown()) != note_text(first)
    path = f"/v1/messages/{request.manifest.id}/receipt?state=anchored"
    receipt = (await bus.edge.get(path, BENEFITS)).content
    found = verify_anchored(receipt, request.envelope, bus.policy)
    assert set(found.cosigned_s) == {"p1", "p3", "own"}
    stamped = await bus.row(cosigned=True, stamped=True)
    assert stamped is not None
    assert stamped.size == row.size, "what was cosigned is what is stamped"


async def test_who_is_asked_and_who_comes_count_together(begin: Begin) -> None:
    bus = await begin("p1")
    await bus.minute()
    row = await bus.row()
    assert row is not None
    assert "p1.example" in row.note
    assert row.cosigned_at_ms is None
    assert "p1.example" in await bus.shown()
    assert (await bus.bring("p2")).status_code == 204
    row = await bus.row(cosigned=True)
    assert row is not None
    assert {"p1", "p2"} <= {line.split(".")[0][2:] for line in row.note.splitlines() if "—" in line}


async def test_sizes_are_counted_apart(begin: Begin) -> None:
    bus = await begin()
    await bus.minute()
    first = await bus.shown()
    assert (await bus.bring("p1")).status_code == 204
    await bus.heads()
    await bus.look()
    later = (await bus.edge.get("/log/0/checkpoint")).text
    assert (await bus.bring("p2", later)).status_code == 204
    assert note_text(await bus.shown()) == note_text(first), "the others go on meeting there"
    assert await bus.row(cosigned=True) is None
    assert (await bus.bring("p3", later)).status_code == 204
    row = await bus.row(cosigned=True)
    assert row is not None
    assert row.size == parse_checkpoint(note_text(later)).size


async def test_what_is_refused(begin: Begin) -> None:
    bus = await begin()
    await bus.minute()
    note = await bus.shown()
    told = parse_checkpoint(note_text(note))
    assert bus.signer is not None
    stranger = Cosigner("p1.example", ed25519.Ed25519PrivateKey.generate())
    bus.cosigners["stranger"] = stranger
    other = NoteSigner("sx.example/log/0", ed25519.Ed25519PrivateKey.generate())
    another = NoteSigner("sx.example/log/1", ed25519.Ed25519PrivateKey.generate())
    traffic = sign_checkpoint(Checkpoint("sx.example/log/1", told.size, told.root), another)
    ahead = sign_checkpoint(Checkpoint(told.origin, told.size + 9, told.root), bus.signer)
    forked = sign_checkpoint(Checkpoint(told.origin, told.size, b"\1" * 32), bus.signer)
    unsigned = sign_checkpoint(Checkpoint(told.origin, told.size - 1, b"\2" * 32), other)
    extended = bus.signer.sign(note_text(note) + "more\n")
    for who, sent, ms, code in (
        ("stranger", note, 0, "cosignature-refused"),
        ("p1", note, -301_000, "cosignature-refused"),
        ("p1", note, 301_000, "cosignature-refused"),
        ("p1", traffic, 0, "checkpoint-foreign"),
        ("p1", forked, 0, "checkpoint-foreign"),
        ("p1", unsigned, 0, "checkpoint-foreign"),
        ("p1", extended, 0, "checkpoint-foreign"),
        ("p1", ahead, 0, "log-unavailable"),
    ):
        assert code_of(await bus.bring(who, sent, ms)) == code, (who, sent, ms)
    line = bus.cosigners["p2"].cosign(note, bus.running.clock() // 1000)
    for body, code in (
        ("", "cosignature-refused"),
        (note, "cosignature-refused"),
        (note + line + line, "cosignature-refused"),
        (note + line.replace("p2.example", "p1.example"), "cosignature-refused"),
        (note_text(note) + "\n" + line, "checkpoint-foreign"),
        (note + "x" * NOTE_BYTES_MAX, "body-too-large"),
    ):
        assert code_of(await bus.post(body)) == code, body
    for path in ("/log/1/cosignatures", "/log/0.1/cosignatures", "/log/x/cosignatures"):
        assert code_of(await bus.bring("p1", note, path=path)) == "not-found"
        assert (await bus.edge.get(path)).status_code == 404
    brought = bus.running.bus.api.witnessing.collecting.brought
    assert (brought["kept"], brought["checkpoint-foreign"]) == (0, 5)
    row = await bus.row()
    assert row is not None
    assert row.note == note, "nothing of it was kept"


async def test_repeats_cost_nothing_and_a_flood_ends(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.witnessing.collecting.TAKEN_MAX", 3)
    bus = await begin()
    await bus.minute()
    brought = bus.running.bus.api.witnessing.collecting.brought
    for _ in range(5):
        assert (await bus.bring("p1")).status_code == 204
    assert (brought["kept"], brought["repeated"]) == (1, 4)
    codes = []
    for _ in range(3):
        await bus.heads()
        await bus.look()
        later = (await bus.edge.get("/log/0/checkpoint")).text
        codes.append((await bus.bring("p1", later)).status_code)
    assert codes == [204, 204, 429]
    assert (await bus.bring("p2")).status_code == 204, "the others aren't held up"


async def test_a_bus_that_lists_nobody_collects_nothing(stopped: RunningBus) -> None:
    async with opened(stopped):
        bus = PolledBus(stopped, {}, [])
        assert (await bus.edge.get(PATH)).status_code == 404
        assert code_of(await bus.post("x")) == "not-found"


class FromAThread(httpx.BaseTransport):
    """Calls the bus, which runs in the test's own loop, from another thread."""

    def __init__(self, bus: PolledBus) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        call = self._bus.edge.http.request(
            request.method,
            request.url.path,
            content=request.read(),
            headers={"content-type": request.headers.get("content-type", "")},
        )
        reply = asyncio.run_coroutine_threadsafe(call, self._loop).result(10)
        return httpx.Response(reply.status_code, stream=httpx.ByteStream(reply.content))


async def test_three_real_pollers_anchor_a_bus_that_cannot_reach_them(
    begin: Begin, tmp_path: Path
) -> None:
    bus = await begin()
    assert bus.signer is not None
    key, url = bus.signer.verifier, "http://bus.test/log/0"
    transport = FromAThread(bus)
    witnesses = {}
    for name in ("p1", "p2"):
        folder = tmp_path / f"of-{name}"
        folder.mkdir()
        state = WitnessState(folder, bus.cosigners[name].verifier)
        now_s = lambda: bus.running.clock() // 1000  # noqa: E731
        witnesses[name] = Witness(bus.cosigners[name], {key.name: key}, state, now_s)

    def poll(name: str) -> Round:
        one = poll_once(witnesses[name], key, PublishedLog(url, transport))
        return deliver(one, url, transport)

    for _ in range(3):
        await bus.minute()
        for name in witnesses:
            await bus.heads()  # log 0 grows between their visits
            await bus.look()
            found = await asyncio.to_thread(poll, name)
            assert (found.outcome, found.delivery) == (Outcome.COSIGNED, "taken"), found.text
        row = await bus.row(cosigned=True)
        assert row is not None
        assert note_text(row.note) == note_text(await bus.shown())
    policy = parse_policy((await bus.edge.get("/log/0/policy")).content)
    assert set(policy.witnesses) == set(MEMBERS)
    assert "http" not in (await bus.edge.get("/log/0/policy")).text
