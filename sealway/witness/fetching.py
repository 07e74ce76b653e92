"""Fetching what a log publishes over HTTP (C2SP tlog-tiles), with a limit on everything.

Owns the socket and the limits. Refuses redirects, proxies from the environment and answers that
are longer than they may be. Believes nothing: signatures and proofs are checked by who asks.
"""

import time
from collections.abc import Callable
from typing import Final

import httpx

from sealway.witness.errors import LogUnreachable
from signing.log.note import NOTE_BYTES_MAX
from signing.log.tiles import TILE_BYTES, TILE_WIDTH, TilePlace

TIMEOUT_S: Final = 10.0  # for each step of a reply
REPLY_S_MAX: Final = 30.0  # for the whole of it
CHECKPOINT_BYTES_MAX: Final = 4 * NOTE_BYTES_MAX
TRIES: Final = 3
PAUSE_S: Final = 0.5  # another process of the bus may learn of a signature a moment later
_HEADERS: Final = {"user-agent": "sealway-witness", "accept-encoding": "identity"}


class PublishedLog:
    """A log at its prefix, like ``https://bus.example/log/0``."""

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._http = httpx.Client(
            transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S
        )

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def fetch_checkpoint(self) -> str:
        """The log's last signed checkpoint, as a note. Raises LogUnreachable."""
        note = self._note("checkpoint")
        if note is None:
            raise LogUnreachable(f"{self._url} has no checkpoint.")
        return note

    def fetch_to_cosign(self) -> str | None:
        """The checkpoint that all who poll cosign now; None where there is no such thing.

        A bus shows one for a minute, so that witnesses which poll at their own times meet there.
        Raises LogUnreachable.
        """
        return self._note("cosignatures")

    def _note(self, path: str) -> str | None:
        data = self._get(path, CHECKPOINT_BYTES_MAX)
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise LogUnreachable(f"The checkpoint of {self._url} is no text.") from error

    def fetch_tile(self, place: TilePlace) -> bytes:
        """A tile; the full one where the partial one is gone. Raises LogUnreachable."""
        full = TilePlace(place.level, place.number, TILE_WIDTH)
        for turn in range(TRIES):
            if turn:
                self._sleep(PAUSE_S)
            for path in dict.fromkeys((place.path, full.path)):
                data = self._get(path, TILE_BYTES)
                if data is not None:
                    return data
        raise LogUnreachable(f"{self._url} doesn't show {place.path}.")

    def _get(self, path: str, bytes_max: int) -> bytes | None:
        url = f"{self._url}/{path}"
        try:
            with self._http.stream("GET", url, headers=_HEADERS) as reply:
                if reply.status_code == 404:
                    return None
                if reply.status_code != 200:
                    raise LogUnreachable(f"{url} answered {reply.status_code}.")
                return _read(reply, url, bytes_max)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LogUnreachable(f"{url} can't be fetched ({type(error).__name__}).") from error


def _read(reply: httpx.Response, url: str, bytes_max: int) -> bytes:
    body, until_s = bytearray(), time.monotonic() + REPLY_S_MAX
    for piece in reply.iter_raw():  # nothing is unpacked: it was asked for as it is
        body += piece
        if len(body) > bytes_max:
            raise LogUnreachable(f"{url} is longer than {bytes_max} bytes.")
        if time.monotonic() > until_s:
            raise LogUnreachable(f"{url} took longer than {REPLY_S_MAX:g} s.")
    return bytes(body)
