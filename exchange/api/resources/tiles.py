"""Tiles and entry bundles of every log (C2SP tlog-tiles).

Hashes are public. Entries tell who exchanged with whom and when, so they are for the auditor's
role alone; to everybody else they aren't there.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from exchange.api.errors import NotFound
from exchange.api.resources.asked import BusOf, respond
from exchange.ledger.names import number_of
from exchange.ledger.published import published_entries, published_tile
from signing.log.tiles import TilePlace, parse_tile_place

router = APIRouter(tags=["logs"])

FULL_S: Final = 31_536_000  # a year, the longest that caches heed; it never changes
PARTIAL_S: Final = 10  # soon replaced by a wider one; whoever needs it again has a new checkpoint

LogName = Annotated[str, Path(max_length=20, description="As in the origin: `0`, `7`, `0.1`.")]
Number = Annotated[
    str, Path(max_length=40, description="`x001/x234/067`; partial with `.p/` and the width.")
]


@router.get(
    "/log/{n}/tile/entries/{number:path}",
    summary="An entry bundle of a log, for auditors (C2SP tlog-tiles)",
    response_class=Response,
)
async def entries(n: LogName, number: Number, api: BusOf) -> Response:
    """`u16be length, leaf` for each of up to 256 leaves, as far as the log is signed."""
    shard, place = _asked(n, "0", number)
    data = await published_entries(api.logs, api.reads, shard, place)
    return _found(data, place, b"private")


@router.get(
    "/log/{n}/tile/{level}/{number:path}",
    summary="A tile of a log (C2SP tlog-tiles)",
    response_class=Response,
)
async def tile(n: LogName, level: str, number: Number, api: BusOf) -> Response:
    """Up to 256 hashes of 32 bytes, as far as the log is signed."""
    shard, place = _asked(n, level, number)
    return _found(await published_tile(api.logs, shard, place), place, b"public")


def _asked(n: str, level: str, number: str) -> tuple[int, TilePlace]:
    shard, place = number_of(n), parse_tile_place(level, number)
    if shard is None or place is None:
        raise NotFound("No log has such a tile.")
    return shard, place


def _found(data: bytes | None, place: TilePlace, whose: bytes) -> Response:
    if data is None:
        raise NotFound("This bus holds no such log, or it isn't signed that far.")
    keep = b"max-age=%d, immutable" % FULL_S if place.is_full else b"max-age=%d" % PARTIAL_S
    lines = [
        (b"content-type", b"application/octet-stream"),
        (b"cache-control", whose + b", " + keep),
    ]
    return respond((200, lines, data))
