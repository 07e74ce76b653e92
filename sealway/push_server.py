"""A small HTTP server for a push endpoint, from the standard library.

Owns sockets and their limits: how many, how long, how much. For an agency that has no web server
of its own, behind a proxy that speaks TLS. Refuses chunked bodies: the bus sends none.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast

from sealway.push import PUSH_BYTES_MAX, PushReply

Handle = Callable[[Mapping[str, str], bytes], PushReply]

CONNECTIONS_MAX: Final = 64  # what one bus opens to one host
HEAD_S: Final = 10.0  # until a request's headers are complete, idling between two included
BODY_S: Final = 60.0  # 10 MiB take 60 s at 1.4 Mbit/s


class _Timed(io.RawIOBase):
    """A socket's bytes until a moment, however slowly they come."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.until_s = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


class _Post(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sealway", ""

    def setup(self) -> None:
        super().setup()
        self._timed = _Timed(self.connection)
        self.rfile = io.BufferedReader(self._timed)

    def handle_one_request(self) -> None:
        self._timed.until_s = time.monotonic() + HEAD_S
        super().handle_one_request()

    def do_POST(self) -> None:
        self._timed.until_s = time.monotonic() + BODY_S
        size = self._size()
        if size is None:
            self.close_connection = True
            self._say(PushReply(413 if self.headers.get("content-length") else 411))
            return
        body = self.rfile.read(size)
        if len(body) < size:
            self.close_connection = True
            return
        self._say(cast("_Server", self.server).answer(dict(self.headers.items()), body))

    def _size(self) -> int | None:
        lengths = self.headers.get_all("content-length", [])
        text = lengths[0].strip() if len(lengths) == 1 else ""
        if "transfer-encoding" in self.headers or not (text.isascii() and text.isdigit()):
            return None
        return int(text) if len(text) < 10 and int(text) <= PUSH_BYTES_MAX else None

    def _say(self, reply: PushReply) -> None:
        self.connection.settimeout(BODY_S)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the provider logs what it answered."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = CONNECTIONS_MAX

    def __init__(self, address: tuple[str, int], answer: Handle) -> None:
        self.answer = answer
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__(address, _Post)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: whoever hung up or crawled is no news."""


def make_server(handle: Handle, host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens; `serve_forever` runs it. Raises OSError when it can't."""
    return _Server((host, port), handle)


def serve(handle: Handle, host: str, port: int) -> None:
    """Serve until interrupted."""
    with make_server(handle, host, port) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
