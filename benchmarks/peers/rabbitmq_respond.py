"""The service behind RabbitMQ, as its own client library has it: asked by queue, answers by queue.

    python -m benchmarks.peers.rabbitmq_respond 5672

Each answer is persistent and confirmed before its request is acknowledged, so that neither is lost
when a process dies: the least that can be held against what the bus promises.
"""

import asyncio
import sys
from itertools import cycle
from typing import Final

import aio_pika
import uvloop

from benchmarks.bodies import answer_body
from benchmarks.provider import ANSWERS

REQUESTS: Final = "decisions"
PREFETCH: Final = 64


async def respond(port: int) -> None:
    """Answer until cancelled."""
    bodies = cycle([answer_body(number) for number in range(ANSWERS)])
    connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/")
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.declare_queue(REQUESTS, durable=True)

        async def answer(request: aio_pika.abc.AbstractIncomingMessage) -> None:
            response = aio_pika.Message(
                next(bodies),
                content_type="application/json",
                correlation_id=request.correlation_id,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            assert request.reply_to is not None
            await channel.default_exchange.publish(response, routing_key=request.reply_to)
            await request.ack()

        await queue.consume(answer)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(respond(int(sys.argv[1])))
