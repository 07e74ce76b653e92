"""A push endpoint: what it takes, what it refuses, what becomes of a repeat."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealway import Client, PushProvider, PushReply, Refused, Reject, Request
from sealway import push_server as server
from sealway.profile import load_profile
from sealway.push import LATER
from signing.jws import MESSAGE, decode_jws
from signing.manifest import parse_manifest
from signing.message import DELIVERY_TYPE, FRAME_TYPE, parse_delivery, parse_frame
from tests.support.fake_bus import FakeBus, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
POST = {"Content-Type": DELIVERY_TYPE, "Sealway-Attempt": "2"}


@pytest.fixture
def push(bus: FakeBus, registry: FakeSystem) -> Iterator[PushProvider]:
    with made(bus) as provider:
        yield provider


@contextmanager
def made(bus: FakeBus, **more: Any) -> Iterator[PushProvider]:
    profile = load_profile("civil-registry")
    with PushProvider(profile, clock=bus.clock, transport=bus.transport, **more) as provider:
        provider.service("person-status")(lambda _: {"status": "alive"})
        yield provider


def asked(client: Client, bus: FakeBus, **options: Any) -> bytes:
    """A question, as the bus would post it."""
    exchange = client.send(REGISTRY, "person-status", {"person_code": "1"}, **options)
    return bus.delivery_of(bus.kept[exchange.id])


def refused(got: Request | Refused) -> tuple[str, int]:
    assert isinstance(got, Refused), got
    return got.code, got.status


def kind_of(reply: PushReply) -> str:
    assert (reply.status, reply.headers["content-type"]) == (200, FRAME_TYPE)
    raw, _ = parse_frame(reply.body)
    return parse_manifest(decode_jws(raw, MESSAGE).payload).kind


def test_a_post_is_verified_and_answered(client: Client, bus: FakeBus, push: PushProvider) -> None:
    seen: list[Request] = []
    push._handlers["person-status"] = lambda request: seen.append(request) or {"status": "alive"}
    assert kind_of(push.handle(POST, asked(client, bus))) == "response"
    assert (seen[0].json, seen[0].attempt, seen[0].sender) == (
        {"person_code": "1"},
        2,
        "sx/GOV/1001/benefits",
    )


def test_a_reject_is_a_signed_rejection(client: Client, bus: FakeBus, push: PushProvider) -> None:
    push._handlers["person-status"] = lambda _: Reject("no-data")
    assert kind_of(push.handle(POST, asked(client, bus))) == "rejection"


def test_a_copied_envelope_is_refused(client: Client, bus: FakeBus, push: PushProvider) -> None:
    """It has no receipt of its own; somebody else's doesn't fit."""
    mine, other = asked(client, bus), asked(client, bus)
    receipt, frame = parse_delivery(mine)
    frame_type = {"Content-Type": FRAME_TYPE}
    assert refused(push.receive(frame_type, frame)) == ("body-type-unsupported", 415)
    assert refused(push.receive(POST, frame)) == ("proof-failed", 403)
    length = len(receipt.encode()).to_bytes(8, "big")
    stolen = length + receipt.encode() + parse_delivery(other)[1]
    assert refused(push.receive(POST, stolen)) == ("proof-failed", 403)
    assert isinstance(push.receive(POST, mine), Request), "as the bus posts it, it is taken"


def test_a_question_to_somebody_else_is_refused(
    client: Client, bus: FakeBus, push: PushProvider
) -> None:
    bus.add_system("sx/GOV/3003/territories")
    exchange = client.send("sx/GOV/3003/territories", "person-status", {})
    got = push.receive(POST, bus.delivery_of(bus.kept[exchange.id]))
    assert refused(got) == ("proof-failed", 403)


def test_a_question_that_expired_is_refused(
    client: Client, bus: FakeBus, push: PushProvider
) -> None:
    post = asked(client, bus, expires_s=5)
    bus.clock.pass_s(6)
    assert refused(push.receive(POST, post)) == ("message-expired", 410)


def test_a_copied_delivery_is_taken_once_and_its_answer_goes_to_the_bus_alone(
    client: Client, bus: FakeBus, push: PushProvider
) -> None:
    calls: list[Request] = []
    push._handlers["person-status"] = lambda request: calls.append(request) or {"status": "alive"}
    post = asked(client, bus)
    push.handle(POST, post)
    again = push.handle(POST, post)
    assert (again.status, again.body) == (202, b"")
    assert len(calls) == 1
    assert calls[0].message.envelope.manifest.id in bus.kept
    assert bus.kept[calls[0].id].state == "answered", "the answer was sent, in case it was lost"


def test_while_a_question_is_worked_on_its_copy_waits(
    client: Client, bus: FakeBus, push: PushProvider
) -> None:
    post = asked(client, bus)
    request = push.receive(POST, post)
    assert isinstance(request, Request)
    assert refused(push.receive(POST, post)) == ("taken-before", 503)
    push.forget(request)
    assert isinstance(push.receive(POST, post), Request)


def test_a_handler_that_fails_is_asked_again(
    client: Client, bus: FakeBus, push: PushProvider
) -> None:
    def broken(request: Request) -> dict[str, Any]:
        raise RuntimeError("canary")

    push._handlers["person-status"] = broken
    post = asked(client, bus)
    reply = push.handle(POST, post)
    assert reply.status == 503
    assert b"canary" not in reply.body
    push._handlers["person-status"] = lambda _: {"status": "alive"}
    assert kind_of(push.handle(POST, post)) == "response"


def test_an_answer_may_come_later(client: Client, bus: FakeBus, push: PushProvider) -> None:
    seen: list[Request] = []
    push._handlers["person-status"] = lambda request: seen.append(request) or LATER
    post = asked(client, bus)
    assert push.handle(POST, post).status == 202
    assert push.handle(POST, post).status == 202
    assert len(seen) == 1
    push.send(seen[0], {"status": "alive"})
    assert bus.kept[seen[0].id].state == "answered"


def test_after_a_restart_a_copy_is_still_refused(
    client: Client, bus: FakeBus, registry: FakeSystem, tmp_path: Path
) -> None:
    post = asked(client, bus)
    with made(bus, state=tmp_path / "answers") as provider:
        assert provider.handle(POST, post).status == 200
    with made(bus, state=tmp_path / "answers") as provider:
        assert provider.handle(POST, post).status == 202


def test_whoever_does_not_authorize_itself_is_refused(
    client: Client, bus: FakeBus, registry: FakeSystem
) -> None:
    post = asked(client, bus)
    with made(bus, authorization="Bearer s3cret") as provider:
        assert refused(provider.receive(POST, post)) == ("token-invalid", 401)
        wrong = {**POST, "authorization": "Bearer other"}
        assert refused(provider.receive(wrong, post)) == ("token-invalid", 401)
        assert provider.handle({**POST, "Authorization": "Bearer s3cret"}, post).status == 200


def test_keys_that_cannot_be_had_are_no_refusal_for_good(
    client: Client, bus: FakeBus, push: PushProvider
) -> None:
    post = asked(client, bus)
    bus.down = [httpx.ConnectError("refused")] * 8
    assert refused(push.receive(POST, post))[1] == 503
    bus.down = []
    assert isinstance(push.receive(POST, post), Request)


# --- the small server -------------------------------------------------------------------------


@contextmanager
def listening(push: PushProvider) -> Iterator[tuple[str, int]]:
    with server.make_server(push.handle, "127.0.0.1", 0) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield made.server_address[0], made.server_address[1]
        finally:
            made.shutdown()
            thread.join()


def test_the_server_answers_a_post(client: Client, bus: FakeBus, push: PushProvider) -> None:
    with listening(push) as (host, port):
        reply = httpx.post(f"http://{host}:{port}/", content=asked(client, bus), headers=POST)
        assert (reply.status_code, reply.headers["content-type"]) == (200, FRAME_TYPE)
        assert httpx.get(f"http://{host}:{port}/").status_code == 501


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", b"411"),
        (b"Content-Length: 99999999\r\n", b"413"),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"Content-Length: -1\r\n", b"413"),
    ],
)
def test_the_server_refuses_bodies_without_a_bound(
    push: PushProvider, head: bytes, status: bytes
) -> None:
    with listening(push) as address, socket.create_connection(address, 5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n")
        assert client.recv(100).split(b" ")[1] == status


def test_the_server_lets_nobody_crawl(push: PushProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_S", 0.3)
    with listening(push) as address, socket.create_connection(address, 5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
        assert client.recv(100) == b""
