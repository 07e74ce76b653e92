"""A whole embedded bus in this process, on files of its own, with a clock that tests move.

Everything is as `sealway serve` wires it, but for what is named here: the clock, one adapter that
a test scripts, a store that can be told to fail, and the bus's in-memory part.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from exchange.acceptance.accept import Accepted, Refused
from exchange.acceptance.changes import Actor, Recorded
from exchange.bus.embedded import EmbeddedBus
from exchange.bus.port import MessageBus
from exchange.ledger.log_writer import LogWriter
from exchange.operation import ground, wiring
from exchange.operation.initialise import Names, initialise
from exchange.operation.numbers import terms
from exchange.operation.roles import BOTH
from exchange.operation.settings import Settings, load_settings
from exchange.storage.errors import StorageUnavailable
from exchange.storage.rows import CommitResult, GroupPlan, GroupWrite, StoredDelivery
from exchange.storage.sqlite.store import SqliteStore
from registry.changes import Change
from signing.certificates import der_to_pem
from signing.compose import Composed
from signing.errors import SealwayError
from signing.identifiers import MessageId, SystemId, message_id_bytes
from signing.keys import private_key_pem
from tests.support import agencies
from tests.support.agencies import CIVIL, Credentials

FOUNDER = Actor("person:founder", "founder")
HASTE = """
[delivery]
hold_s = 0.3
sweep_every_s = 0.05
retry_first_s = 0.1
retry_max_s = 0.4
fast_path_grace_s = 1
claim_s = 5
expire_grace_s = 0
drain_s = 1
breaker_failures = 20

[adapters.civil]
kind = "scripted"

[hosted."sx/GOV/2002/civil-registry"]
key = "keys/civil-registry.pem"
certificate = "keys/civil-registry.crt"
"""


class MovableClock:
    """The machine's clock, set forward or back by ``ahead_ms``, or held still."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self.held_ms: int | None = None

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        now_ms = time.time_ns() // 1_000_000 if self.held_ms is None else self.held_ms
        return now_ms + self.ahead_ms


Script = Callable[[AdapterRequest], Awaitable[Answer | Reject]]


async def alive(request: AdapterRequest) -> Answer | Reject:
    """The answer of a provider that is well."""
    return Answer("application/json", b'{"status":"alive"}')


class ScriptedAdapter:
    """The provider of a test: remembers what it was asked, answers as `script` says."""

    name = "civil"

    def __init__(self) -> None:
        self.script: Script = alive
        self.asked: list[AdapterRequest] = []

    def from_settings(self, *args: Any, **more: Any) -> "ScriptedAdapter":
        """Itself: one for each test."""
        return self

    async def start(self) -> None:
        """Nothing to take."""

    async def answer(self, request: AdapterRequest) -> Answer | Reject:
        """As the script says."""
        self.asked.append(request)
        return await self.script(request)

    async def close(self) -> None:
        """Nothing to let go."""


class FaultyStore(SqliteStore):
    """The store, with a disk that fails when told so, and a hook before each commit."""

    failing = False
    before_commit: Callable[[GroupPlan], Awaitable[None]] | None = None

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """As the store's; the failure is the database's own refusal."""
        if self.before_commit is not None:
            await self.before_commit(plan)
        if self.failing:
            await self._writer.run(lambda connection: connection.execute("SELECT * FROM no_disk"))
        return await super().commit(plan)

    async def watch(self, told: Callable[[str], object]) -> None:
        """Tell each statement that the writer carries out from now on."""
        await self._writer.run(lambda connection: connection.set_trace_callback(told))


class RunningBus:
    """One bus, its folder, and the agencies that use it."""

    def __init__(self, folder: Path, keys: Mapping[SystemId, Credentials]) -> None:
        self.folder = folder
        self.keys = dict(keys)
        self.clock = MovableClock()
        self.adapter = ScriptedAdapter()
        self.message_bus: Callable[[], MessageBus] = EmbeddedBus
        self.terms: dict[str, Any] = {}
        self.roles = BOTH
        self._bus: wiring.Bus | None = None

    @property
    def bus(self) -> wiring.Bus:
        """The bus, open."""
        assert self._bus is not None, "not open"
        return self._bus

    @property
    def store(self) -> FaultyStore:
        """Its store."""
        store = self.bus.store
        assert isinstance(store, FaultyStore)
        return store

    @property
    def writers(self) -> dict[int, LogWriter]:
        """The logs it writes, by number."""
        return {writer.head.shard: writer for writer in self.bus.writers()}

    @property
    def settings(self) -> Settings:
        """As its file says now."""
        return load_settings(self.folder / "sealway.toml", {})

    async def open(self) -> None:
        """Start it, as a new process would."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wiring, "clock", self.clock)
            patch.setattr(wiring, "load", lambda kind: self.adapter)
            patch.setattr(wiring, "EmbeddedBus", self.message_bus)
            patch.setattr(ground, "SqliteStore", FaultyStore)
            patch.setattr(wiring, "terms", lambda settings: replace(terms(settings), **self.terms))
            self._bus = await wiring.open_bus(self.settings, self.roles)

    async def close(self) -> None:
        """Stop it cleanly, the disk well again; harmless when it isn't open."""
        bus, self._bus = self._bus, None
        if bus is not None:
            if isinstance(bus.store, FaultyStore):
                bus.store.failing, bus.store.before_commit = False, None
            await bus.close()

    async def restart(self) -> None:
        """Stop and start."""
        await self.close()
        await self.open()

    async def change(self, *changes: Change) -> Recorded:
        """Put changes of the directory in force."""
        return await self.bus.api.directory_log.change(changes, FOUNDER)

    def ask(self, code: str = agencies.PERSON_STATUS, **more: Any) -> Composed:
        """A request of the benefits agency, signed now (`agencies.question`)."""
        return agencies.question(self.keys, self.clock(), code, **more)

    def reply(self, request: Composed, **more: Any) -> Composed:
        """A response to a request (`agencies.answer`)."""
        return agencies.answer(self.keys, self.clock(), request, **more)

    def reject(self, request: Composed, code: str = "no-data") -> Composed:
        """A rejection of a request."""
        return agencies.rejection(self.keys, self.clock(), request, code)

    def tell(self, request: Composed, status: str = "in-progress", **more: Any) -> Composed:
        """An interim about a request."""
        return agencies.interim(self.keys, self.clock(), request, status, **more)

    def cancel(self, request: Composed, **more: Any) -> Composed:
        """A cancel of a request."""
        return agencies.cancel(self.keys, self.clock(), request, **more)

    async def send(self, composed: Composed) -> Accepted:
        """Send as the HTTP edge does: the envelope first, then the parts. Raises as it does."""
        acceptance = self.bus.api.acceptance
        arrival = await acceptance.arrive(composed.envelope)
        if isinstance(arrival, Accepted):
            return arrival
        return await acceptance.take(arrival, composed.parts)

    async def outcome(self, composed: Composed) -> str:
        """Send, and say what became of it: ``accepted``, ``again``, or the code of the no."""
        try:
            accepted = await self.send(composed)
        except Refused as refused:
            return refused.error.code
        except SealwayError as error:
            return error.code
        return "again" if accepted.again else "accepted"

    async def state(self, composed: Composed) -> str:
        """The state of a request's exchange."""
        exchange = await self.bus.api.reads.exchange(message_id_bytes(composed.manifest.id))
        return exchange.state if exchange is not None else "none"

    async def delivery(self, composed: Composed) -> StoredDelivery:
        """The one delivery of a request."""
        (row,) = await self.bus.api.reads.deliveries(message_id_bytes(composed.manifest.id))
        return row

    async def steps(self, composed: Composed) -> list[str]:
        """The codes of its timeline."""
        id_ = message_id_bytes(MessageId(composed.manifest.id))
        return [step.code for step in await self.bus.api.reads.steps(id_)]

    async def until(self, composed: Composed, *states: str, within_s: float = 5.0) -> str:
        """Wait for an exchange, or its delivery, to be in one of these states."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    id_ = message_id_bytes(composed.manifest.id)
                    rows = await self.bus.api.reads.deliveries(id_)
                    found = {await self.state(composed), *(row.state for row in rows)}
                    if hit := found.intersection(states):
                        return hit.pop()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"never became {states}: {found}") from None


def make_folder(folder: Path) -> dict[SystemId, Credentials]:
    """A bus that is initialised, knows the agencies, and has been stopped cleanly."""
    now_ms = time.time_ns() // 1_000_000
    keys = agencies.everybody(now_ms)
    new = initialise(folder, Names(), now_ms)
    with new.settings.open("a", encoding="utf-8") as file:
        file.write(HASTE)
    (new.keys / "civil-registry.pem").write_bytes(private_key_pem(keys[CIVIL].key))
    (new.keys / "civil-registry.crt").write_bytes(der_to_pem(keys[CIVIL].der))

    async def apply() -> None:
        running = RunningBus(folder, keys)
        await running.open()
        await running.change(*agencies.country(keys))
        await running.close()

    asyncio.run(apply())
    return keys


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[SystemId, Any]]:
    """A folder to copy from; made once."""
    folder = tmp_path_factory.mktemp("initialised") / ".sealway"
    return folder, make_folder(folder)


@pytest.fixture
def stopped(initialised: tuple[Path, dict[SystemId, Any]], tmp_path: Path) -> RunningBus:
    """A bus with its agencies, not started yet: to change its settings or wiring first."""
    template, keys = initialised
    shutil.copytree(template, tmp_path / ".sealway")
    return RunningBus(tmp_path / ".sealway", keys)


@asynccontextmanager
async def opened(stopped: RunningBus) -> AsyncIterator[RunningBus]:
    """Started, and stopped at the end."""
    await stopped.open()
    try:
        yield stopped
    finally:
        await stopped.close()


@pytest.fixture
async def running(stopped: RunningBus) -> AsyncIterator[RunningBus]:
    """A bus with its agencies, running."""
    async with opened(stopped) as bus:
        yield bus


__all__ = [
    "FaultyStore",
    "RunningBus",
    "ScriptedAdapter",
    "StorageUnavailable",
    "initialised",
    "opened",
    "running",
    "stopped",
]
