"""The rest adapter against a scripted service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.base import AdapterRequest, Answer, Reject
from adapters.egress import Egress
from adapters.errors import (
    AdapterSettingsInvalid,
    ProviderMisbehaved,
    ProviderTimeout,
    ProviderUnreachable,
)
from adapters.rest import RestAdapter

Ok = Callable[..., bytes]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    client = Egress(["127.0.0.1:*"])
    yield client
    await client.close()


def request(body: Any, service: str = "subdivisions", **more: Any) -> AdapterRequest:
    return AdapterRequest(
        id="01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        sender="sx/GOV/1001/benefits",
        system="sx/GOV/3003/territories",
        service=service,
        attempt=more.pop("attempt", 1),
        body_type=more.pop("body_type", "application/json"),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        **more,
    )


def adapter(base: str, egress: Egress, service: dict[str, Any], **more: Any) -> RestAdapter:
    table = {"kind": "rest", "base": base, "services": {"subdivisions": service}, **more}
    folder = table.pop("folder", Path())
    return RestAdapter.from_settings("territories", table, egress, folder=folder)


GET = {"path": "/countries/{country}", "query": {"type": "/type"}}


def head_of(raw: bytes) -> tuple[str, dict[str, str]]:
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return lines[0], headers


async def test_asks_and_passes_the_answer_through(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b'{"name":"Finland"}'))
    rest = adapter(server.url, egress, GET, headers={"X-Agency": "sealway"})
    got = await rest.answer(
        request({"country": "F/I", "type": "a b"}, attempt=3, traceparent=TRACE)
    )
    assert got == Answer("application/json", b'{"name":"Finland"}')
    line, headers = head_of(server.requests[0])
    assert line == "GET /countries/F%2FI?type=a%20b HTTP/1.1"
    assert headers["Idempotency-Key"] == "01a201fb-aa7b-7cc0-98c4-dc0c0c07398f"
    assert headers["Sealway-Attempt"] == "3"
    assert headers["traceparent"] == TRACE
    assert headers["X-Agency"] == "sealway"
    assert headers["Accept"] == "application/json"
    assert "Sealway-Sender" not in headers


async def test_maps_the_answer(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b'{"alpha_2":"FI","items":[{"c":"FI-01","x":1},{"c":"FI-02"}]}'))
    answer = {"country": "/alpha_2", "codes": "/items/*/c", "name": "/name"}
    got = await adapter(server.url, egress, {**GET, "answer": answer}).answer(
        request({"country": "FI"})
    )
    assert isinstance(got, Answer)
    assert json.loads(got.body) == {"country": "FI", "codes": ["FI-01", "FI-02"]}


async def test_posts_the_request_as_it_was_signed(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"{}"))
    body = b'{ "country" : "FI" }'
    await adapter(server.url + "/v1/", egress, {"method": "POST", "path": "/ask"}).answer(
        request(body)
    )
    line, headers = head_of(server.requests[0])
    assert line == "POST /v1/ask HTTP/1.1"
    assert headers["Content-Type"] == "application/json"
    assert server.requests[0].endswith(b"\r\n\r\n" + body)


async def test_posts_a_mapped_body(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"{}"))
    service = {"method": "POST", "path": "/ask", "body": {"land": "/country", "v": {"const": 2}}}
    await adapter(server.url, egress, service).answer(request({"country": "FI"}))
    assert server.requests[0].endswith(b'\r\n\r\n{"land":"FI","v":2}')


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "unknown-request"),
        (401, "access-denied"),
        (403, "access-denied"),
        (404, "no-data"),
        (410, "no-data"),
        (422, "unknown-request"),
    ],
)
async def test_a_status_that_means_no_is_a_rejection(
    scripted: Any, egress: Egress, status: int, code: str
) -> None:
    server = await scripted(b"HTTP/1.1 %d X\r\nContent-Length: 6\r\n\r\nsecret" % status)
    got = await adapter(server.url, egress, GET).answer(request({"country": "FI"}))
    assert isinstance(got, Reject)
    assert got.code == code
    assert "secret" not in got.text


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, ProviderUnreachable),
        (502, ProviderUnreachable),
        (503, ProviderUnreachable),
        (504, ProviderUnreachable),
        (500, ProviderMisbehaved),
        (302, ProviderMisbehaved),
        (201, ProviderMisbehaved),
        (418, ProviderMisbehaved),
    ],
)
async def test_any_other_status_is_a_failed_attempt(
    scripted: Any, egress: Egress, status: int, error: type[Exception]
) -> None:
    server = await scripted(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
    with pytest.raises(error):
        await adapter(server.url, egress, GET).answer(request({"country": "FI"}))


async def test_settings_say_what_a_status_means(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(
        b"HTTP/1.1 201 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
    )
    status = {"201": "answer", "404": "person-unknown", "5xx": "failure", "500": "unreachable"}
    rest = adapter(server.url, egress, {**GET, "status": status})
    asked = request({"country": "FI"})
    assert isinstance(await rest.answer(asked), Answer)
    for code in ("person-unknown", "failure"):
        got = await rest.answer(asked)
        assert isinstance(got, Reject)
        assert got.code == code
    with pytest.raises(ProviderUnreachable):
        await rest.answer(asked)


async def test_the_text_of_a_rejection_comes_only_from_where_settings_say(
    scripted: Any, egress: Egress
) -> None:
    server = await scripted(
        b'HTTP/1.1 404 X\r\nContent-Length: 18\r\n\r\n{"message":"Gone"}',
        b"HTTP/1.1 404 X\r\nContent-Length: 1\r\n\r\n{",
    )
    rest = adapter(server.url, egress, {**GET, "reject_text": "/message"})
    assert await rest.answer(request({"country": "FI"})) == Reject("no-data", "Gone")
    got = await rest.answer(request({"country": "FI"}))
    assert isinstance(got, Reject)
    assert "404" in got.text


@pytest.mark.parametrize(
    "body",
    [{}, {"country": None}, {"country": ".."}, {"country": ["FI"]}, [], b"{", b'{"a":1,"a":2}'],
)
async def test_a_request_that_does_not_fit_is_rejected_without_a_call(
    scripted: Any, egress: Egress, ok: Ok, body: Any
) -> None:
    server = await scripted(ok(b"{}"))
    got = await adapter(server.url, egress, GET).answer(request(body))
    assert isinstance(got, Reject)
    assert got.code == "unknown-request"
    assert server.connections == 0


async def test_a_test_message_never_reaches_the_real_service(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    server = await scripted(ok(b"{}"))
    got = await adapter(server.url, egress, GET).answer(request({"country": "FI"}, test=True))
    assert isinstance(got, Reject)
    assert server.connections == 0


async def test_a_service_without_settings_is_a_failed_attempt(egress: Egress) -> None:
    rest = adapter("http://127.0.0.1:9", egress, GET)
    with pytest.raises(ProviderUnreachable) as caught:
        await rest.answer(request({"country": "FI"}, service="other"))
    assert not caught.value.maybe_sent


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_an_answer_of_another_type_misbehaves(
    scripted: Any, egress: Egress, reply: bytes
) -> None:
    server = await scripted(reply)
    with pytest.raises(ProviderMisbehaved):
        await adapter(server.url, egress, GET).answer(request({"country": "FI"}))


@pytest.mark.parametrize("body", [b"rubbish", b'{"a":1,"a":2}', b"{} {}", b'{"n":1e999}'])
async def test_an_answer_to_be_mapped_must_be_strict_json(
    scripted: Any, egress: Egress, ok: Ok, body: bytes
) -> None:
    server = await scripted(ok(body))
    with pytest.raises(ProviderMisbehaved):
        await adapter(server.url, egress, {**GET, "answer": {"a": "/a"}}).answer(
            request({"country": "FI"})
        )


async def test_a_slow_service_times_out(scripted: Any, egress: Egress) -> None:
    async def silence(writer: Any) -> None:
        await writer.drain()

    server = await scripted(silence)
    with pytest.raises(ProviderTimeout):
        await adapter(server.url, egress, {**GET, "timeout_s": 0.1}).answer(
            request({"country": "FI"})
        )


async def test_sends_a_secret_from_its_file(
    scripted: Any, egress: Egress, ok: Ok, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("Bearer canary-7\n")
    server = await scripted(ok(b"{}"))
    secret = {"Authorization": "token"}
    rest = adapter(server.url, egress, GET, secret_headers=secret, folder=tmp_path)
    await rest.answer(request({"country": "FI"}))
    assert head_of(server.requests[0])[1]["Authorization"] == "Bearer canary-7"
    assert "canary-7" not in repr(rest)


async def test_tells_the_sender_when_settings_say_so(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"{}"))
    rest = adapter(server.url, egress, GET, sender_headers=True)
    await rest.answer(request({"country": "FI"}, purpose="child-benefit"))
    headers = head_of(server.requests[0])[1]
    assert headers["Sealway-Sender"] == "sx/GOV/1001/benefits"
    assert headers["Sealway-Purpose"] == "child-benefit"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bsae": "x"}, "bsae"),
        ({"base": "http://10.0.0.1:80"}, "egress"),
        ({"base": "http://127.0.0.1:9/?a=b"}, "query"),
        ({"kind": "sql"}, "kind"),
        ({"services": {}}, "services"),
        ({"services": {"Bad Code": GET}}, "service code"),
        ({"services": {"a": {**GET, "pth": "/"}}}, "pth"),
        ({"services": {"a": {"path": "/{"}}}, "encoded"),
        ({"services": {"a": {**GET, "status": {"40": "no-data"}}}}, "status"),
        ({"services": {"a": {**GET, "answer": {"a": "b"}}}}, "slash"),
        ({"services": {"a": {**GET, "answer": {}, "answer_type": "text/plain"}}}, "json"),
        ({"headers": {"Authorization": "Bearer canary-7"}}, "secret_headers"),
        ({"headers": {"Host": "x"}}, "Host"),
        ({"headers": {"X": "a\r\nb: c"}}, "header"),
        ({"secret_headers": {"Authorization": "nowhere"}}, "nowhere"),
    ],
)
async def test_wrong_settings_are_found_at_once(
    egress: Egress, change: dict[str, Any], says: str
) -> None:
    table = {"kind": "rest", "base": "http://127.0.0.1:9", "services": {"a": GET}, **change}
    with pytest.raises(AdapterSettingsInvalid, match=says) as caught:
        RestAdapter.from_settings("territories", table, egress)
    assert "canary-7" not in str(caught.value)


async def test_the_kind_may_have_been_taken_out_of_the_table(egress: Egress) -> None:
    table = {"base": "http://127.0.0.1:9", "services": {"a": GET}}
    assert RestAdapter.from_settings("territories", table, egress).name == "territories"
