"""The synchronous driver: carries out steps over HTTP with httpx.

Owns the socket, the limits on what may come back, and the header that says who calls. Refuses
redirects, proxies from the environment and replies beyond the limit. Knows no rule of the
exchange: those are in the steps.
"""

from __future__ import annotations

import time
from typing import Any, Protocol, TypeVar

import httpx

from sealway.errors import BusUnavailable, ProofFailed
from sealway.steps import REPLY_BYTES_MAX, Call, Clock, Pause, Reply, Steps

T = TypeVar("T")

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Credentials(Protocol):
    """Says who calls: a system signs each call, a person shows a token."""

    def authorization(self, method: str, url: str) -> str:
        """The value of the `Authorization` header for one call."""


class SleepingClock(Clock, Protocol):
    """A clock that can also be waited on."""

    def sleep(self, seconds: float) -> None:
        """Wait; a signal handler that raises ends it."""


class SystemClock:
    """The machine's clocks."""

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def elapsed_s(self) -> float:
        """Seconds on the clock that only goes forward."""
        return time.monotonic()


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
        self._credentials = credentials
        self._http = httpx.Client(
            base_url=url, transport=transport, trust_env=False, follow_redirects=False
        )

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
        request = self._http.build_request(
            call.method,
            call.path,
            headers=self._headers(call),
            content=call.body,
            timeout=call.timeout_s,
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                body = _read(response)
            finally:
                response.close()
        except _UNSENT as error:
            raise BusUnavailable(f"{self.url} cannot be reached.") from error
        except httpx.RequestError as error:
            raise BusUnavailable(
                f"The connection to {self.url} broke or took too long ({type(error).__name__}).",
                maybe_sent=True,
            ) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, body)

    def _headers(self, call: Call) -> dict[str, Any]:
        headers = {"accept": "application/json", "user-agent": "sealway", **call.headers}
        if call.bearer and self._credentials is not None:
            path = call.path.partition("?")[0]
            headers["authorization"] = self._credentials.authorization(call.method, self.url + path)
        return headers


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > REPLY_BYTES_MAX:
            raise ProofFailed("The bus's reply is beyond every limit it has told.")
    return bytes(body)
