"""The bare clients of the peers take what comes in however it is cut, and count what is over."""

import asyncio
from unittest.mock import Mock

import pytest

from benchmarks.bodies import BODY_BYTES
from benchmarks.peers.asking import Asking, run
from benchmarks.peers.nats_load import NatsClient
from benchmarks.peers.server import PeerMissing, found, settings_text


def _came(subject: bytes, payload: bytes) -> bytes:
    return b"MSG %b 1 %d\r\n%b\r\n" % (subject, len(payload), payload)


STREAM = (
    b"INFO {}\r\nPING\r\n"
    + _came(b"held.00000007", b'{"stream":"ask","seq":1}')
    + _came(b"answer.00000007", b"\r\n" * (BODY_BYTES // 2))
    + _came(b"held.00000008", b'{"stream":"ask","seq":2}')
)


@pytest.mark.parametrize("size", [1, 7, 64, len(STREAM)])
def test_nats_messages_are_found_however_the_bytes_are_cut(size: int) -> None:
    client, asking, transport = NatsClient(), Mock(), Mock()
    client.connection_made(transport)
    client.begin(asking)
    for at in range(0, len(STREAM), size):
        client.data_received(STREAM[at : at + size])
    said = [(call[0], *call[1]) for call in asking.method_calls]
    assert said == [
        ("confirmed", b"00000007"),
        ("answered", b"00000007"),
        ("confirmed", b"00000008"),
    ]
    transport.write.assert_called_with(b"PONG\r\n")


class Echo:
    """A peer that holds and answers in the next turn of the loop, the answer first."""

    def __init__(self) -> None:
        self.most = 0

    def begin(self, asking: Asking) -> None:
        """Take a run."""
        self._asking = asking

    def ask(self, number: int, id_: bytes) -> None:
        """Answer soon."""
        self.most = max(self.most, len(self._asking.waiting))
        loop = asyncio.get_running_loop()
        loop.call_soon(self._asking.answered, id_)
        loop.call_soon(self._asking.confirmed, id_)


async def test_an_exchange_is_over_when_it_is_held_and_answered() -> None:
    echo = Echo()
    said = await run(echo, 0, 4, 0.1)
    assert said["count"] == said["asked"] > 4
    assert echo.most == 4
    assert said["failed"] == 0


def test_settings_have_no_place_left_and_say_why() -> None:
    text = settings_text("rabbitmq.conf", port=5_999)
    assert "listeners.tcp.1 = 127.0.0.1:5999" in text
    assert "@port@" not in text
    assert "@" not in settings_text("nats.conf", port=1, folder="/x").replace("between @", "")


def test_a_peer_that_is_not_here_says_what_would_bring_it() -> None:
    with pytest.raises(PeerMissing, match="apt-get install no-such-package"):
        found("no-such-program", "no-such-package", [])
    with pytest.raises(PeerMissing, match=r"no Python package nowhere .*peers/requirements\.txt"):
        found("sh", "dash", ["nowhere"])
