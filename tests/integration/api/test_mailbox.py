"""Mailboxes over HTTP: lease, wait, confirm, what waits, what died."""

import asyncio

import pytest

from exchange.ledger.entries import Placed
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.receipts import Receipts
from registry.changes import Change
from signing.encoding import b64url_decode, parse_time
from signing.identifiers import MessageId, message_id_bytes
from signing.message import parse_delivery, parse_frame
from tests.support.agencies import BENEFITS, POPULATION, STATISTICS
from tests.support.http import FOUNDER, Edge, code_of

LEASE = "/v1/mailbox/lease"
CONFIRM = "/v1/mailbox/confirm"
EXTEND = "/v1/mailbox/extend"
RELEASE = "/v1/mailbox/release"


async def test_a_lease_hands_out_the_message_with_its_receipt(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    response = await edge.post(LEASE, {"deliveries_max": 10, "lease_s": 60}, STATISTICS)
    (one,) = response.json()["deliveries"]
    assert (one["id"], one["kind"], one["service"]) == (
        request.manifest.id,
        "request",
        POPULATION,
    )
    assert one["attempt"] == 1
    _, frame = parse_delivery(b64url_decode(one["delivery"]))
    assert parse_frame(frame)[0] == request.envelope
    again = await edge.post(LEASE, {}, STATISTICS)
    assert again.json() == {"deliveries": []}


async def test_a_large_delivery_comes_by_link(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.api.mailbox.INLINE_BYTES_MAX", 1)
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    (one,) = (await edge.post(LEASE, {}, STATISTICS)).json()["deliveries"]
    assert "delivery" not in one
    response = await edge.get(one["href"], STATISTICS)
    assert parse_frame(parse_delivery(response.content)[1])[0] == request.envelope


async def test_what_cannot_be_proven_now_holds_up_nothing_else(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = edge.running.ask(POPULATION), edge.running.ask(POPULATION)
    await edge.send(first)
    await edge.send(second)
    real = Receipts.receipt

    async def lost(self: Receipts, place: Placed) -> str:
        if place.leaf_hash == first_leaf:
            raise LogUnavailable("Its log ends before this leaf.")
        return await real(self, place)

    message = await edge.running.bus.api.opened.message(message_id_bytes(first.manifest.id))
    assert message is not None
    first_leaf = message.place.leaf_hash
    monkeypatch.setattr(Receipts, "receipt", lost)
    both = await edge.post(LEASE, {"deliveries_max": 2}, STATISTICS)
    assert [one["id"] for one in both.json()["deliveries"]] == [second.manifest.id]


async def test_a_lease_of_nothing_that_can_be_proven_now_says_so(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(self: Receipts, place: Placed) -> str:
        raise LogUnavailable("Its log ends before this leaf.")

    await edge.send(edge.running.ask(POPULATION))
    monkeypatch.setattr(Receipts, "receipt", lost)
    response = await edge.post(LEASE, {}, STATISTICS)
    assert (response.status_code, code_of(response)) == (503, "log-unavailable")


async def test_a_confirmation_ends_the_delivery_and_may_be_repeated(edge: Edge) -> None:
    await edge.send(edge.running.ask(POPULATION))
    (one,) = (await edge.post(LEASE, {}, STATISTICS)).json()["deliveries"]
    body = {"leases": [one["lease"], "nonsense"]}
    for _ in range(2):
        response = await edge.post(CONFIRM, body, STATISTICS)
        assert response.json() == {
            "results": [
                {"lease": one["lease"], "state": "done"},
                {"lease": "nonsense", "code": "lease-lost"},
            ]
        }
    stranger = await edge.post(CONFIRM, {"leases": [one["lease"]]}, BENEFITS)
    assert stranger.json()["results"] == [{"lease": one["lease"], "code": "lease-lost"}]


async def test_a_waiting_lease_returns_as_soon_as_something_comes(edge: Edge) -> None:
    poll = asyncio.create_task(edge.post(LEASE, {"wait_s": 20}, STATISTICS))
    await asyncio.sleep(0.1)
    assert edge.running.bus.api.long_polls == {STATISTICS: 1}
    await edge.send(edge.running.ask(POPULATION))
    response = await asyncio.wait_for(poll, 5)
    assert len(response.json()["deliveries"]) == 1
    assert edge.running.bus.api.long_polls == {}


async def test_a_client_that_hangs_up_leases_nothing_any_more(edge: Edge) -> None:
    path, gone = LEASE, asyncio.Event()
    token = edge.token(STATISTICS, "POST", path)
    events = [{"type": "http.request", "body": b'{"wait_s": 20}'}]

    async def receive() -> dict[str, object]:
        if events:
            return events.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    sent: list[object] = []

    async def send(event: object) -> None:
        sent.append(event)

    headers = [
        (b"authorization", f"Bearer {token}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    app = edge.http._transport.app  # type: ignore[attr-defined]
    call = asyncio.create_task(app(scope, receive, send))
    await asyncio.sleep(0.1)
    gone.set()
    await asyncio.wait_for(call, 5)
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    assert (await edge.running.delivery(request)).state == "ready"


async def test_only_the_services_asked_for_are_leased(edge: Edge) -> None:
    await edge.send(edge.running.ask(POPULATION))
    other = await edge.post(LEASE, {"services": ["births"]}, STATISTICS)
    assert other.json() == {"deliveries": []}
    same = await edge.post(LEASE, {"services": [POPULATION]}, STATISTICS)
    assert len(same.json()["deliveries"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"deliveries_max": 101}, "/deliveries_max"),
        ({"deliveries_max": "1"}, "/deliveries_max"),
        ({"wait_s": -1}, "/wait_s"),
        ({"lease_s": 0}, "/lease_s"),
        ({"services": ["No Service"]}, "/services/0"),
        ({"kinds": ["cancel"]}, "/kinds"),
        ({"kinds": ["request", "order"]}, "/kinds/1"),
        ({"count": 1}, "/count"),
    ],
)
async def test_a_wrong_lease_body_is_pointed_at(
    edge: Edge, body: dict[str, object], pointer: str
) -> None:
    response = await edge.post(LEASE, body, STATISTICS)
    assert code_of(response) == "request-invalid"
    assert [one["pointer"] for one in response.json()["errors"]] == [pointer]


async def test_a_suspended_system_leases_nothing_and_may_read(edge: Edge) -> None:
    await edge.send(edge.running.ask(POPULATION))
    await edge.running.change(Change("system", {"state": "suspended"}, STATISTICS))
    assert code_of(await edge.post(LEASE, {}, STATISTICS)) == "sender-suspended"
    mailbox = await edge.get("/v1/mailbox", STATISTICS)
    (line,) = mailbox.json()["services"]
    assert (line["service"], line["waiting"], line["leased"]) == (POPULATION, 1, 0)


async def test_a_mailbox_is_a_systems_and_not_the_founders(edge: Edge) -> None:
    for response in (
        await edge.get("/v1/mailbox", FOUNDER),
        await edge.post(LEASE, {}, FOUNDER),
        await edge.post(CONFIRM, {"leases": ["x"]}, FOUNDER),
    ):
        assert code_of(response) == "role-missing"


async def test_a_delivery_leased_too_often_is_shown_as_dead_to_its_recipient(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    for _ in range(17):
        await edge.post(LEASE, {"lease_s": 1}, STATISTICS)
        edge.running.clock.ahead_ms += 2_000
    for who in (STATISTICS, FOUNDER):
        (item,) = (await edge.get("/v1/dead", who)).json()["items"]
        assert (item["id"], item["cause"]) == (request.manifest.id, "leases-exhausted")
        shown = await edge.get(f"/v1/dead/{request.manifest.id}", who)
        assert [line["code"] for line in shown.json()["timeline"]] == ["accepted", "dead"]
    assert (await edge.get("/v1/dead", BENEFITS)).json()["items"] == []
    assert code_of(await edge.get(f"/v1/dead/{request.manifest.id}", BENEFITS)) == "not-found"
    state = await edge.get(f"/v1/messages/{request.manifest.id}", BENEFITS)
    assert (state.json()["state"], state.json()["stuck"]) == ("open", True)


async def _leased(edge: Edge, lease_s: int = 60) -> tuple[str, str]:
    """The id of a request and its lease."""
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    (one,) = (await edge.post(LEASE, {"lease_s": lease_s}, STATISTICS)).json()["deliveries"]
    return request.manifest.id, one["lease"]


async def test_a_lease_is_made_longer_and_may_be_again(edge: Edge) -> None:
    _, lease = await _leased(edge, 1)
    edge.running.clock.ahead_ms += 2_000  # it ran out, and nobody else has begun
    body = {"leases": [lease, "nonsense"], "lease_s": 60}
    for _ in range(2):
        response = await edge.post(EXTEND, body, STATISTICS)
        longer, lost = response.json()["results"]
        assert lost == {"lease": "nonsense", "code": "lease-lost"}
        assert longer["lease"] == lease
        assert parse_time(longer["lease_until"]) > edge.running.clock() + 50_000
    edge.running.clock.ahead_ms += 30_000
    assert (await edge.post(LEASE, {}, STATISTICS)).json() == {"deliveries": []}
    stranger = await edge.post(EXTEND, {"leases": [lease]}, BENEFITS)
    assert stranger.json()["results"] == [{"lease": lease, "code": "lease-lost"}]


async def test_no_lease_runs_longer_than_the_limit(edge: Edge) -> None:
    _, lease = await _leased(edge)
    body = {"leases": [lease], "lease_s": 10**9}
    (one,) = (await edge.post(EXTEND, body, STATISTICS)).json()["results"]
    most_ms = edge.running.bus.api.limits.lease_s_max * 1000
    assert parse_time(one["lease_until"]) <= edge.running.clock() + most_ms


async def test_what_is_released_is_free_at_once_and_its_timeline_says_why(edge: Edge) -> None:
    id_, lease = await _leased(edge)
    poll = asyncio.create_task(edge.post(LEASE, {"wait_s": 20}, STATISTICS))
    await asyncio.sleep(0.05)
    body = {"leases": [lease, "nonsense"], "reason": "busy"}
    response = await edge.post(RELEASE, body, STATISTICS)
    assert response.json()["results"] == [
        {"lease": lease, "state": "ready"},
        {"lease": "nonsense", "code": "lease-lost"},
    ]
    (again,) = (await asyncio.wait_for(poll, 5)).json()["deliveries"]
    assert (again["id"], again["attempt"]) == (id_, 2)
    state = (await edge.get(f"/v1/messages/{id_}", BENEFITS)).json()
    assert "last_attempt" not in state
    line = state["timeline"][-1]
    assert (line["code"], line["reason"], line["attempt"]) == ("released", "busy", 1)


async def test_releasing_again_is_harmless_until_another_lease(edge: Edge) -> None:
    id_, lease = await _leased(edge)
    for _ in range(2):
        response = await edge.post(RELEASE, {"leases": [lease]}, STATISTICS)
        assert response.json()["results"] == [{"lease": lease, "state": "ready"}]
    lost = [{"lease": lease, "code": "lease-lost"}]
    for path in (EXTEND, CONFIRM):
        assert (await edge.post(path, {"leases": [lease]}, STATISTICS)).json()["results"] == lost
    await edge.post(LEASE, {}, STATISTICS)
    again = await edge.post(RELEASE, {"leases": [lease]}, STATISTICS)
    assert again.json()["results"] == lost
    steps = await edge.running.bus.api.reads.steps(message_id_bytes(MessageId(id_)))
    assert [step.code for step in steps] == ["released"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        (EXTEND, {"leases": []}, "/leases"),
        (EXTEND, {"leases": ["x"], "lease_s": 0}, "/lease_s"),
        (EXTEND, {"leases": ["x"], "reason": "busy"}, "/reason"),
        (RELEASE, {"leases": ["x"] * 101}, "/leases"),
        (RELEASE, {"leases": ["x"], "reason": "Too busy"}, "/reason"),
        (RELEASE, {"leases": ["x" * 101]}, "/leases/0"),
    ],
)
async def test_a_wrong_body_about_leases_is_pointed_at(
    edge: Edge, path: str, body: dict[str, object], pointer: str
) -> None:
    response = await edge.post(path, body, STATISTICS)
    assert code_of(response) == "request-invalid"
    assert [one["pointer"] for one in response.json()["errors"]] == [pointer]
    assert code_of(await edge.post(path, {"leases": ["x"]}, FOUNDER)) == "role-missing"


async def test_a_suspended_system_keeps_no_lease_and_may_give_it_up(edge: Edge) -> None:
    _, lease = await _leased(edge)
    await edge.running.change(Change("system", {"state": "suspended"}, STATISTICS))
    assert code_of(await edge.post(EXTEND, {"leases": [lease]}, STATISTICS)) == "sender-suspended"
    response = await edge.post(RELEASE, {"leases": [lease]}, STATISTICS)
    assert response.json()["results"] == [{"lease": lease, "state": "ready"}]
