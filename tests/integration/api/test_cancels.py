"""Cancels and interims over HTTP: what the parties are told, and an audit that holds."""

import asyncio
import json

import pytest

from sealway.cli.main import main
from tests.support.agencies import BENEFITS, POPULATION, STATISTICS
from tests.support.http import FOUNDER, Edge, code_of


async def test_a_cancel_wakes_who_waits_and_is_shown(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    waiting = asyncio.create_task(edge.send(request, prefer="wait=20"))
    await edge.running.until(request, "open")
    cancel = edge.running.cancel(request)
    taken = await edge.send(cancel)
    assert (taken.status_code, taken.json()["state"]) == (202, "accepted")
    assert code_of(await asyncio.wait_for(waiting, 5)) == "exchange-cancelled"
    path = f"/v1/messages/{request.manifest.id}"
    assert code_of(await edge.get(path + "/answer", BENEFITS)) == "exchange-cancelled"
    for who in (BENEFITS, STATISTICS, FOUNDER):
        state = (await edge.get(path, who)).json()
        assert (state["state"], state["stuck"]) == ("cancelled", False)
        line = state["timeline"][-1]
        assert (line["code"], line["id"]) == ("cancelled", cancel.manifest.id)
    again = await edge.send(cancel)
    assert (again.status_code, again.json()["receipt"]) == (202, taken.json()["receipt"])
    another = await edge.send(edge.running.cancel(request))
    assert (another.status_code, another.json()) == (200, {"state": "cancelled"})


async def test_an_interim_is_told_to_who_waits_and_by_the_timeline(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    interim = edge.running.tell(request, "in-progress")
    assert (await edge.send(interim)).status_code == 202
    path = f"/v1/messages/{request.manifest.id}"
    told = (await edge.get(path, BENEFITS, headers={"prefer": "wait=1"})).json()
    waited = (await edge.send(request, prefer="wait=1")).json()
    for document in (told, waited):
        assert document["state"] == "open"
        assert document["interim"]["status"] == "in-progress"
        assert document["interim"]["id"] == interim.manifest.id
        assert "last_attempt" not in document
    assert told["timeline"][-1]["status"] == "in-progress"
    delivery = await edge.get(f"/v1/messages/{interim.manifest.id}/delivery", BENEFITS)
    assert delivery.status_code == 200


async def test_what_people_and_parties_decided_is_proven_by_an_audit(
    edge: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    running = edge.running
    dead, told, gone = (running.ask(POPULATION) for _ in range(3))
    for request in (dead, told, gone):
        await edge.send(request)
    await edge.send(running.tell(told))
    await edge.send(running.cancel(gone))
    for _ in range(17):
        await edge.post("/v1/mailbox/lease", {"lease_s": 1, "deliveries_max": 9}, STATISTICS)
        running.clock.ahead_ms += 2_000
    assert await running.until(dead, "dead") == "dead"
    id_ = dead.manifest.id
    assert (await edge.post(f"/v1/dead/{id_}/redrive", {}, FOUNDER)).status_code == 200
    assert await running.outcome(running.reply(told)) == "accepted"
    (key,) = [
        one["key"]
        for one in (await edge.get("/.well-known/sealway")).json()["logs"]
        if one["n"] == 0
    ]
    await running.close()
    (epoch,) = (running.folder / "keys").glob("epoch-*")
    capsys.readouterr()
    words = ["audit", "verify", str(running.folder), "--log-key", key]
    code = await asyncio.to_thread(main, [*words, "--epoch-keys", str(epoch), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (code, said["finding_counts"]) == (0, {}), said
