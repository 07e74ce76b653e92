"""A log whose tiles are published over HTTP, made in memory: it grows, goes back and forks.

`tiles_of_hashes` makes tiles by the definition of C2SP tlog-tiles, with nothing of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import httpx

from signing.keys import generate_key
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.merkle import leaf_hash, merkle_root
from signing.log.note import NoteSigner

ORIGIN = "sx.example/log/0"


def tiles_of_hashes(hashes: Sequence[bytes]) -> dict[str, bytes]:
    """Every tile of the tree by its path: full ones, and the partial one of each level."""
    found: dict[str, bytes] = {}
    level, row = 0, list(hashes)
    while row:
        above = []
        for number in range(0, len(row), 256):
            tile = row[number : number + 256]
            digits = f"{number // 256:09d}"
            groups = [digits[at : at + 3] for at in (0, 3, 6)]
            while len(groups) > 1 and groups[0] == "000":
                del groups[0]
            path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
            width = "" if len(tile) == 256 else f".p/{len(tile)}"
            found[f"tile/{level}/{path}{width}"] = b"".join(tile)
            if len(tile) == 256:
                above.append(_root(tile))
        level, row = level + 1, above
    return found


def _root(row: Sequence[bytes]) -> bytes:
    row = list(row)
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=True)
        row = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return row[0]


class TiledLog(httpx.BaseTransport):
    """The log, and the transport that reaches it."""

    def __init__(self, origin: str = ORIGIN, leaves: int = 0) -> None:
        key = generate_key("Ed25519")
        self.signer = NoteSigner(origin, key)  # type: ignore[arg-type]
        self.leaves: list[bytes] = []
        self.asked: list[str] = []
        self.is_away = False
        self.shown: int | None = None
        """The size that witnesses which poll are shown; None: nothing is collected."""
        self.brought: list[str] = []
        self.answer: httpx.Response | None = None
        self.grow(leaves)

    @property
    def hashes(self) -> list[bytes]:
        """Its leaves' hashes."""
        return [leaf_hash(leaf) for leaf in self.leaves]

    def grow(self, count: int, word: str = "leaf") -> None:
        """Add leaves."""
        start = len(self.leaves)
        self.leaves += [f"{word} {start + i}".encode() for i in range(count)]

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """What it says of itself, or of its first ``size`` leaves."""
        hashes = self.hashes[:size]
        return Checkpoint(self.signer.verifier.name, len(hashes), merkle_root(hashes))

    def note(self, size: int | None = None) -> str:
        """That, signed."""
        return sign_checkpoint(self.checkpoint(size), self.signer)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as a log does."""
        path = request.url.path.removeprefix("/log/0/")
        self.asked.append(path)
        if self.is_away:
            raise httpx.ConnectError("away")
        if request.method == "POST":
            self.brought.append(request.read().decode())
            return self.answer or httpx.Response(404, stream=httpx.ByteStream(b""))
        if path == "cosignatures" and self.shown is not None:
            return _reply(self.note(self.shown).encode())
        if path == "checkpoint":
            return _reply(self.note().encode())
        tile = tiles_of_hashes(self.hashes).get(path)
        return httpx.Response(404) if tile is None else _reply(tile)


def _reply(data: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(data))
