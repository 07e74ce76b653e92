"""The lean HTTP client against a server that does what servers do, and worse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from adapters.egress import Egress, EgressLimits
from adapters.errors import (
    AttemptFailed,
    HostNotListed,
    ProviderMisbehaved,
    ProviderTimeout,
    ProviderUnreachable,
)

Ok = Callable[..., bytes]

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
LIMITS = EgressLimits(
    timeout_s=2.0,
    connect_timeout_s=1.0,
    response_bytes_max=1000,
    header_bytes_max=2000,
    connections_per_host_max=2,
)


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    client = Egress(["127.0.0.1:*", "localhost:*"], LIMITS)
    yield client
    await client.close()


async def test_sends_one_well_formed_request(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"{}"))
    response = await egress.request(
        "POST", server.url + "/a?b=c", headers=(("Idempotency-Key", "k"),), body=b"hello"
    )
    assert (response.status, response.body, response.media_type) == (200, b"{}", "application/json")
    assert server.requests == [
        b"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: sealway\r\n"
        b"Accept-Encoding: identity\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\nhello"
        % server.port
    ]


async def test_uses_a_connection_again(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"1"), ok(b"2"))
    assert (await egress.request("GET", server.url)).body == b"1"
    assert (await egress.request("GET", server.url)).body == b"2"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: y\r\n\r\n",
            b"a",
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + TWO + b"ok", b"ok"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            b"no",
        ),
    ],
)
async def test_reads_a_body_however_it_is_delimited(
    scripted: Any, egress: Egress, reply: bytes, body: bytes
) -> None:
    server = await scripted(reply)
    for _ in range(2):
        assert (await egress.request("GET", server.url)).body == body


@pytest.mark.parametrize("step", [1, 7])
async def test_reads_a_response_that_comes_in_drips(
    scripted: Any, egress: Egress, step: int
) -> None:
    whole = b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

    async def drip(writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(whole), step):
            writer.write(whole[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)

    server = await scripted(drip)
    response = await egress.request("GET", server.url)
    assert (response.body, response.header("x-a")) == (b"abc", "b")
    assert (await egress.request("GET", server.url)).body == b"abc"
    assert server.connections == 1


async def test_follows_no_redirect(scripted: Any, egress: Egress) -> None:
    server = await scripted(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    response = await egress.request("GET", server.url)
    assert (response.status, response.header("Location")) == (302, "http://169.254.169.254/")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 5000,
        CHUNKED + (b"64\r\n" + b"x" * 100 + b"\r\n") * 11 + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 600 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"\x00\x01\x02",
    ],
)  # fmt: skip
async def test_a_response_beyond_limits_or_grammar_misbehaves(
    scripted: Any, egress: Egress, reply: bytes
) -> None:
    server = await scripted(reply)
    with pytest.raises(ProviderMisbehaved) as caught:
        await egress.request("GET", server.url)
    assert caught.value.maybe_sent


async def test_a_second_response_is_never_given_to_the_next_caller(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    server = await scripted(ok(b"mine") + ok(b"not asked for"), ok(b"next"))
    assert (await egress.request("GET", server.url)).body == b"mine"
    assert (await egress.request("GET", server.url)).body == b"next"
    assert server.connections == 2


async def test_bytes_on_an_idle_connection_end_it(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"1"), ok(b"2"))
    await egress.request("GET", server.url)
    server.writers[0].write(ok(b"late and unasked"))
    await asyncio.sleep(0.05)
    assert (await egress.request("GET", server.url)).body == b"2"
    assert server.connections == 2


async def test_a_cut_body_is_unreachable(scripted: Any, egress: Egress) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        writer.close()

    server = await scripted(cut)
    with pytest.raises(ProviderUnreachable) as caught:
        await egress.request("GET", server.url)
    assert caught.value.maybe_sent


async def test_nobody_listens(scripted: Any, egress: Egress, unused_port: int) -> None:
    with pytest.raises(ProviderUnreachable) as caught:
        await egress.request("POST", f"http://127.0.0.1:{unused_port}/")
    assert not caught.value.maybe_sent


async def test_an_answer_that_never_comes_times_out(scripted: Any, egress: Egress, ok: Ok) -> None:
    async def silence(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    server = await scripted(silence, ok(b"later"))
    with pytest.raises(ProviderTimeout) as caught:
        await egress.request("GET", server.url, timeout_s=0.1)
    assert caught.value.maybe_sent
    assert (await egress.request("GET", server.url)).body == b"later"
    assert server.connections == 2


async def test_a_body_in_endless_drips_times_out(scripted: Any, egress: Egress) -> None:
    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    server = await scripted(drips)
    with pytest.raises(ProviderTimeout):
        await egress.request("GET", server.url, timeout_s=0.2)


async def test_a_caller_may_not_wait_or_take_more_than_the_limits(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    server = await scripted(ok(b"x" * 1001), ok(b"x" * 11))
    with pytest.raises(ProviderMisbehaved):
        await egress.request("GET", server.url, response_bytes_max=10_000)
    with pytest.raises(ProviderMisbehaved):
        await egress.request("GET", server.url, response_bytes_max=10)


async def close_on_request(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(("method", "repeatable"), [("GET", False), ("PUT", False), ("POST", True)])
async def test_repeats_once_when_a_kept_connection_was_closed(
    scripted: Any, egress: Egress, ok: Ok, method: str, repeatable: bool
) -> None:
    server = await scripted(ok(b"1"), close_on_request, ok(b"2"))
    await egress.request("GET", server.url)
    response = await egress.request(method, server.url, body=b"x", repeatable=repeatable)
    assert response.body == b"2"
    assert (len(server.requests), server.connections) == (3, 2)


async def test_does_not_repeat_what_may_not_be_repeated(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    server = await scripted(ok(b"1"), close_on_request, ok(b"2"))
    await egress.request("GET", server.url)
    with pytest.raises(ProviderUnreachable) as caught:
        await egress.request("POST", server.url, body=b"x")
    assert caught.value.maybe_sent
    assert len(server.requests) == 2


async def test_does_not_repeat_on_a_fresh_connection(scripted: Any, egress: Egress) -> None:
    server = await scripted(close_on_request)
    with pytest.raises(ProviderUnreachable):
        await egress.request("GET", server.url)
    assert len(server.requests) == 1


async def test_does_not_repeat_after_a_byte_of_an_answer(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    async def one_byte(writer: asyncio.StreamWriter) -> None:
        writer.write(b"H")
        await writer.drain()
        writer.close()

    server = await scripted(ok(b"1"), one_byte, ok(b"2"))
    await egress.request("GET", server.url)
    with pytest.raises(ProviderUnreachable):
        await egress.request("GET", server.url)
    assert len(server.requests) == 2


async def test_a_connection_seen_closed_is_not_used_even_for_a_post(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    server = await scripted(ok(b"1"), ok(b"2"))
    await egress.request("GET", server.url)
    server.hang_up()
    await asyncio.sleep(0.05)
    assert (await egress.request("POST", server.url, body=b"x")).body == b"2"
    assert len(server.requests) == 2


async def test_a_connection_idle_for_too_long_is_not_used(scripted: Any, ok: Ok) -> None:
    egress = Egress(["127.0.0.1:*"], EgressLimits(keepalive_s=0.05))
    server = await scripted(ok(b"1"))
    await egress.request("GET", server.url)
    await asyncio.sleep(0.1)
    await egress.request("GET", server.url)
    assert server.connections == 2
    await egress.close()


async def test_holds_no_more_connections_than_allowed(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(ok(b"1"))

    server = await scripted(slow)
    responses = await asyncio.gather(*(egress.request("GET", server.url) for _ in range(10)))
    assert [response.body for response in responses] == [b"1"] * 10
    assert server.connections == 2


async def test_waiting_for_a_connection_counts_as_time(scripted: Any, egress: Egress) -> None:
    async def silence(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    server = await scripted(silence)
    calls = [egress.request("GET", server.url, timeout_s=0.15) for _ in range(2)]
    late = egress.request("GET", server.url, timeout_s=0.05)
    outcomes = await asyncio.gather(*calls, late, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ProviderTimeout] * 3
    assert isinstance(outcomes[2], AttemptFailed)
    assert not outcomes[2].maybe_sent


async def test_a_cancelled_call_gives_its_connection_up(
    scripted: Any, egress: Egress, ok: Ok
) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(ok(b"for the one that left"))

    server = await scripted(slow, ok(b"2"))
    for _ in range(4):
        server.replies = [slow, ok(b"2")]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(egress.request("GET", server.url), 0.02)
        assert (await egress.request("GET", server.url)).body == b"2"


async def test_sends_nothing_to_a_host_that_is_not_listed(scripted: Any, ok: Ok) -> None:
    server = await scripted(ok(b"1"))
    egress = Egress([])
    with pytest.raises(HostNotListed):
        await egress.request("GET", server.url)
    assert server.connections == 0
    await egress.close()


async def test_connects_to_the_address_that_was_checked(scripted: Any, ok: Ok) -> None:
    server = await scripted(ok(b"1"))
    answers = [("127.0.0.1",), ("93.184.215.14",)]
    asked = []

    async def names(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return answers.pop(0)

    egress = Egress([f"civil.internal:{server.port} private"], LIMITS, lookup=names)
    response = await egress.request("GET", f"http://civil.internal:{server.port}/")
    assert response.body == b"1"
    assert asked == ["civil.internal"]
    await egress.close()


async def test_a_public_name_that_resolves_inside_gets_no_connection(scripted: Any, ok: Ok) -> None:
    server = await scripted(ok(b"1"))

    async def names(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    egress = Egress([f"api.example.org:{server.port}"], LIMITS, lookup=names)
    with pytest.raises(HostNotListed):
        await egress.request("GET", f"http://api.example.org:{server.port}/")
    assert server.connections == 0
    await egress.close()


async def test_tries_the_next_address_when_one_is_dead(scripted: Any, ok: Ok) -> None:
    server = await scripted(ok(b"1"))

    async def names(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.9", "127.0.0.1")

    egress = Egress([f"civil.internal:{server.port} private"], LIMITS, lookup=names)
    assert (await egress.request("GET", f"http://civil.internal:{server.port}/")).body == b"1"
    await egress.close()


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        ("HEAD", "/", ("X", "y")),
        ("GET", "/a b", ("X", "y")),
        ("GET", "x", ("X", "y")),
        ("GET", "/", ("X", "y\r\nEvil: 1")),
        ("GET", "/", ("X y", "z")),
        ("GET", "/", ("Host", "evil")),
        ("GET", "/", ("Content-Length", "3")),
    ],
)
async def test_a_caller_s_mistake_is_stopped_before_the_wire(
    scripted: Any, egress: Egress, ok: Ok, method: str, target: str, header: tuple[str, str]
) -> None:
    server = await scripted(ok(b"1"))
    origin, _ = egress.split(server.url)
    with pytest.raises(AssertionError):
        await egress.call(origin, method, target, headers=(header,))
    assert server.connections == 0


async def test_sends_a_large_body_whole(scripted: Any, egress: Egress, ok: Ok) -> None:
    server = await scripted(ok(b"1"))
    await egress.request("POST", server.url, body=b"x" * 3_000_000)
    assert server.requests[0].endswith(b"\r\n\r\n" + b"x" * 3_000_000)
