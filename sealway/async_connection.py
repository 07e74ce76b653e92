"""The asynchronous driver: carries out the same steps over `httpx.AsyncClient`.

Owns the sockets of one event loop. Many conversations may run on it at once, each in its task; one
that is cancelled stops where it waits, and what it had sent is sent.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, TypeVar

import httpx

from sealway.driving import OPTIONS, Bearer, Body, Credentials, Machine, reply_of, unavailable
from sealway.errors import BusUnavailable
from sealway.steps import Call, Clock, Pause, Reply, Steps

T = TypeVar("T")


class AsyncSleepingClock(Clock, Protocol):
    """A clock that can also be awaited."""

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, while other tasks go on."""


class AsyncSystemClock(Machine):
    """The machine's clocks."""

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, while other tasks go on."""
        await asyncio.sleep(seconds)


class AsyncConnection:
    """A bus at one address, and somebody to call it as."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        clock: AsyncSleepingClock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url
        self.clock = clock or AsyncSystemClock()
        self._bearer = Bearer(url, credentials)
        self._http = httpx.AsyncClient(base_url=url, transport=transport, **OPTIONS)

    async def close(self) -> None:
        """Close the sockets; closing twice is nothing."""
        await self._http.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """Carry out a conversation and give its result; whatever it raises comes through."""
        send: Reply | None = None
        error: BusUnavailable | None = None
        try:
            while True:
                step = steps.throw(error) if error is not None else steps.send(send)
                send = error = None
                if isinstance(step, Pause):
                    await self.clock.sleep(step.seconds)
                    continue
                try:
                    send = await self.call(step)
                except BusUnavailable as unreachable:
                    error = unreachable
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            steps.close()

    async def call(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            BusUnavailable: no connection, or it broke, or the time was over.
            ProofFailed: a reply beyond the limit of size.
        """
        request = self._http.build_request(**self._bearer.request(call))
        began_s, body = time.monotonic(), Body()
        try:
            response = await self._http.send(request, stream=True)
            try:
                async for piece in response.aiter_bytes():
                    body.add(piece)
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            raise unavailable(self.url, call, error) from error
        return reply_of(call, response, body, time.monotonic() - began_s)
