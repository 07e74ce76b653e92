"""The way out: ended spans wait in memory and are posted to the collector, a batch at a time.

Owns that memory and the task that empties it. Refuses to keep a span for a collector that is away:
what can't be posted is lost and counted. Invariant: ending a span costs an append, and nothing of
what goes wrong here reaches the step that was told.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from signing.errors import SealwayError

log = structlog.get_logger()

BATCH_MAX: Final = 512  # spans in one body: some 200 KiB, encoded in a few milliseconds

Post = Callable[[bytes], Awaitable[int]]
"""Posts one body; answers the collector's status. Raises SealwayError."""


class Spool(SpanProcessor):
    """Holds at most ``queue_max`` ended spans and posts them every ``every_s``."""

    def __init__(self, post: Post, *, queue_max: int, every_s: float) -> None:
        self._post = post
        self._queue: deque[ReadableSpan] = deque()
        self._queue_max = queue_max
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False
        self.lost = 0
        """Spans that were dropped: no room, or not taken by the collector."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span for the next batch, if there is room."""
        if len(self._queue) < self._queue_max:
            self._queue.append(span)
        else:
            self.lost += 1

    def start(self) -> None:
        """Begin to post."""
        self._task = asyncio.create_task(self._run(), name="tracing")

    async def stop(self, within_s: float) -> None:
        """Post what is left, for as long as that; the rest is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(within_s):
                await self.flush()
        except TimeoutError:
            log.warning("tracing.left_unsent", spans=len(self._queue))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.flush()

    async def flush(self) -> None:
        """Post all there is, until the collector takes no more. Never raises for its sake."""
        while self._queue:
            size = min(BATCH_MAX, len(self._queue))
            batch = [self._queue.popleft() for _ in range(size)]
            if not await self._sent(batch):
                self.lost += size
                return

    async def _sent(self, batch: Sequence[ReadableSpan]) -> bool:
        try:
            body = await asyncio.to_thread(_encoded, batch)
            status = await self._post(body)
            why = None if 200 <= status < 300 else f"status-{status}"
        except SealwayError as error:
            why = error.code
        except Exception as error:
            why = type(error).__name__
        self._say(why)
        return why is None

    def _say(self, why: str | None) -> None:
        """One line when it begins to fail, and one when it is over."""
        if why is not None and not self._is_failing:
            log.warning("tracing.not_taken", why=why)
        elif why is None and self._is_failing:
            log.info("tracing.taken_again", lost=self.lost)
        self._is_failing = why is not None


def _encoded(batch: Sequence[ReadableSpan]) -> bytes:
    body: bytes = encode_spans(batch).SerializeToString()
    return body
