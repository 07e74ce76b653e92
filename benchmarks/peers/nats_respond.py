"""The service behind NATS JetStream, as its own client library has it.

    python -m benchmarks.peers.nats_respond 4222 made

Answers are published into a stream and acknowledged by the server before their requests are.
"""

import asyncio
import sys
from itertools import cycle
from pathlib import Path
from typing import Final

import nats
import uvloop
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from benchmarks.bodies import answer_body
from benchmarks.provider import ANSWERS

ASK: Final = "ask"
ANSWER: Final = "answer"
BYTES_MAX: Final = 512 * 1024 * 1024


async def respond(port: int, made: Path) -> None:
    """Make the streams, say so by a file, answer until cancelled."""
    bodies = cycle([answer_body(number) for number in range(ANSWERS)])
    connection = await nats.connect(f"nats://127.0.0.1:{port}")
    stream = connection.jetstream()
    for name, kept in ((ASK, RetentionPolicy.WORK_QUEUE), (ANSWER, RetentionPolicy.LIMITS)):
        await stream.add_stream(
            StreamConfig(
                name=name,
                subjects=[f"{name}.*"],
                storage=StorageType.FILE,
                retention=kept,
                max_bytes=BYTES_MAX,
            )
        )

    async def answer(request: Msg) -> None:
        id_ = request.subject.rpartition(".")[2]
        await stream.publish(f"{ANSWER}.{id_}", next(bodies))
        await request.ack()

    def begin(request: Msg) -> asyncio.Task[None]:
        task = asyncio.create_task(answer(request))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return task

    async def take(request: Msg) -> None:
        begin(request)

    under_way: set[asyncio.Task[None]] = set()
    await stream.subscribe(
        f"{ASK}.*", cb=take, manual_ack=True, config=ConsumerConfig(max_ack_pending=256)
    )
    await asyncio.to_thread(made.touch)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(respond(int(sys.argv[1]), Path(sys.argv[2])))
