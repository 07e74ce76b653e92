"""Push: the request posted with its proof; every reply that an endpoint can think of."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.errors import AdapterSettingsInvalid
from exchange.ledger.shards import read_leaves
from signing.compose import Composed
from signing.log.leaf import parse_leaf
from signing.message import DELIVERY_TYPE, parse_delivery
from signing.receipts import parse_receipt
from tests.support.agencies import PERSON_STATUS, service
from tests.support.bus import RunningBus, opened
from tests.support.endpoint import Endpoint, Posted, Said, endpoint, reply

PUSH = {"kind": "push", "name": "civil"}
TABLES = """
[push.civil]
system = "{system}"
url = "http://127.0.0.1:{port}/sealway"
secret_headers = {{ Authorization = "push.secret" }}
"""


def set_up(bus: RunningBus, port: int, system: str = "sx/GOV/2002/civil-registry") -> None:
    """Name an endpoint in the settings."""
    (bus.folder / "push.secret").write_text("Bearer s3cret\n")
    file = bus.folder / "sealway.toml"
    text = file.read_text().replace("hosts = []", f'hosts = ["127.0.0.1:{port}"]')
    assert str(port) in text
    file.write_text(text + TABLES.format(port=port, system=system))


@pytest.fixture
async def at() -> AsyncIterator[Endpoint]:
    async with endpoint() as made:
        yield made


@pytest.fixture
async def pushing(stopped: RunningBus, at: Endpoint) -> AsyncIterator[RunningBus]:
    set_up(stopped, at.port)
    async with opened(stopped) as bus:
        await bus.change(service(PERSON_STATUS, delivery=PUSH))
        yield bus


def answering(bus: RunningBus, request: Composed, at: Endpoint) -> None:
    answer = bus.reply(request)

    async def script(posted: Posted) -> Said:
        return reply(200, answer.frame)

    at.script = script


def always(at: Endpoint, said: Said) -> None:
    async def script(posted: Posted) -> Said:
        return said

    at.script = script


async def kinds(bus: RunningBus) -> list[str]:
    """The kinds of the traffic log's leaves."""
    head = bus.writers[1].head
    return [parse_leaf(raw).k for raw in await read_leaves(bus.bus.api.reads, 1, 0, head.size)]


async def test_a_request_is_posted_with_its_proof_and_answered_in_the_reply(
    pushing: RunningBus, at: Endpoint
) -> None:
    request = pushing.ask()
    answering(pushing, request, at)
    await pushing.send(request)
    assert await pushing.until(request, "answered") == "answered"
    (posted,) = at.posted
    receipt, frame = parse_delivery(posted.body)
    assert frame == request.frame
    assert parse_receipt(receipt).origin == "sx.example/log/1"
    assert posted.headers["content-type"] == DELIVERY_TYPE
    assert posted.headers["idempotency-key"] == request.manifest.id
    assert (posted.headers["sealway-attempt"], posted.headers["authorization"]) == (
        "1",
        "bearer s3cret",
    )
    assert await kinds(pushing) == ["request", "response"]


async def test_an_answer_may_come_later_as_a_message(pushing: RunningBus, at: Endpoint) -> None:
    request = pushing.ask()
    await pushing.send(request)
    assert await pushing.until(request, "done") == "done"
    assert await pushing.state(request) == "open"
    await asyncio.sleep(0.6)
    assert len(at.posted) == 1, "who has taken it is not asked again"
    assert await kinds(pushing) == ["request", "delivered"]
    assert await pushing.outcome(pushing.reply(request)) == "accepted"
    assert await pushing.state(request) == "answered"


async def test_an_endpoint_that_was_away_is_tried_again(pushing: RunningBus, at: Endpoint) -> None:
    request = pushing.ask()
    always(at, reply(503))
    await pushing.send(request)
    async with asyncio.timeout(5):
        while len(at.posted) < 2:  # noqa: ASYNC110 - as the other waits of these tests
            await asyncio.sleep(0.02)
    answering(pushing, request, at)
    assert await pushing.until(request, "answered") == "answered"
    assert set(await pushing.steps(request)) == {"provider-unreachable"}


WRONG = {
    "a redirect to itself": reply(302, b"", "text/html", "Location: /sealway"),
    "a redirect to a private address": reply(307, b"", "text/html", "Location: http://10.0.0.1/"),
    "a redirect to a file": reply(301, b"", "text/html", "Location: file:///etc/passwd"),
    "a page": reply(200, b"<h1>Welcome</h1>", "text/html"),
    "no frame": reply(200, b"frame"),
    "too much": reply(200).replace(b"Content-Length: 0", b"Content-Length: 99999999") + b"x" * 10,
    "rubbish": b"SSH-2.0-OpenSSH\r\n",
    "a refusal": reply(403),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_three_unusable_replies_make_a_dead_letter(
    pushing: RunningBus, at: Endpoint, wrong: bytes
) -> None:
    if b"99999999" in wrong:
        wrong += b"x" * 11_000_000
    always(at, wrong)
    request = pushing.ask()
    await pushing.send(request)
    assert await pushing.until(request, "dead") == "dead"
    assert await pushing.steps(request) == ["provider-misbehaved"] * 3
    assert len(at.posted) == 3, "a redirect is not followed"
    assert await pushing.state(request) == "open"


async def test_an_endpoint_that_crawls_times_out(pushing: RunningBus, at: Endpoint) -> None:
    async def crawl(posted: Posted) -> Said:
        return b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nx"

    at.script = crawl
    request = pushing.ask(expires_ms=pushing.clock() + 1_500)
    await pushing.send(request)
    assert await pushing.until(request, "expired") == "expired"
    assert (await pushing.steps(request))[0] == "provider-timeout"


async def test_an_answer_to_another_question_is_not_taken(
    pushing: RunningBus, at: Endpoint
) -> None:
    request, other = pushing.ask(), pushing.ask()
    answering(pushing, other, at)
    await pushing.send(request)
    assert await pushing.until(request, "dead") == "dead"
    assert await pushing.state(request) == "open"
    assert await kinds(pushing) == ["request", "dead"]


async def test_an_answer_that_breaks_its_schema_is_refused_and_logged(
    pushing: RunningBus, at: Endpoint
) -> None:
    request = pushing.ask()
    answer = pushing.reply(request, content={"status": 7})
    always(at, reply(200, answer.frame))
    await pushing.send(request)
    assert await pushing.until(request, "dead") == "dead"
    assert "refusal" in await kinds(pushing)


async def test_an_endpoint_is_its_own_systems_alone(stopped: RunningBus, at: Endpoint) -> None:
    set_up(stopped, at.port, "sx/GOV/3003/territories")
    async with opened(stopped) as bus:
        await bus.change(service(PERSON_STATUS, delivery=PUSH))
        request = bus.ask()
        await bus.send(request)
        await asyncio.sleep(0.5)
        assert at.posted == []
        assert set(await bus.steps(request)) == {"provider-not-set-up"}


async def test_an_address_that_is_not_listed_stops_the_start(stopped: RunningBus) -> None:
    set_up(stopped, 9)
    text = (stopped.folder / "sealway.toml").read_text().replace('hosts = ["', 'hosts = []  # "')
    (stopped.folder / "sealway.toml").write_text(text)
    with pytest.raises(AdapterSettingsInvalid, match=r"\[push.civil\]"):
        await stopped.open()
