"""What drivers of steps do alike, whether they wait or await: the request, the reply, their limits.

Owns the header that says who calls, the limit on what may come back, and what a broken connection
means. Refuses redirects and proxies from the environment. Logs each call's method, path, status and
time under `sealway`: never a body, never a token.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final, Protocol

import httpx

from sealway.errors import BusUnavailable, ProofFailed
from sealway.steps import REPLY_BYTES_MAX, Call, Reply

OPTIONS: Final[dict[str, Any]] = {"trust_env": False, "follow_redirects": False}
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

log = logging.getLogger("sealway")


class Credentials(Protocol):
    """Says who calls: a system signs each call, a person shows a token."""

    def authorization(self, method: str, url: str) -> str:
        """The value of the `Authorization` header for one call."""


class Machine:
    """The machine's clocks; how to sleep on them is each driver's."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def elapsed_s(self) -> float:
        """Seconds on the clock that only goes forward."""
        return time.monotonic()


class Bearer:
    """Makes requests to one bus, as somebody."""

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        self._url = url
        self._credentials = credentials

    def request(self, call: Call) -> dict[str, Any]:
        """What httpx builds the request of."""
        headers = {"accept": "application/json", "user-agent": "sealway", **call.headers}
        if call.bearer and self._credentials is not None:
            url = self._url + call.path.partition("?")[0]
            headers["authorization"] = self._credentials.authorization(call.method, url)
        return {
            "method": call.method,
            "url": call.path,
            "headers": headers,
            "content": call.body,
            "timeout": call.timeout_s,
        }


class Body:
    """A reply's body while it arrives."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, piece: bytes) -> None:
        """One more piece. Raises ProofFailed beyond the limit."""
        self._data += piece
        if len(self._data) > REPLY_BYTES_MAX:
            raise ProofFailed("The bus's reply is beyond every limit it has told.")

    def whole(self) -> bytes:
        """All of it."""
        return bytes(self._data)


def reply_of(call: Call, response: httpx.Response, body: Body, took_s: float) -> Reply:
    """What a conversation is given."""
    log.debug("%s %s: %d in %.3f s", call.method, _path(call), response.status_code, took_s)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body.whole())


def unavailable(url: str, call: Call, error: httpx.RequestError) -> BusUnavailable:
    """What a broken connection means: whether the bytes may have arrived."""
    name = type(error).__name__
    log.debug("%s %s: %s", call.method, _path(call), name)
    if isinstance(error, _UNSENT):
        return BusUnavailable(f"{url} cannot be reached.")
    return BusUnavailable(
        f"The connection to {url} broke or took too long ({name}).", maybe_sent=True
    )


def _path(call: Call) -> str:
    return call.path.partition("?")[0]
