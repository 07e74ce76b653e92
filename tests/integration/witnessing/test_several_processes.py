"""Several processes on one PostgreSQL: one asks, all know how late it is, any makes receipts."""

import re
from pathlib import Path

import pytest

from exchange.operation.key_files import load_log_signer
from exchange.operation.roles import Role
from sealway.verify.anchored import verify_anchored
from sealway.witness.core import Answer
from signing.log.policy import parse_policy
from tests.support.agencies import BENEFITS
from tests.support.bus import RunningBus
from tests.support.http import code_of, edge_of
from tests.support.shared_bus import Start, database, start
from tests.support.witnesses import RunningWitness, run_witness

__all__ = ["database", "start"]


async def _witnessed(
    first: RunningBus, folder: Path, *, poll: bool = False
) -> list[RunningWitness]:
    """Stop the one process, list three witnesses in everybody's settings."""
    await first.close()
    signer = load_log_signer(first.folder / "keys", "sx.example", "0")
    witnesses = [
        run_witness(
            folder, f"w{n}", f"sx/GOV/{n + 1}", signer.verifier, lambda: first.clock() // 1000
        )
        for n in (1, 2, 3)
    ]
    settings = first.folder / "sealway.toml"
    text = settings.read_text("utf-8").replace("hosts = []", 'hosts = ["127.0.0.1:*"]')
    tables = "\n".join(one.table for one in witnesses)
    if poll:
        tables = re.sub('url = ".*"\n', "", tables)
    settings.write_text(f"{text}\n{tables}", "utf-8")
    return witnesses


async def test_one_asks_and_any_proves(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.operation.wiring.ROUND_S", 3_600.0)
    witnesses = await _witnessed(await start(), tmp_path)
    gateway = await start(Role.GATEWAY)
    one, two = await start(), await start()
    buses = (gateway, one, two)
    asks = [bus.bus.api.witnessing for bus in buses]
    assert [bus.holder for bus in asks] == [False, True, False]
    request = gateway.ask()
    await gateway.send(request)
    await gateway.until(request, "answered")
    heads = two.bus.api.directory_log

    async def open_heads() -> list[object]:
        return [head for head in await two.bus.api.reads.heads() if head.shard > 0]

    await heads.write_heads(open_heads)
    for bus in asks:
        await bus.look()
    assert [bus.asked["cosigned"] for bus in asks] == [0, 6, 0]
    policy = parse_policy(
        asks[0].rules.policy_text([one.bus.api.directory_log.writer.verifier_key]).encode()
    )
    path = f"/v1/messages/{request.manifest.id}/receipt?state=anchored"
    receipts = {(await edge_of(bus).get(path, BENEFITS)).content for bus in buses}
    (receipt,) = receipts
    found = verify_anchored(receipt, request.envelope, policy)
    assert set(found.cosigned_s) == {"w1", "w2", "w3"}
    notes = {(await edge_of(bus).get("/log/0/checkpoint")).text.count("\n— ") for bus in buses}
    assert notes == {4}

    for witness in witnesses:
        witness.witness.instead = lambda _: Answer(500, "")
    for bus, ask in zip(buses, asks, strict=True):
        bus.clock.ahead_ms += 4 * 3_600_000 + 10_000
        await ask.look()
        refused = await edge_of(bus).send(bus.ask())
        assert code_of(refused) == "anchoring-late"
    await one.close()
    for witness in witnesses:
        witness.stop()


async def test_a_gateway_without_egress_takes_what_witnesses_bring(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.operation.wiring.ROUND_S", 3_600.0)
    witnesses = await _witnessed(await start(), tmp_path, poll=True)
    gateway, one = await start(Role.GATEWAY), await start()
    await one.bus.api.witnessing.look()
    edges = (edge_of(gateway), edge_of(one), edge_of(gateway))
    shown = {(await edge.get("/log/0/cosignatures")).text for edge in edges}
    assert len(shown) == 1
    (note,) = shown
    statuses = []
    for edge, witness in zip(edges, witnesses, strict=True):
        statuses.append((await edge.get("/log/0/cosigned")).status_code)
        body = note + witness.cosigner.cosign(note, one.clock() // 1000)
        reply = await edge.http.post(
            "/log/0/cosignatures", content=body.encode(), headers={"content-type": "text/plain"}
        )
        assert reply.status_code == 204
    assert statuses == [404, 404, 200]
    for edge in edges:
        assert (await edge.get("/log/0/cosigned")).text.count("\n— ") == 4
    for witness in witnesses:
        witness.stop()
