"""The load on RabbitMQ: AMQP frames made before the run, one connection, one channel.

A client library would be the limit long before the server is, so what goes out is bytes, and of
what comes in only the correlation id is read. An exchange is over when its request is confirmed
and its answer is here; the answer is acknowledged.
"""

import asyncio
import struct
import sys
from typing import Any, Final, cast

from pamqp import commands, frame, header
from pamqp.body import ContentBody

from benchmarks.bodies import BODY_BYTES, request_body
from benchmarks.peers.asking import ID_BYTES, Asking, serve_commands
from benchmarks.peers.rabbitmq_respond import REQUESTS

ANSWERS: Final = "decisions.answers"
BODIES: Final = 64
_ACK: Final = (60, 80)
_DELIVER: Final = (60, 60)
_PLACE: Final = b"#" * ID_BYTES


class AmqpClient(asyncio.Protocol):
    """One connection: set up with a library's frames, then bare."""

    def __init__(self) -> None:
        self._buffer = b""
        self._setting_up: asyncio.Queue[Any] | None = asyncio.Queue()
        self._asking: Asking | None = None
        self._confirmed = 0
        self._published = 0
        self._tag = b""
        self._ids: dict[int, bytes] = {}
        self._templates = [_published(request_body(number)) for number in range(BODIES)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say which protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"AMQP\x00\x00\x09\x01")

    async def set_up(self) -> None:
        """Log in, open a channel that confirms, declare both queues, consume answers."""
        await self._next()
        for channel, command in (
            (0, commands.Connection.StartOk(response="\0guest\0guest")),
            (0, commands.Connection.TuneOk(1, 131_072, 0)),
        ):
            self._write(channel, command)
            if isinstance(command, commands.Connection.StartOk):
                await self._next()
        self._write(0, commands.Connection.Open())
        await self._next()
        for command in (
            commands.Channel.Open(),
            commands.Confirm.Select(),
            commands.Queue.Declare(queue=REQUESTS, durable=True),
            commands.Queue.Declare(queue=ANSWERS, durable=True),
            commands.Basic.Consume(queue=ANSWERS),
        ):
            self._write(1, command)
            await self._next()
        self._setting_up = None

    def _write(self, channel: int, command: Any) -> None:
        self._transport.write(frame.marshal(command, channel))

    async def _next(self) -> Any:
        assert self._setting_up is not None
        return await asyncio.wait_for(self._setting_up.get(), 10)

    def begin(self, asking: Asking) -> None:
        """Take a run's questions."""
        self._asking = asking

    def ask(self, number: int, id_: bytes) -> None:
        """Publish a request under an id."""
        before, after = self._templates[number % BODIES]
        self._published += 1
        self._ids[self._published] = id_
        self._transport.write(before + id_ + after)

    def data_received(self, data: bytes) -> None:
        """Take whole frames out of what has come in."""
        buffer, at = self._buffer + data, 0
        while len(buffer) - at >= 8:
            kind, _, size = struct.unpack_from(">BHI", buffer, at)
            end = at + 8 + size
            if len(buffer) < end:
                break
            self._take(kind, buffer[at:end])
            at = end
        self._buffer = buffer[at:]

    def _take(self, kind: int, raw: bytes) -> None:
        if self._setting_up is not None:
            self._setting_up.put_nowait(frame.unmarshal(raw)[2])
        elif kind == 1:
            self._command(raw)
        elif kind == 2:
            properties = frame.unmarshal(raw)[2].properties
            self._id = properties.correlation_id.encode("ascii")
        elif kind == 3:
            self._answered(raw)

    def _command(self, raw: bytes) -> None:
        name = struct.unpack_from(">HH", raw, 7)
        if name == _DELIVER:
            command = frame.unmarshal(raw)[2]
            self._tag = struct.pack(">Q", command.delivery_tag)
        elif name == _ACK:
            (tag,) = struct.unpack_from(">Q", raw, 11)
            first = self._confirmed + 1 if raw[19] else tag
            self._confirmed = tag if raw[19] else self._confirmed
            for one in range(first, tag + 1):
                if (id_ := self._ids.pop(one, None)) is not None and self._asking:
                    self._asking.confirmed(id_)

    def _answered(self, raw: bytes) -> None:
        assert len(raw) - 8 == BODY_BYTES, "an answer is one frame"
        ack = struct.pack(">HH", *_ACK) + self._tag + b"\x00"
        self._transport.write(struct.pack(">BHI", 1, 1, len(ack)) + ack + b"\xce")
        if self._asking:
            self._asking.answered(self._id)


def _published(body: bytes) -> tuple[bytes, bytes]:
    """The bytes of one publish, before and after its correlation id."""
    properties = commands.Basic.Properties(
        content_type="application/json",
        delivery_mode=2,
        correlation_id=_PLACE.decode("ascii"),
        reply_to=ANSWERS,
    )
    raw = b"".join(
        frame.marshal(part, 1)
        for part in (
            commands.Basic.Publish(exchange="", routing_key=REQUESTS),
            header.ContentHeader(0, len(body), properties),
            ContentBody(body),
        )
    )
    before, _, after = raw.partition(_PLACE)
    return before, after


async def connect(port: int) -> AmqpClient:
    """A client that is ready to ask."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(AmqpClient, "127.0.0.1", port)
    await client.set_up()
    return client


if __name__ == "__main__":
    serve_commands(lambda: connect(int(sys.argv[1])))
