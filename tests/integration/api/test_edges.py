"""The edge as a whole: addresses, methods, health, pages, what leaves when something breaks."""

import json
import re
from typing import Any

import pytest
import structlog

from exchange.api.call_docs import CALLS
from exchange.ledger.errors import LogUnavailable
from exchange.operation.settings import Limits
from exchange.storage.errors import StorageUnavailable
from exchange.storage.people import StoredPerson
from signing.identifiers import ServiceCode
from signing.message import FRAME_TYPE
from tests.support.agencies import BENEFITS, POPULATION, STATISTICS
from tests.support.http import FOUNDER, OPERATOR, Edge, code_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_an_address_that_is_not_there_is_not_found(edge: Edge) -> None:
    for path in ("/v1/nothing", "/v1/messages/x/y/z", "/nowhere"):
        assert code_of(await edge.get(path, FOUNDER)) == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/messages", "POST"),
        ("GET", "/v1/mailbox/lease", "POST"),
        ("DELETE", "/v1/members", "GET, POST"),
        ("POST", "/v1/members/sx/GOV/1001", "GET, PUT"),
        ("DELETE", "/v1/certificates/x", "GET, PUT"),
        ("POST", "/livez", "GET"),
    ],
)
async def test_a_wrong_method_names_the_right_ones(
    edge: Edge, method: str, path: str, allow: str
) -> None:
    response = await edge.call(method, path, FOUNDER)
    assert code_of(response) == "method-not-allowed"
    assert response.headers["allow"] == allow


async def test_the_callers_trace_goes_through(edge: Edge) -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    for path in ("/v1/members", "/v1/messages"):
        response = await edge.get(path, headers=headers)
        assert response.json()["trace_id"] == TRACE
    garbage = await edge.get("/v1/members", headers={"traceparent": "00-zz-1"})
    assert code_of(garbage) == "token-missing"


async def test_a_bus_that_cannot_write_says_why_it_is_not_ready(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await edge.get("/readyz")).json() == {"state": "ready"}
    writer = edge.running.writers[1]
    monkeypatch.setattr(writer, "_failed", StorageUnavailable("The disk is full."))
    response = await edge.get("/readyz")
    assert code_of(response) == "not-ready"
    assert response.json()["detail"] == "The disk is full."
    assert (await edge.get("/livez")).json() == {"state": "alive"}


async def test_a_database_that_fails_is_log_unavailable(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise StorageUnavailable("The database can't be read at the moment; ask again.")

    request = edge.running.ask()
    await edge.send(request, prefer="wait=5")
    monkeypatch.setattr(type(edge.running.bus.api.reads), "message", fail)
    response = await edge.get(f"/v1/messages/{request.manifest.id}", BENEFITS)
    assert code_of(response) == "log-unavailable"
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize("path", ["/v1/dead", "/v1/mailbox/lease"])
async def test_what_nobody_expected_leaves_as_internal_and_is_logged_without_content(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("canary-38001085718")

    monkeypatch.setattr(type(edge.running.bus.api.reads), "dead", fail)
    monkeypatch.setattr(type(edge.running.bus.api.mailbox), "lease", fail)
    with structlog.testing.capture_logs() as events:
        if path == "/v1/dead":
            response = await _get_breaking(edge, path)
        else:
            response = await edge.post(path, {}, BENEFITS)
    assert code_of(response) == "internal"
    assert "canary" not in response.text + str(events)
    (event,) = [one for one in events if one["event"] == "api.failed"]
    assert event["error"] == "ZeroDivisionError"
    assert event["trace_id"] == response.json()["trace_id"]
    assert not [one for one in events if one["event"] == "api.broke_off"]


async def _get_breaking(edge: Edge, path: str) -> Any:
    return await edge.get(path, FOUNDER)


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(edge: Edge) -> None:
    size = Limits().body_bytes_max + 1
    response = await edge.call(
        "POST",
        "/v1/changes",
        FOUNDER,
        content=b"",
        headers={"content-type": "application/json", "content-length": str(size)},
    )
    assert code_of(response) == "body-too-large"
    assert response.headers["connection"] == "close"


async def test_a_broken_frame_is_a_problem_document(edge: Edge) -> None:
    response = await edge.call(
        "POST", "/v1/messages", content=b"\xff" * 100, headers={"content-type": FRAME_TYPE}
    )
    assert code_of(response) == "envelope-malformed"


async def test_the_bus_introduces_itself(edge: Edge) -> None:
    about = (await edge.get("/.well-known/sealway")).json()
    assert (about["bus"], about["instance"]) == ("sx.example", "sx")
    assert [(one["n"], one["origin"]) for one in about["logs"]] == [
        (0, "sx.example/log/0"),
        (1, "sx.example/log/1"),
    ]
    kinds = ["request", "response", "rejection", "interim", "cancel", "acknowledgement"]
    assert about["kinds"] == kinds
    assert about["limits"]["parts_max"] == 32
    assert about["limits"]["part_bytes_max"] == Limits().part_bytes_max
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", about["time"])


async def test_a_browser_at_the_bare_address_is_led_to_the_calls(edge: Edge) -> None:
    response = await edge.get("/")
    assert (response.status_code, response.headers["location"]) == (303, f"{edge.url}/docs")


@pytest.mark.parametrize("path", ["/docs", "/problems", "/problems/not-allowed"])
async def test_pages_load_nothing_from_elsewhere(edge: Edge, path: str) -> None:
    response = await edge.get(path)
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(", response.text)
    assert not re.search(r"(src|href)=[\"']?https?:", response.text)


async def test_there_is_no_page_for_a_code_that_does_not_exist(edge: Edge) -> None:
    assert code_of(await edge.get("/problems/no-such-code")) == "not-found"
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert code_of(await edge.get(path, FOUNDER)) == "not-found"


async def test_the_page_and_the_openapi_document_list_the_same_calls(edge: Edge) -> None:
    document = (await edge.get("/openapi.json")).json()
    described = {
        (method.upper(), path) for path, calls in document["paths"].items() for method in calls
    }
    listed = {(call.method, call.path) for _, calls in CALLS for call in calls}
    assert listed == described
    assert document["openapi"].startswith("3.1")
    refused = [
        call["responses"]["default"]["content"].keys()
        for calls in document["paths"].values()
        for call in calls.values()
    ]
    assert all(one == {"application/problem+json"} for one in refused)
    named = set(re.findall(r'"#/([^"]+)"', json.dumps(document)))
    known = {f"components/schemas/{name}" for name in document["components"]["schemas"]}
    assert named == known


async def test_head_is_get_without_the_body(edge: Edge) -> None:
    for path, who in (("/livez", None), ("/readyz", None), ("/v1/members", FOUNDER)):
        assert (await edge.call("HEAD", path, who)).status_code == 200
    assert code_of(await edge.call("GET", "/v1/changes", FOUNDER)) == "method-not-allowed"
    assert (await edge.call("HEAD", "/v1/changes", FOUNDER)).status_code == 405


async def test_a_bus_that_cannot_write_neither_judges_nor_leases(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await edge.send(edge.running.ask(POPULATION))
    writer = edge.running.writers[1]
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_failed", LogUnavailable("Frozen."))
        nowhere = await edge.send(edge.running.ask(POPULATION, service=ServiceCode("no-such")))
        assert code_of(nowhere) == "log-unavailable", "what an older directory says is no verdict"
        assert code_of(await edge.post("/v1/mailbox/lease", {}, STATISTICS)) == "log-unavailable"
        confirm = await edge.post("/v1/mailbox/confirm", {"leases": ["x"]}, STATISTICS)
        assert code_of(confirm) == "log-unavailable"
        assert (await edge.get("/v1/mailbox", STATISTICS)).status_code == 200
    leased = await edge.post("/v1/mailbox/lease", {}, STATISTICS)
    assert [one["attempt"] for one in leased.json()["deliveries"]] == [1]


async def test_an_envelope_too_long_for_a_header_is_refused_as_that(edge: Edge) -> None:
    response = await edge.call(
        "POST", "/v1/messages", headers={"sealway-envelope": "a" * 6145, "sealway-salt": "x"}
    )
    assert code_of(response) == "header-too-large"
    response = await edge.call(
        "POST", "/v1/messages", headers={"sealway-envelope": "a" * 6144, "sealway-salt": "x"}
    )
    assert code_of(response) == "envelope-malformed"


async def test_an_address_with_u0000_reaches_no_database(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, looked_up = edge.running.bus.api.people, []
    really = people.person

    async def person(id_: str) -> StoredPerson | None:
        looked_up.append(id_)
        return await really(id_)

    monkeypatch.setattr(people, "person", person)
    assert code_of(await edge.get("/v1/persons/p%00", OPERATOR)) == "not-found"
    assert "p\0" not in looked_up
    queried = await edge.get("/v1/schemas?subject=%00", OPERATOR)
    assert code_of(queried) == "request-invalid"


async def test_a_body_with_u0000_reaches_no_database(edge: Edge) -> None:
    body = {"name": "Payments\0", "id": "sx/GOV/1001/payments"}
    for members in (body, {"a": [{"b\0": 1}]}):
        refused = await edge.post("/v1/systems", members, FOUNDER)
        assert code_of(refused) == "request-invalid"
        assert "U+0000" in refused.json()["detail"]
    body = {"subject": "sx/GOV/1001/a", "text": '{"pattern":"\\\\u0000"}'}
    assert "U+0000" not in (await edge.post("/v1/schemas", body, FOUNDER)).text
