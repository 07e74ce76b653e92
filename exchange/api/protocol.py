"""The limits that the HTTP server lacks: size of headers, and time until they are complete.

Owns a subclass of uvicorn's httptools protocol; bodies have their limits where they are read.
Refuses to look into a request. Invariant: what one connection may hold in memory before a route
sees it is bounded, and so is how long it may take; ordinary requests, whose headers come in one
piece, pay nothing for it.
"""

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from exchange.api.problems import MEDIA_TYPE, problem_bytes

_LINE_BYTES: Final = 4  # colon, space and line end of a field


class LimitedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with 431 for headers beyond a limit; silence for headers that never end."""

    header_bytes_max: ClassVar[int]
    header_s_max: ClassVar[float]
    base_url: ClassVar[str]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time that the first request's headers may take."""
        super().connection_made(transport)
        self._in_head = True
        self._refused = False
        self._field_bytes = 0
        self._later_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then look whether the headers have become too much."""
        if self._refused:
            return
        was_in_head = self._in_head
        super().data_received(data)
        if not self._in_head:
            self._stop_timer()
        else:
            self._start_timer()
            # An unfinished field is in no callback: what came since the head began is counted.
            self._later_bytes += len(data) if was_in_head else 0
        if max(self._field_bytes, self._later_bytes) > self.header_bytes_max:
            self._refuse()

    def on_message_begin(self) -> None:
        """A request begins, or the next one on this connection."""
        super().on_message_begin()
        self._in_head = True
        self._field_bytes = self._later_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Count the address like a field."""
        self._field_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field, also a trailer's; what is over the limit is not kept."""
        self._field_bytes += len(name) + len(value) + _LINE_BYTES
        if self._field_bytes <= self.header_bytes_max:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its headers were too much."""
        self._in_head = False
        self._later_bytes = 0
        if self._field_bytes > self.header_bytes_max:
            self._refuse()
        elif not self._names_host():
            self._refused = True
            if self.cycle is None or self.cycle.response_complete:
                self.send_400_response("A request of HTTP/1.1 names its host (RFC 9112, 3.2).")
            self.transport.close()
        else:
            super().on_headers_complete()

    def _names_host(self) -> bool:
        """Whether there is a Host field; HTTP/1.0 goes without."""
        for name, _ in self.headers:  # it comes first, as a rule
            if name == b"host":
                return True
        return bool(self.parser.get_http_version() != "1.1")

    def on_body(self, body: bytes) -> None:
        """Nothing of a refused request is kept."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Nothing of a refused request is answered."""
        if not self._refused:
            super().on_message_complete()

    def _start_timer(self) -> None:
        if self._timer is None and not self._refused:
            self._timer = self.loop.call_later(self.header_s_max, self._too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        """Close without a word: whoever sends headers for so long waits for none."""
        self._timer = None
        self._refused = True
        self.transport.close()

    def _refuse(self) -> None:
        """431 and close; close alone while an earlier request is still being answered."""
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        if self.cycle is None or self.cycle.response_complete:
            body = problem_bytes(
                "header-too-large",
                f"The header fields have more than {self.header_bytes_max} bytes.",
                base_url=self.base_url,
            )
            head = (
                "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()


def limited_protocol(
    base_url: str, header_bytes_max: int, header_s_max: float
) -> type[LimitedProtocol]:
    """The protocol class for uvicorn's ``http`` setting, with these limits."""
    limits = {
        "base_url": base_url,
        "header_bytes_max": header_bytes_max,
        "header_s_max": header_s_max,
    }
    return type("LimitedProtocol", (LimitedProtocol,), limits)
