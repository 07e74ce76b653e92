"""The proxy that a cluster's processes speak through: it passes, cuts, holds and delays."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.cut_proxy import CutProxy, port_of
from tests.support.kafka_broker import free_port

Ends = tuple[CutProxy, int, list[bytes]]


@pytest.fixture
async def echo() -> AsyncIterator[Ends]:
    """A proxy before a server that says everything again, its port, and what the server got."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            got.append(data)
            writer.write(data)
        writer.close()

    behind, front = free_port(), free_port()
    server = await asyncio.start_server(answer, "127.0.0.1", behind)
    proxy = CutProxy(port_of(behind))
    await proxy.listen(front)
    yield proxy, front, got
    await proxy.end()
    server.close()


async def say(port: int, *words: bytes) -> bytes:
    """Say these, each after the last one's echo; the last echo, or nothing when cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        for word in words:
            writer.write(word)
            heard = await asyncio.wait_for(reader.read(1000), 5)
    except OSError:
        heard = b""
    finally:
        writer.close()
    return heard


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether a connection is over, with a word or without."""
    try:
        return await asyncio.wait_for(reader.read(1000), 5) == b""
    except ConnectionError:
        return True


async def test_bytes_pass_both_ways(echo: Ends) -> None:
    _, port, _ = echo
    assert await say(port, b"one", b"two") == b"two"


async def test_a_reply_is_cut_after_the_request_arrived(echo: Ends) -> None:
    proxy, port, got = echo
    proxy.cut_next("reply", lambda chunk: b"commit" in chunk)
    assert await say(port, b"begin", b"commit") == b""
    assert got == [b"begin", b"commit"]
    assert proxy.cuts == 1
    assert not proxy.cut_none()
    assert await say(port, b"commit") == b"commit"


async def test_a_request_is_cut_before_it_arrives(echo: Ends) -> None:
    proxy, port, got = echo
    proxy.cut_next("request")
    assert await say(port, b"commit") == b""
    assert got == []


async def test_an_order_to_cut_can_be_taken_back(echo: Ends) -> None:
    proxy, port, _ = echo
    proxy.cut_next("reply")
    assert proxy.cut_none()
    assert await say(port, b"one") == b"one"


async def test_everybody_is_cut_off_and_while_down_nobody_comes_in(echo: Ends) -> None:
    proxy, port, _ = echo
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"one")
    assert await reader.read(100) == b"one"
    proxy.down = True
    assert proxy.cut_all() == 2
    assert await ended(reader)
    writer.close()
    assert await say(port, b"two") == b""
    proxy.down = False
    assert await say(port, b"three") == b"three"


async def test_what_is_held_arrives_when_it_is_let_go(echo: Ends) -> None:
    proxy, port, got = echo
    proxy.hold()
    saying = asyncio.create_task(say(port, b"one"))
    await asyncio.sleep(0.1)
    assert not saying.done()
    assert got == []
    proxy.pass_on()
    assert await saying == b"one"


async def test_what_is_delayed_arrives_later(echo: Ends) -> None:
    proxy, port, _ = echo
    proxy.delay_s = 0.1
    began = time.monotonic()
    assert await say(port, b"one") == b"one"
    assert time.monotonic() - began >= 0.2


async def test_a_server_that_is_away_is_nobody_listening() -> None:
    front = free_port()
    proxy = CutProxy(port_of(free_port()))
    await proxy.listen(front)
    assert await say(front, b"one") == b""
    await proxy.end()
