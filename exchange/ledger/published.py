"""What a log publishes besides its checkpoint: tiles and entry bundles (C2SP tlog-tiles).

Owns the line between signed and not: nothing is shown of what no signed checkpoint covers. Full
tiles are read as they were stored; partial ones come from the tree's right edge. Reads at most one
tile, or 256 leaves.
"""

from exchange.ledger.errors import LogBehind, LogUnavailable
from exchange.ledger.logs import Logs
from exchange.ledger.stored_log import LeafReads, read_leaves
from signing.log.merkle import HASH_BYTES
from signing.log.tiles import TILE_WIDTH, TilePlace, encode_entries


async def published_tile(logs: Logs, shard: int, place: TilePlace) -> bytes | None:
    """A tile's hashes; None when there is no such log, or it isn't signed that far.

    Raises:
        StorageUnavailable: it can't be read.
    """
    try:
        log = await logs.signed_to(shard, place.tree_size)
    except (LogUnavailable, LogBehind):
        return None
    tile = await log.tile(place.level, place.number)
    return tile[: place.width * HASH_BYTES]


async def published_entries(
    logs: Logs, reads: LeafReads, shard: int, place: TilePlace
) -> bytes | None:
    """An entry bundle, each leaf byte for byte; None as above.

    Raises:
        StorageUnavailable: it can't be read.
    """
    assert place.level == 0
    try:
        await logs.signed_to(shard, place.tree_size)
    except (LogUnavailable, LogBehind):
        return None
    first = place.number * TILE_WIDTH
    leaves = await read_leaves(reads, shard, first, first + place.width)
    return encode_entries(leaves) if len(leaves) == place.width else None
