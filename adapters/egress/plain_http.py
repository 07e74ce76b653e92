"""HTTP/1.1 over plain TCP, as lean as the hot path needs: asyncio and llhttp, nothing between.

Owns connections, their reuse, and the limits of one call. Refuses TLS, redirects, pipelining,
upgrades and compressed bodies.

Invariants: one call at a time on a connection; a connection is used again only after a whole
response with nothing behind it; a call is repeated once, and only on a reused connection that
closed before any byte of a response, when the caller says that a repeat is harmless.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

import httptools

from adapters.egress.limits import EgressLimits
from adapters.egress.response import EgressResponse
from adapters.errors import AttemptFailed, ProviderMisbehaved, ProviderTimeout, ProviderUnreachable

Addresses = Callable[[], Awaitable[tuple[str, ...]]]

_BODILESS: Final = (204, 304)


class _ClosedBeforeAnswer(ProviderUnreachable):
    """A connection that was closed with a request on it and no byte of a response."""


class _Connection(asyncio.Protocol):
    """One TCP connection; ``ask`` may be called again when the last call returned."""

    def __init__(self, limits: EgressLimits) -> None:
        self._loop = asyncio.get_running_loop()
        self._header_bytes_max = limits.header_bytes_max
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[EgressResponse] | None = None
        self.is_reusable = True
        self.idle_since = 0.0
        self._reset(0)

    def _reset(self, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._header_bytes = self._body_bytes = self._received = self._status = 0
        self._in_body = self._until_close = self._is_whole = False
        self._fault: AttemptFailed | None = None

    async def ask(
        self, head: bytes, body: bytes, at_s: float, body_bytes_max: int
    ) -> EgressResponse:
        """Send one request and wait for its whole response, until loop time ``at_s``."""
        if self._transport is None or not self.is_reusable:
            raise _ClosedBeforeAnswer("The connection was closed.", maybe_sent=False)
        self._reset(body_bytes_max)
        waiter: asyncio.Future[EgressResponse] = self._loop.create_future()
        self._waiter = waiter
        timer = self._loop.call_at(at_s, self._expire)
        try:
            self._transport.write(head + body if len(body) < 65_536 else head)
            if len(body) >= 65_536:
                self._transport.write(body)
            return await waiter
        finally:
            timer.cancel()
            if self._waiter is not None:  # cancelled, or failed: the stream has no known position
                self.abort()

    def abort(self) -> None:
        """Close at once; what was on its way is lost."""
        self.is_reusable = False
        self._waiter = None
        if self._transport is not None:
            self._transport.abort()

    def _expire(self) -> None:
        self._fail(ProviderTimeout("The provider's server did not answer in time."))

    def _fail(self, error: AttemptFailed) -> None:
        waiter = self._waiter
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _finish(self) -> None:
        waiter, self._waiter = self._waiter, None
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if waiter is not None and not waiter.done():
            waiter.set_result(EgressResponse(self._status, tuple(self._headers), body))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._parser is None:  # bytes that nobody asked for
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fault = self._fault or ProviderMisbehaved("The provider's server broke HTTP/1.1.")
        if self._received > self._header_bytes_max and not self._in_body:
            self._fault = ProviderMisbehaved("The provider's response headers are too long.")
        if self._fault is not None:
            self._fail(self._fault)
        elif self._is_whole:
            self._finish()
            if not self.is_reusable and self._transport is not None:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_reusable = False
        self._parser = None  # it holds our methods: break the cycle
        if self._waiter is None:
            return
        if exc is None and self._until_close and self._in_body:
            self._finish()
        elif self._received == 0:
            self._fail(_ClosedBeforeAnswer("The provider's server closed the connection."))
        else:
            self._fail(ProviderUnreachable("The provider's server closed amid its answer."))

    # httptools

    def on_message_begin(self) -> None:
        if self._is_whole:  # a second response: the stream is out of step
            self.is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_whole:
            return
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > self._header_bytes_max:
            self._fault = ProviderMisbehaved("The provider's response headers are too long.")
        elif not self._in_body:  # trailers are counted and dropped
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_whole or self._parser is None:
            return
        self._status = self._parser.get_status_code()
        if self._status < 200:
            if self._status == 101:
                self._fault = ProviderMisbehaved("The provider's server changed the protocol.")
            return
        self._in_body, is_framed = True, self._status in _BODILESS
        for name, value in self._headers:
            lower = name.lower()
            if lower == b"content-length":
                is_framed = True
            elif lower == b"transfer-encoding":
                is_framed = True
                if value.strip().lower() != b"chunked":
                    self._fault = ProviderMisbehaved("An unknown transfer coding.")
        self._until_close = not is_framed

    def on_body(self, chunk: bytes) -> None:
        if self._is_whole:
            return
        self._body_bytes += len(chunk)
        if self._body_bytes > self._body_bytes_max:
            self._fault = ProviderMisbehaved("The provider's answer is longer than allowed.")
        elif self._fault is None:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self._is_whole or self._parser is None:
            return
        if self._status < 200:  # an interim response; the real one follows
            self._headers.clear()
            return
        self._is_whole = True
        self.is_reusable = self.is_reusable and self._parser.should_keep_alive()


class PlainPool:
    """The connections to one host and port."""

    def __init__(self, port: int, addresses: Addresses, limits: EgressLimits) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._addresses = addresses
        self._limits = limits
        self._idle: list[_Connection] = []
        self._slots = asyncio.Semaphore(limits.connections_per_host_max)

    async def send(
        self, head: bytes, body: bytes, *, timeout_s: float, body_bytes_max: int, repeatable: bool
    ) -> EgressResponse:
        """One call, within ``timeout_s`` from now, waiting for a free connection included.

        Raises:
            ProviderUnreachable, ProviderTimeout, ProviderMisbehaved: as their names say.
        """
        at_s = self._loop.time() + timeout_s
        if self._slots.locked():
            await self._free_slot(at_s)
        else:
            await self._slots.acquire()
        try:
            connection = self._take_idle()
            if connection is not None:
                try:
                    return await self._ask(connection, head, body, at_s, body_bytes_max)
                except _ClosedBeforeAnswer as closed:
                    if closed.maybe_sent and not repeatable:
                        raise
                    self.close()  # what was idle as long is as stale
            connection = await self._connect(at_s)
            return await self._ask(connection, head, body, at_s, body_bytes_max)
        finally:
            self._slots.release()

    async def _free_slot(self, at_s: float) -> None:
        try:
            async with asyncio.timeout_at(at_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise ProviderTimeout("No connection came free in time.", maybe_sent=False) from error

    async def _ask(
        self, connection: _Connection, head: bytes, body: bytes, at_s: float, body_bytes_max: int
    ) -> EgressResponse:
        response = await connection.ask(head, body, at_s, body_bytes_max)
        if connection.is_reusable:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        return response

    def _take_idle(self) -> _Connection | None:
        oldest = self._loop.time() - self._limits.keepalive_s
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self, at_s: float) -> _Connection:
        failure: Exception | None = None
        try:
            async with asyncio.timeout_at(at_s):
                for address in await self._addresses():
                    try:
                        async with asyncio.timeout(self._limits.connect_timeout_s):
                            _, connection = await self._loop.create_connection(
                                lambda: _Connection(self._limits), address, self._port
                            )
                            return connection
                    except OSError as error:  # TimeoutError is one
                        failure = error
        except TimeoutError as error:
            raise ProviderTimeout("No connection in time.", maybe_sent=False) from error
        raise ProviderUnreachable(
            "The provider's server takes no connection.", maybe_sent=False
        ) from failure

    def close(self) -> None:
        """Close what is idle; calls under way keep their connections."""
        while self._idle:
            self._idle.pop().abort()
