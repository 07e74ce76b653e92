"""Reading from a connection: limits of bytes and time, clients that go, headers that repeat."""

import asyncio
from collections.abc import Iterable

import pytest

from exchange.api.asgi import ClientGone, Event, Headers, Receive, read_body, send, trace_id_of
from exchange.api.errors import BodyTooLarge, ClientTooSlow, RequestInvalid

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"


def _receive(events: Iterable[Event]) -> Receive:
    left = list(events)

    async def receive() -> Event:
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    return receive


def _chunks(*chunks: bytes, last: bool = True) -> list[Event]:
    events: list[Event] = [
        {"type": "http.request", "body": one, "more_body": True} for one in chunks
    ]
    if last:
        events[-1]["more_body"] = False
    return events


async def test_a_body_is_put_together_from_its_chunks() -> None:
    whole = await read_body(_receive(_chunks(b"a", b"", b"bc")), Headers([]), 3, 1)
    assert whole == b"abc"


async def test_a_body_in_one_chunk_is_given_as_it_is() -> None:
    chunk = b"x" * 10
    assert await read_body(_receive(_chunks(chunk)), Headers([]), 10, 1) is chunk
    assert await read_body(_receive([{"type": "http.request"}]), Headers([]), 10, 1) == b""


@pytest.mark.parametrize("chunks", [(b"abcd",), (b"ab", b"cd"), (b"abcd", b"")])
async def test_a_body_over_the_limit_is_refused(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(_receive(_chunks(*chunks)), Headers([]), 3, 1)


async def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(_receive([]), Headers([(b"content-length", b"4")]), 3, 1)


async def test_a_body_that_crawls_is_given_up() -> None:
    with pytest.raises(ClientTooSlow):
        await read_body(_receive(_chunks(b"a", last=False)), Headers([]), 3, 0.02)


async def test_a_client_that_hangs_up_gets_nothing() -> None:
    events = [*_chunks(b"a", last=False), {"type": "http.disconnect"}]
    with pytest.raises(ClientGone):
        await read_body(_receive(events), Headers([]), 3, 1)


@pytest.mark.parametrize(
    "name", [b"authorization", b"content-length", b"sealway-envelope", b"sealway-salt", b"if-match"]
)
def test_a_sensitive_header_may_occur_once(name: bytes) -> None:
    assert Headers([(name, b"1")]).get(name) == b"1"
    with pytest.raises(RequestInvalid, match="occurs twice"):
        Headers([(name, b"1"), (b"x", b""), (name, b"1")])


def test_other_headers_are_joined() -> None:
    headers = Headers([(b"prefer", b"respond-async"), (b"prefer", b"wait=5")])
    assert headers.text(b"prefer") == "respond-async, wait=5"
    assert headers.text(b"accept") is None


def test_a_media_type_is_read_without_its_parameters() -> None:
    headers = Headers([(b"content-type", b"Application/JSON; charset=utf-8")])
    assert headers.media_type() == "application/json"
    assert Headers([]).media_type() == ""


def test_a_trace_is_taken_over_or_begun() -> None:
    good = b"00-" + TRACE + b"-00f067aa0ba902b7-01"
    assert trace_id_of([(b"traceparent", good)]) == TRACE.decode()
    for bad in (b"", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", b"00-x-y-z", good.upper()):
        fresh = trace_id_of([(b"traceparent", bad)])
        assert len(fresh) == 32
        assert fresh != TRACE.decode()
    assert trace_id_of([]) != trace_id_of([])


async def test_a_reply_says_its_length_and_is_not_to_be_sniffed_or_kept() -> None:
    sent: list[Event] = []

    async def to(event: Event) -> None:
        sent.append(event)

    await send(to, 200, [(b"content-type", b"text/plain")], b"abc")
    assert sent[0]["status"] == 200
    assert dict(sent[0]["headers"]) == {
        b"content-length": b"3",
        b"content-type": b"text/plain",
        b"x-content-type-options": b"nosniff",
        b"cache-control": b"no-store",
    }
    assert sent[1]["body"] == b"abc"
