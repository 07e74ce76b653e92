"""The witness over HTTP: ``add-checkpoint``, and what was cosigned last of each log.

Owns the socket and its limits: connections, seconds, bytes. Refuses TLS and everybody's identity:
a proxy stands in front, and a checkpoint's own signature is all that counts. On the standard
library's server, so that a witness needs the base install only.
"""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from sealway.witness.core import Answer, Witness
from sealway.witness.errors import WitnessUnusable
from sealway.witness.request import REQUEST_BYTES_MAX
from sealway.witness.state import log_file_name

CONNECTIONS_MAX: Final = 64  # a thread each; a bus needs one
IDLE_S: Final = 10.0  # between two bytes, and between two requests
CONNECTION_S_MAX: Final = 60.0  # then it is closed; nobody holds a thread longer

ADD_CHECKPOINT: Final = "/add-checkpoint"
_NOT_FOUND: Final = Answer(404, "Not found.\n")


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness until it is shut down."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = CONNECTIONS_MAX

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        """Raises WitnessUnusable: the address can't be listened on."""
        self.witness = witness
        self._by_file = {log_file_name(origin): origin for origin in witness.logs}
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            host, port = address
            raise WitnessUnusable(
                f"{host}:{port} can't be listened on: {error.strerror}"
            ) from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or close it when there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, in its thread."""
        timer = threading.Timer(CONNECTION_S_MAX, _break_off, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's concern; the others are told in the answer."""

    def get(self, path: str) -> Answer:
        """``/livez``, and ``/<SHA-256 of a log's origin, in hex>/checkpoint``."""
        if path == "/livez":
            return Answer(200, "alive\n")
        name, _, rest = path.removeprefix("/").partition("/")
        origin = self._by_file.get(name) if rest == "checkpoint" else None
        latest = None if origin is None else self.witness.latest(origin)
        return _NOT_FOUND if latest is None else Answer(200, latest.note)


def _break_off(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it ended meanwhile


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"  # connections are kept, as witnesses should
    server_version = "sealway-witness"
    sys_version = ""
    timeout = IDLE_S

    def do_POST(self) -> None:
        if self.path != ADD_CHECKPOINT:
            self._answer(_NOT_FOUND, keep=False)
            return
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or "transfer-encoding" in self.headers:
            self._answer(Answer(411, "A content-length is needed.\n"), keep=False)
        elif int(length) > REQUEST_BYTES_MAX:
            self._answer(Answer(413, f"At most {REQUEST_BYTES_MAX} bytes.\n"), keep=False)
        else:
            self._add(self.rfile.read(int(length)), int(length))

    def _add(self, body: bytes, length: int) -> None:
        if len(body) < length:
            self.close_connection = True
            return
        self._answer(self._told(lambda: self.server.witness.add_checkpoint(body)))

    def do_GET(self) -> None:
        # A body that nobody asked for would be read as the next request.
        keep = not {"content-length", "transfer-encoding"} & set(map(str.lower, self.headers))
        self._answer(self._told(lambda: self.server.get(self.path)), keep=keep)

    def _told(self, ask: Any) -> Answer:
        try:
            answer: Answer = ask()
        except WitnessUnusable:
            return Answer(500, "The witness's state can't be used; its operator must look.\n")
        return answer

    def _answer(self, answer: Answer, *, keep: bool = True) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("content-type", answer.media_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")
        if not keep:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what strangers send belongs into no log of ours."""
