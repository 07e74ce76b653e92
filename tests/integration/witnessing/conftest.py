"""A bus that three members' witnesses, the operator's own and two time-stamp authorities know."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exchange.operation.key_files import load_log_signer
from signing.log.policy import TrustPolicy, parse_policy
from tests.support.bus import RunningBus, initialised, opened, stopped
from tests.support.http import Edge, edge_of
from tests.support.time_stamps import Authority, served
from tests.support.witnesses import RunningWitness, run_witness

__all__ = ["asked", "initialised", "stopped"]

MEMBERS = {"w1": "sx/GOV/2", "w2": "sx/GOV/3", "w3": "sx/GOV/4", "own": "sx/GOV/1"}


@dataclass
class AskedBus:
    """The bus and those it asks. It anchors when a test says so; its rounds are far apart."""

    running: RunningBus
    witnesses: dict[str, RunningWitness]
    authorities: list[Authority] = field(default_factory=lambda: [Authority(), Authority()])

    @property
    def edge(self) -> Edge:
        """Its HTTP application."""
        return edge_of(self.running)

    @property
    def policy(self) -> TrustPolicy:
        """What an auditor was given by hand."""
        key = self.running.bus.api.directory_log.writer.verifier_key
        return parse_policy(self.running.bus.api.witnessing.rules.policy_text([key]).encode())

    async def heads(self) -> None:
        """A heads leaf now, as every minute."""
        api = self.running.bus.api
        await api.directory_log.write_heads(lambda: _open_heads(self.running))

    async def look(self) -> None:
        """One round, as every few seconds."""
        await self.running.bus.api.witnessing.look()


async def _open_heads(running: RunningBus) -> list[object]:
    return [head for head in await running.bus.api.reads.heads() if head.shard > 0]


@pytest.fixture
async def asked(
    stopped: RunningBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AskedBus]:
    monkeypatch.setattr("exchange.operation.wiring.ROUND_S", 3_600.0)
    signer = load_log_signer(stopped.folder / "keys", "sx.example", "0")
    bus = AskedBus(stopped, {})
    for name, member in MEMBERS.items():
        now_s = lambda: stopped.clock() // 1000  # noqa: E731
        bus.witnesses[name] = run_witness(tmp_path, name, member, signer.verifier, now_s)
    async with AsyncExitStack() as stack:
        tables, hosts = [one.table for one in bus.witnesses.values()], ['"127.0.0.1:*"']
        for number, authority in enumerate(bus.authorities, 1):
            url = await stack.enter_async_context(served(authority))
            (stopped.folder / f"roots-{number}.pem").write_bytes(authority.root_pem)
            tables.append(f'[authorities.t{number}]\nurl = "{url}"\nroots = "roots-{number}.pem"\n')
        settings = stopped.folder / "sealway.toml"
        text = settings.read_text("utf-8").replace("hosts = []", f"hosts = [{', '.join(hosts)}]")
        settings.write_text(text + "\n" + "\n".join(tables), "utf-8")
        await stack.enter_async_context(opened(stopped))
        yield bus
    for one in bus.witnesses.values():
        if one.server.socket.fileno() >= 0:
            one.stop()
