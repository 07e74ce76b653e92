"""A sandbox stamps its own log: receipts become anchored where nobody was asked to vouch."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.operation.sandboxes import sandbox_folder
from exchange.operation.settings import SettingsInvalid
from sealway.verify.anchored import verify_anchored
from signing.errors import ProofInvalid
from signing.log.policy import parse_policy
from signing.timestamps import load_roots
from signing.tokens import Call
from tests.integration.sandbox.test_sandbox import ANSWER, COAST, FISHERIES, Sandbox, started
from tests.support.time_stamps import Authority


@pytest.fixture
async def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    monkeypatch.setattr("exchange.operation.wiring.ROUND_S", 3_600.0)
    sandbox_folder(tmp_path / "s")
    async with started(tmp_path / "s", tmp_path) as made:
        yield made


async def test_a_receipt_of_a_sandbox_is_anchored_by_its_own_authority(sandbox: Sandbox) -> None:
    await sandbox.join(FISHERIES)
    joined = (await sandbox.join(COAST)).json()
    await sandbox.offer(FISHERIES)
    await sandbox.grant(COAST)
    async with sandbox.client(COAST, joined) as client:
        answer = await client.ask(FISHERIES, "catches", {"vessel": "EE-1"})
    assert answer.json == ANSWER
    running = sandbox.edge.running
    api = running.bus.api
    heads = [head for head in await api.reads.heads() if head.shard > 0]

    async def open_heads() -> list[object]:
        return list(heads)

    await api.directory_log.write_heads(open_heads)
    running.clock.ahead_ms += 301_000
    await api.witnessing.look()
    path = f"/v1/messages/{answer.id}/receipt"
    call = Call("sandbox.example", "GET", sandbox.edge.url + path)
    token = sandbox.edge.sign(call, COAST, sandbox.keys(COAST))
    found = await sandbox.edge.http.get(
        f"{path}?state=anchored", headers={"authorization": f"Bearer {token}"}
    )
    assert found.status_code == 200, found.text
    policy = parse_policy(f"log {api.directory_log.writer.verifier_key}\nquorum none\n".encode())
    root = running.folder / "keys" / "sandbox" / "time.root.pem"
    told = verify_anchored(
        found.content, answer.message.envelope.raw, policy, load_roots(root.read_bytes())
    )
    assert told.timestamp is not None
    assert abs(told.timestamp.at_ms - running.clock()) < 5_000
    with pytest.raises(ProofInvalid):
        verify_anchored(found.content, answer.message.envelope.raw, policy, [Authority().root])


async def test_its_key_is_its_own_and_the_same_after_a_restart(sandbox: Sandbox) -> None:
    running = sandbox.edge.running
    folder = running.folder / "keys" / "sandbox"
    before = {file.name: file.read_bytes() for file in folder.glob("time.*")}
    assert set(before) == {"time.key.pem", "time.cert.pem", "time.root.pem"}
    assert stat.S_IMODE((folder / "time.key.pem").stat().st_mode) == 0o600
    await running.restart()
    assert {file.name: file.read_bytes() for file in folder.glob("time.*")} == before
    (folder / "time.cert.pem").write_text("no certificate")
    with pytest.raises(SettingsInvalid, match="remove all three"):
        await running.restart()
