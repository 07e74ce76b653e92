"""The load on NATS JetStream: its text protocol over one connection, made without a library.

An exchange is over when the server has acknowledged the request into its stream, and the answer,
which lies in a stream too, has come by subscription.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final, cast

from benchmarks.bodies import BODY_BYTES, request_body
from benchmarks.peers.asking import Asking, serve_commands
from benchmarks.processes import START_S

BODIES: Final = 64
_CONNECT: Final = {"verbose": False, "pedantic": False, "headers": False, "lang": "python"}


class NatsClient(asyncio.Protocol):
    """One connection with two subscriptions: acknowledgements `held.*` and answers `answer.*`."""

    def __init__(self) -> None:
        self._buffer = b""
        self._asking: Asking | None = None
        self._bodies = [request_body(number) for number in range(BODIES)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves and subscribe."""
        self._transport = cast("asyncio.Transport", transport)
        said = json.dumps(_CONNECT).encode("ascii")
        self._transport.write(b"CONNECT " + said + b"\r\nSUB held.* 1\r\nSUB answer.* 2\r\n")

    def begin(self, asking: Asking) -> None:
        """Take a run's questions."""
        self._asking = asking

    def ask(self, number: int, id_: bytes) -> None:
        """Publish a request into the stream; the server's word about it comes to `held`."""
        body = self._bodies[number % BODIES]
        head = b"PUB ask.%b held.%b %d\r\n" % (id_, id_, len(body))
        self._transport.write(head + body + b"\r\n")

    def data_received(self, data: bytes) -> None:
        """Take whole lines, and messages with their payload, out of what has come in."""
        buffer, at = self._buffer + data, 0
        while (end := buffer.find(b"\r\n", at)) >= 0:
            line = buffer[at:end]
            if line.startswith(b"MSG "):
                size = int(line.rpartition(b" ")[2])
                if len(buffer) < end + 4 + size:
                    break
                self._message(line, buffer[end + 2 : end + 2 + size])
                at = end + 4 + size
                continue
            if line == b"PING":
                self._transport.write(b"PONG\r\n")
            elif line.startswith(b"-ERR"):
                raise RuntimeError(line.decode("ascii", "replace"))
            at = end + 2
        self._buffer = buffer[at:]

    def _message(self, line: bytes, payload: bytes) -> None:
        subject = line.split(b" ", 2)[1]
        what, _, id_ = subject.partition(b".")
        assert self._asking is not None
        if what == b"held":
            assert b'"error"' not in payload, payload
            self._asking.confirmed(id_)
        else:
            assert len(payload) == BODY_BYTES
            self._asking.answered(id_)


async def connect(port: int, made: Path) -> NatsClient:
    """A client that is ready to ask, once the responder has made the streams."""
    until = time.monotonic() + START_S
    while not await asyncio.to_thread(made.exists):
        assert time.monotonic() < until, "the responder made no streams"
        await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(NatsClient, "127.0.0.1", port)
    return client


if __name__ == "__main__":
    serve_commands(lambda: connect(int(sys.argv[1]), Path(sys.argv[2])))
