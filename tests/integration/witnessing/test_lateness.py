"""When nobody vouches for the log: first an alarm, then nothing is accepted, then all is well."""

import structlog
from prometheus_client import generate_latest

from exchange.operation.metrics import registry_of
from sealway.witness.core import Answer
from tests.integration.witnessing.conftest import AskedBus
from tests.support.agencies import BENEFITS
from tests.support.bus import RunningBus
from tests.support.http import FOUNDER, code_of, edge_of

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def _silence(asked: AskedBus, *names: str) -> None:
    for name in names:
        asked.witnesses[name].witness.instead = lambda _: Answer(500, "")


async def _after(asked: AskedBus, ms: int, *, stamps: bool = True) -> None:
    asked.running.clock.ahead_ms += ms
    for authority in asked.authorities:
        authority.late_ms += ms
        authority.is_away = not stamps
    await asked.heads()
    await asked.look()


async def _readiness(asked: AskedBus) -> tuple[int, str]:
    reply = await asked.edge.get("/readyz")
    return reply.status_code, reply.json().get("anchoring") or reply.json()["detail"]


async def test_witnesses_are_missed_after_ten_minutes_and_awaited_for_four_hours(
    asked: AskedBus,
) -> None:
    assert await _readiness(asked) == (200, "in-time")
    _silence(asked, "w1", "w2")
    await _after(asked, 10 * MINUTE_MS)
    await _after(asked, -5_000)
    assert await _readiness(asked) == (200, "in-time")
    with structlog.testing.capture_logs() as lines:
        await _after(asked, 6_000)
        await _after(asked, 1_000)
    assert [line["event"] for line in lines].count("anchoring.late") == 1
    assert await _readiness(asked) == (200, "late")
    assert await asked.running.outcome(asked.running.ask()) == "accepted"
    await _after(asked, 4 * HOUR_MS - 10 * MINUTE_MS)
    assert await asked.running.outcome(asked.running.ask()) == "anchoring-late"
    status, detail = await _readiness(asked)
    assert status == 503
    assert "4.0 hours" in detail
    figures = generate_latest(registry_of(asked.running.bus.watched)).decode()
    assert 'sealway_anchor_age_seconds{what="cosigned"} 144' in figures
    assert "sealway_ready 0.0" in figures


async def test_what_is_stopped_and_what_is_not(asked: AskedBus) -> None:
    before = asked.running.ask()
    await asked.running.send(before)
    await asked.running.until(before, "answered")
    _silence(asked, "w1", "w2", "w3")
    await _after(asked, 4 * HOUR_MS + 10_000)
    refused = await asked.edge.send(asked.running.ask())
    assert (code_of(refused), refused.headers["retry-after"]) == ("anchoring-late", "60")
    path = f"/v1/messages/{before.manifest.id}"
    assert (await asked.edge.get(f"{path}/answer", BENEFITS)).status_code == 200
    assert (await asked.edge.get(f"{path}/receipt", BENEFITS)).status_code == 200
    member = {"changes": [{"noun": "member", "object": {"id": "sx/GOV/77", "name": "A"}}]}
    changed = await asked.edge.post("/v1/changes", member, FOUNDER)
    assert changed.status_code == 200, "revoking must be possible on such a day"
    asked.witnesses["w1"].witness.instead = asked.witnesses["w3"].witness.instead = None
    await _after(asked, 15_000)
    assert await asked.running.outcome(asked.running.ask()) == "accepted"
    assert await _readiness(asked) == (200, "in-time")


async def test_time_stamps_are_missed_in_the_same_way(asked: AskedBus) -> None:
    await _after(asked, 11 * MINUTE_MS, stamps=False)
    assert await _readiness(asked) == (200, "late")
    await _after(asked, 4 * HOUR_MS, stamps=False)
    assert await asked.running.outcome(asked.running.ask()) == "anchoring-late"
    await _after(asked, 15_000)
    assert await asked.running.outcome(asked.running.ask()) == "accepted"


async def test_a_bus_that_was_stopped_for_a_day_accepts_at_once(asked: AskedBus) -> None:
    await asked.running.close()
    asked.running.clock.ahead_ms += 24 * HOUR_MS
    for authority in asked.authorities:
        authority.late_ms += 24 * HOUR_MS
    await asked.running.open()
    assert await asked.running.outcome(asked.running.ask()) == "accepted"


async def test_a_restart_does_not_make_it_forgotten(asked: AskedBus) -> None:
    await asked.running.close()
    _silence(asked, *asked.witnesses)
    asked.running.clock.ahead_ms += 5 * HOUR_MS
    for authority in asked.authorities:
        authority.late_ms += 5 * HOUR_MS
    await asked.running.open()
    assert await asked.running.outcome(asked.running.ask()) == "anchoring-late"


async def test_a_bus_that_asks_nobody_requires_nothing(stopped: RunningBus) -> None:
    await stopped.open()
    try:
        await stopped.bus.api.witnessing.look()
        stopped.clock.ahead_ms += 24 * HOUR_MS
        request = stopped.ask()
        assert await stopped.outcome(request) == "accepted"
        edge = edge_of(stopped)
        assert (await edge.get("/readyz")).json() == {"state": "ready"}
        path = f"/v1/messages/{request.manifest.id}/receipt?state=anchored"
        found = await edge.get(path, BENEFITS)
        assert "asks nobody" in found.json()["detail"]
        assert code_of(found) == "not-found"
        assert (await edge.get("/log/0/policy")).text.endswith("quorum none\n")
        assert await stopped.bus.api.witnessing.anchor_now(lambda: stopped.change()) is None
    finally:
        await stopped.close()
