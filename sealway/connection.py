"""The synchronous driver: carries out steps over HTTP with httpx.

Owns the socket; what every driver does alike is in `driving`. Knows no rule of the exchange: those
are in the steps.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol, TypeVar

import httpx

from sealway.driving import OPTIONS, Bearer, Body, Credentials, Machine, reply_of, unavailable
from sealway.errors import BusUnavailable
from sealway.steps import Call, Clock, Pause, Reply, Steps, problem_of

__all__ = ["Connection", "Credentials", "SleepingClock", "SystemClock"]

T = TypeVar("T")


class SleepingClock(Clock, Protocol):
    """A clock that can also be waited on."""

    def sleep(self, seconds: float) -> None:
        """Wait; a signal handler that raises ends it."""


class SystemClock(Machine):
    """The machine's clocks."""

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)


class Connection:
    """A bus at one address, and somebody to call it as."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        clock: SleepingClock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self.clock = clock or SystemClock()
        self._bearer = Bearer(url, credentials)
        self._http = httpx.Client(base_url=url, transport=transport, **OPTIONS)

    def close(self) -> None:
        """Close the sockets; closing twice is nothing."""
        self._http.close()

    def run(self, steps: Steps[T]) -> T:
        """Carry out a conversation and give its result; whatever it raises comes through."""
        send: Reply | None = None
        error: BusUnavailable | None = None
        try:
            while True:
                step = steps.throw(error) if error is not None else steps.send(send)
                send = error = None
                if isinstance(step, Pause):
                    self.clock.sleep(step.seconds)
                    continue
                try:
                    send = self.call(step)
                except BusUnavailable as unreachable:
                    error = unreachable
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            steps.close()

    def call(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            BusUnavailable: no connection, or it broke, or the time was over.
            ProofFailed: a reply beyond the limit of size.
        """
        request = self._http.build_request(**self._bearer.request(call))
        began_s, body = time.monotonic(), Body()
        try:
            response = self._http.send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    body.add(piece)
            finally:
                response.close()
        except httpx.RequestError as error:
            raise unavailable(self.url, call, error) from error
        return reply_of(call, response, body, time.monotonic() - began_s)

    def stream(self, call: Call) -> Iterator[bytes]:
        """Make one call whose reply is as long as it likes, and give its bytes as they come.

        Raises:
            BusUnavailable: no connection, or it broke: what came so far is not the whole.
            Refused: the bus said no; nothing was given.
        """
        request = self._http.build_request(**self._bearer.request(call))
        began_s, body = time.monotonic(), Body()
        try:
            response = self._http.send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    if response.status_code < 400:
                        yield piece
                    else:
                        body.add(piece)
            finally:
                response.close()
        except httpx.RequestError as error:
            raise unavailable(self.url, call, error) from error
        if response.status_code >= 400:
            raise problem_of(reply_of(call, response, body, time.monotonic() - began_s))
